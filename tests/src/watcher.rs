//! One watcher plays the part of every viewer: it reads every media playlist again and again, also those the
//! multivariant playlist no longer names, fetches every segment as soon as it is listed, and holds each playlist to
//! what RFC 8216 promises players.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use m3u8_rs::MediaPlaylist;
use tempfile::TempDir;

use crate::connection::Connection;
use crate::http::{self, Reply};
use crate::media::{self, Packet};
use crate::{playlist, wait};

/// Time from one round over all playlists to the next: a few looks for each segment.
const ROUND: Duration = Duration::from_millis(200);

/// How much later than its target duration a segment may come on two busy cores. A player with hls.js's defaults
/// holds three target durations.
const LATENESS: Duration = Duration::from_secs(3);

/// Largest hole or overlap between two packets, in seconds: half a frame at 60 frames a second.
const SEAM: f64 = 0.008;

/// A segment as it was listed and fetched.
#[derive(Clone, Debug)]
pub struct Segment {
    pub uri: String,
    /// Seconds, as the playlist states.
    pub duration: f64,
    /// Path of its init section.
    pub init: String,
    /// When it began, as the playlist states: seconds since 1970.
    pub began: Option<f64>,
    /// When it was seen first, seconds since 1970.
    pub seen: f64,
    /// Discontinuities of the broadcast before it, as the playlist states.
    pub era: u64,
    pub bytes: Vec<u8>,
}

/// Everything seen of one media playlist.
#[derive(Clone, Debug)]
pub struct Track {
    pub target_seconds: u64,
    pub segments: BTreeMap<u64, Segment>,
    /// Whether the playlist was closed.
    pub is_ended: bool,
    /// When the last new segment was listed.
    grown_at: Instant,
    late: bool,
}

impl Track {
    pub fn last_msn(&self) -> u64 {
        self.segments.keys().next_back().copied().unwrap_or(0)
    }

    /// Segments in runs that share an init section, in order.
    fn runs(&self) -> Vec<Vec<(u64, &Segment)>> {
        let mut runs: Vec<Vec<(u64, &Segment)>> = Vec::new();
        for (msn, segment) in &self.segments {
            match runs.last_mut() {
                Some(run) if run[0].1.init == segment.init => run.push((*msn, segment)),
                _ => runs.push(vec![(*msn, segment)]),
            }
        }
        runs
    }
}

#[derive(Debug, Default)]
struct Seen {
    tracks: BTreeMap<String, Track>,
    inits: BTreeMap<String, Vec<u8>>,
    problems: Vec<String>,
    may_get_longer: bool,
    may_break: bool,
    may_end: bool,
    may_be_away: bool,
}

/// How a watcher asks for a path.
type Fetch = Box<dyn FnMut(&str) -> io::Result<Reply> + Send>;

/// A watcher at work. [`LiveWatcher::finish`] tells what it saw.
#[derive(Debug)]
pub struct LiveWatcher {
    seen: Arc<Mutex<Seen>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl LiveWatcher {
    /// Watches what the server on this port serves. The broadcast has to be playable already.
    pub fn start(port: u16) -> Self {
        Self::start_with(Box::new(move |path| http::get(port, path)))
    }

    /// Watches over one connection that is never given up: whatever happens to the port it was opened on, a reply that
    /// does not come is a problem.
    pub fn start_kept(port: u16) -> Self {
        let mut connection = Connection::to_port(port);
        Self::start_with(Box::new(move |path| {
            let reply = connection.get(path)?;
            if connection.opened() > 1 {
                return Err(io::Error::other("the kept connection was closed"));
            }
            if path == playlist::MULTIVARIANT && reply.status != 200 {
                return Err(io::Error::other(format!("status {}", reply.status)));
            }
            Ok(reply)
        }))
    }

    fn start_with(mut fetch: Fetch) -> Self {
        let seen = Arc::new(Mutex::new(Seen::default()));
        let stop = Arc::new(AtomicBool::new(false));
        let thread = thread::spawn({
            let (seen, stop) = (Arc::clone(&seen), Arc::clone(&stop));
            move || {
                while !stop.load(Ordering::Relaxed) {
                    look_at_everything(&mut fetch, &seen);
                    thread::sleep(ROUND);
                }
            }
        });
        Self { seen, stop, thread: Some(thread) }
    }

    /// What a viewer would have noticed so far.
    pub fn problems(&self) -> Vec<String> {
        self.seen.lock().unwrap().problems.clone()
    }

    /// Target durations may grow from now on: a higher latency level was asked for.
    pub fn expect_longer_segments(&self) {
        self.seen.lock().unwrap().may_get_longer = true;
    }

    /// The publisher is lost and comes back from now on: pauses and discontinuities are to be expected, and a time of
    /// its own after each.
    pub fn expect_breaks(&self) {
        self.seen.lock().unwrap().may_break = true;
    }

    /// The broadcast ends from now on: playlists are closed.
    pub fn expect_end(&self) {
        let mut seen = self.seen.lock().unwrap();
        (seen.may_break, seen.may_end) = (true, true);
    }

    /// The engine is restarted from now on: nobody may listen for a moment, media of before is gone, and numbers are
    /// passed over. Whatever is answered must be right all the same.
    pub fn expect_outage(&self) {
        let mut seen = self.seen.lock().unwrap();
        (seen.may_break, seen.may_be_away) = (true, true);
    }

    /// Waits until every playlist seen so far is closed.
    #[track_caller]
    pub fn wait_end(&self, limit: Duration) {
        wait::until("the end of every playlist", limit, || {
            let seen = self.seen.lock().unwrap();
            seen.tracks.values().all(|track| track.is_ended).then_some(())
        });
    }

    /// Paths of the playlists seen so far.
    pub fn paths(&self) -> Vec<String> {
        self.seen.lock().unwrap().tracks.keys().cloned().collect()
    }

    /// Waits until every playlist seen so far has got `count` more segments.
    #[track_caller]
    pub fn wait_segments(&self, count: u64) {
        let goals: BTreeMap<String, u64> = self
            .seen
            .lock()
            .unwrap()
            .tracks
            .iter()
            .map(|(path, track)| (path.clone(), track.last_msn() + count))
            .collect();
        assert!(!goals.is_empty(), "no playlist has been seen yet");
        for (path, goal) in goals {
            self.wait_msn(&path, goal);
        }
    }

    /// Waits until the playlist at `path` has reached the media sequence number `msn`.
    #[track_caller]
    pub fn wait_msn(&self, path: &str, msn: u64) {
        let limit = Duration::from_secs(60);
        wait::until(&format!("segment {msn} of {path}"), limit, || {
            let seen = self.seen.lock().unwrap();
            assert!(
                seen.problems.is_empty(),
                "while waiting for segment {msn} of {path}:\n{}",
                seen.problems.join("\n")
            );
            seen.tracks.get(path).is_some_and(|track| track.last_msn() >= msn).then_some(())
        });
    }

    /// Waits until a playlist at `path` is there and has `count` segments.
    #[track_caller]
    pub fn wait_track(&self, path: &str, count: usize) {
        wait::until(&format!("{count} segments of {path}"), Duration::from_secs(60), || {
            let seen = self.seen.lock().unwrap();
            seen.tracks.get(path).is_some_and(|track| track.segments.len() >= count).then_some(())
        });
    }

    /// Stops, fails if any viewer would have noticed anything, and returns everything seen.
    #[track_caller]
    pub fn finish(mut self) -> Story {
        self.halt();
        let seen = std::mem::take(&mut *self.seen.lock().unwrap());
        assert!(seen.problems.is_empty(), "a viewer would have noticed:\n{}", seen.problems.join("\n"));
        assert!(!seen.tracks.is_empty(), "there was nothing to watch");
        Story { tracks: seen.tracks, inits: seen.inits, folder: tempfile::tempdir().expect("a temporary folder") }
    }

    fn halt(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.join().expect("the watcher reports problems instead of panicking");
        }
    }
}

impl Drop for LiveWatcher {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.join().ok();
        }
    }
}

fn look_at_everything(fetch: &mut Fetch, seen: &Mutex<Seen>) {
    let menu = fetch(playlist::MULTIVARIANT);
    // The server may not be there any more, or nobody is live: for a watcher that connects anew that is no problem.
    if let Err(error) = &menu
        && error.kind() == io::ErrorKind::Other
    {
        seen.lock().unwrap().problems.push(format!("{}: {error}", playlist::MULTIVARIANT));
    }
    let named = playlist::multivariant_of(menu).map(|menu| playlist::media_paths(&menu)).unwrap_or_default();
    let mut paths: Vec<String> = seen.lock().unwrap().tracks.keys().cloned().collect();
    paths.extend(named);
    paths.sort();
    paths.dedup();
    for path in paths {
        let reply = fetch(&path);
        let mut seen = seen.lock().unwrap();
        if reply.is_err() && seen.may_be_away {
            continue;
        }
        let result = playlist::media_of(&path, reply);
        match result {
            Ok(list) => look_at(fetch, &path, &list, &mut seen),
            // A new rung is named only once it can be played, so this is a problem for it, too.
            Err(reason) => seen.problems.push(reason),
        }
    }
}

fn look_at(fetch: &mut Fetch, path: &str, list: &MediaPlaylist, seen: &mut Seen) {
    let Seen { tracks, inits, problems, may_get_longer, may_break, may_end, may_be_away } = seen;
    let track = tracks.entry(path.to_owned()).or_insert_with(|| Track {
        target_seconds: list.target_duration,
        segments: BTreeMap::new(),
        is_ended: false,
        grown_at: Instant::now(),
        late: false,
    });
    // What was borrowed from a rung with longer segments stays in the target duration, which may never shrink.
    if *may_get_longer || is_borrowing(list) {
        track.target_seconds = track.target_seconds.max(list.target_duration);
    }
    let allowed = Allowed { breaks: *may_break, end: *may_end, jumps: *may_be_away };
    problems
        .extend(broken_promises(path, track, list, allowed).into_iter().map(|promise| format!("{path}: {promise}")));
    track.is_ended = list.end_list;

    let mut init = None;
    let mut era = list.discontinuity_sequence;
    for (msn, listed) in (list.media_sequence..).zip(&list.segments) {
        era += u64::from(listed.discontinuity);
        if let Some(map) = &listed.map {
            init = Some(playlist::resolve(path, &map.uri));
        }
        if track.segments.contains_key(&msn) || is_gap(&listed.uri) {
            continue;
        }
        let Some(init) = init.clone() else {
            problems.push(format!("{path}: segment {msn} has no init section"));
            continue;
        };
        let uri = playlist::resolve(path, &listed.uri);
        let mut is_away = false;
        let mut fetch = |uri: &str| match fetch(uri) {
            Ok(reply) if reply.status == 200 => reply.body,
            // The engine is gone, or the one that listed it was.
            Ok(_) | Err(_) if *may_be_away => {
                is_away = true;
                Vec::new()
            }
            Ok(reply) => {
                problems.push(format!("{uri}, listed in {path}: status {}", reply.status));
                Vec::new()
            }
            Err(error) => {
                problems.push(format!("{uri}, listed in {path}: {error}"));
                Vec::new()
            }
        };
        let init_bytes = inits.get(&init).cloned().unwrap_or_else(|| fetch(&init));
        let bytes = fetch(&uri);
        if is_away {
            continue;
        }
        inits.insert(init.clone(), init_bytes);
        let began = listed.program_date_time.map(|date| date.timestamp_millis() as f64 / 1000.0);
        let duration = f64::from(listed.duration);
        track.segments.insert(msn, Segment { uri, duration, init, began, seen: unix_now(), era, bytes });
        track.grown_at = Instant::now();
        track.late = false;
    }

    let allowed = Duration::from_secs(track.target_seconds) * 2 + LATENESS;
    if track.grown_at.elapsed() > allowed && !track.late && !*may_break {
        track.late = true;
        problems.push(format!("{path}: no new segment for {allowed:?} after segment {}", track.last_msn()));
    }
}

/// What a viewer is told of when it happens.
#[derive(Clone, Copy, Debug)]
struct Allowed {
    breaks: bool,
    end: bool,
    jumps: bool,
}

/// RFC 8216, sections 4.3.3 and 6.2.1, for a playlist that was seen before.
fn broken_promises(path: &str, track: &Track, list: &MediaPlaylist, allowed: Allowed) -> Vec<String> {
    let mut broken = Vec::new();
    let (Some(first), Some(last)) = (track.segments.keys().next().copied(), track.segments.keys().next_back().copied())
    else {
        return broken;
    };
    let begin = list.media_sequence;
    let end = begin + list.segments.len() as u64;
    if end <= last {
        broken.push(format!("went back from segment {last} to {}", end.saturating_sub(1)));
    }
    if begin > last + 1 && !allowed.jumps {
        broken.push(format!("jumped from segment {last} to {begin}"));
    }
    if begin < first && !track.segments.contains_key(&begin) {
        broken.push(format!("listed segment {begin} again, older than any seen before"));
    }
    if list.end_list && !allowed.end {
        broken.push("was closed".to_owned());
    }
    if !list.end_list && track.is_ended {
        broken.push("goes on after its end".to_owned());
    }
    if list.target_duration > track.target_seconds {
        broken.push(format!("target duration grew from {} to {}", track.target_seconds, list.target_duration));
    }
    for (msn, listed) in (begin..).zip(&list.segments) {
        if listed.discontinuity && !allowed.breaks {
            broken.push(format!("segment {msn} is announced as a discontinuity"));
        }
        if f64::from(listed.duration).round() > list.target_duration as f64 {
            broken.push(format!("segment {msn} of {} s is longer than the target duration", listed.duration));
        }
        if let Some(known) = track.segments.get(&msn)
            && known.era != era_of(list, msn)
        {
            broken.push(format!("segment {msn} was in era {} and is now in {}", known.era, era_of(list, msn)));
        }
        if let Some(known) = track.segments.get(&msn)
            && known.uri != playlist::resolve(path, &listed.uri)
        {
            broken.push(format!("segment {msn} was {} and is now {}", known.uri, listed.uri));
        }
    }
    broken
}

/// Discontinuities of the broadcast before segment `msn`.
fn era_of(list: &MediaPlaylist, msn: u64) -> u64 {
    let before = (list.media_sequence..=msn).zip(&list.segments).filter(|(_, listed)| listed.discontinuity).count();
    list.discontinuity_sequence + before as u64
}

fn unix_now() -> f64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("a clock after 1970").as_secs_f64()
}

/// Whether the playlist goes on with another rung's segments, or over a hole, and is honest about their duration.
fn is_borrowing(list: &MediaPlaylist) -> bool {
    list.segments.iter().any(|segment| segment.uri.starts_with("../") || is_gap(&segment.uri))
}

/// Whether this is the address of a hole (`EXT-X-GAP`), which no player fetches.
fn is_gap(uri: &str) -> bool {
    uri.starts_with("gap-")
}

/// What a watcher saw from its start to its end.
#[derive(Debug)]
pub struct Story {
    pub tracks: BTreeMap<String, Track>,
    inits: BTreeMap<String, Vec<u8>>,
    folder: TempDir,
}

impl Story {
    /// The track of a rung's playlist.
    #[track_caller]
    pub fn rung(&self, name: &str) -> &Track {
        self.track(&format!("/hls/video/{name}/stream.m3u8"))
    }

    #[track_caller]
    pub fn track(&self, path: &str) -> &Track {
        self.tracks.get(path).unwrap_or_else(|| panic!("{path} was never seen, only {:?}", self.tracks.keys()))
    }

    /// Decodes every segment of every playlist, each with its init section.
    #[track_caller]
    pub fn assert_decodes(&self) {
        let mut problems = Vec::new();
        for (path, track) in &self.tracks {
            for run in track.runs() {
                if let Err(messages) = media::decode(&self.write(&run)) {
                    problems.push(format!("{}: {messages}", span(path, &run)));
                }
            }
        }
        assert!(problems.is_empty(), "a player would stumble:\n{}", problems.join("\n"));
    }

    /// Decodes everything, and checks that time goes on without a hole from packet to packet, also from one encoder
    /// to the next.
    #[track_caller]
    pub fn assert_plays(&self) {
        self.assert_decodes();
        self.assert_gapless(|_every_path| true);
    }

    /// Checks that time goes on without a hole from packet to packet in the playlists that are meant, except where one
    /// says that it does not.
    #[track_caller]
    pub fn assert_gapless(&self, is_meant: impl Fn(&str) -> bool) {
        let mut holes = Vec::new();
        for (path, track) in self.tracks.iter().filter(|(path, _)| is_meant(path)) {
            let (mut end, mut era): (Option<f64>, Option<u64>) = (None, None);
            for run in track.runs() {
                for packet in media::packets(&self.write(&run)) {
                    let is_break = era.is_some_and(|era| era != run[0].1.era);
                    if let Some(end) = end.filter(|end| !is_break && (packet.dts - end).abs() > SEAM) {
                        let span = span(path, &run);
                        holes.push(format!(
                            "{span}: a packet at {:.3} s follows one that ends at {end:.3} s",
                            packet.dts
                        ));
                    }
                    end = Some(packet.dts + packet.duration);
                    era = Some(run[0].1.era);
                }
            }
        }
        assert!(holes.is_empty(), "a player would stumble:\n{}", holes.join("\n"));
    }

    /// Packets of each segment of a track.
    #[track_caller]
    pub fn packets(&self, path: &str) -> BTreeMap<u64, Vec<Packet>> {
        let mut found: BTreeMap<u64, Vec<Packet>> = BTreeMap::new();
        for run in self.track(path).runs() {
            let mut ends = Vec::new();
            let mut end = self.inits[&run[0].1.init].len() as u64;
            for (msn, segment) in &run {
                end += segment.bytes.len() as u64;
                ends.push((*msn, end));
            }
            for packet in media::packets(&self.write(&run)) {
                let owner = ends.iter().find(|(_, end)| packet.offset < *end);
                let (msn, _) = owner.expect("a packet lies within the file it was read from");
                found.entry(*msn).or_default().push(packet);
            }
        }
        found
    }

    /// A file of the init section and all segments of the last run of a track.
    #[track_caller]
    pub fn last_run_file(&self, path: &str) -> PathBuf {
        let runs = self.track(path).runs();
        self.write(runs.last().unwrap_or_else(|| panic!("{path} has no segment")))
    }

    fn write(&self, run: &[(u64, &Segment)]) -> PathBuf {
        let mut bytes = self.inits[&run[0].1.init].clone();
        for (_, segment) in run {
            bytes.extend_from_slice(&segment.bytes);
        }
        let name = run[0].1.uri.replace('/', "-");
        let file = self.folder.path().join(format!("{name}.mp4"));
        fs::write(&file, bytes).expect("a temporary file can be written");
        file
    }
}

/// Which part of a playlist a run is, for messages.
fn span(path: &str, run: &[(u64, &Segment)]) -> String {
    format!("{path}, segments {} to {}", run[0].0, run[run.len() - 1].0)
}
