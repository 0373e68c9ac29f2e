//! Low-latency HLS as players use it: parts, waiting for what comes next, hints, delta updates, reports.

use std::collections::BTreeMap;
use std::thread;
use std::time::{Duration, Instant};

use nixcast_schema::Variant;
use nixcast_tests::low_latency::{Listing, Segment};
use nixcast_tests::players::Player;
use nixcast_tests::server::Scene;
use nixcast_tests::{http, media, wait};

use crate::live::{Live, playlist_of, rung, source};

const AUDIO: &str = "/hls/audio/stream.m3u8";
const RUNGS: [&str; 2] = ["source", "low"];

/// Target and hold-back of parts by latency level, seconds, as the option says.
const PARTS: [(f64, f64); 5] = [(0.21, 0.65), (0.35, 1.2), (0.53, 2.0), (1.03, 5.0), (1.03, 10.0)];

/// Bytes of whatever is at `path`, which must be there or come.
#[track_caller]
fn fetch(port: u16, path: &str) -> Vec<u8> {
    let reply = http::get(port, path).unwrap_or_else(|error| panic!("{path}: {error}"));
    assert_eq!(reply.status, 200, "{path}");
    assert_eq!(reply.header("content-length"), Some(reply.body.len().to_string().as_str()), "{path}");
    assert_eq!(reply.header("cache-control"), Some("public, max-age=31536000, immutable"), "{path}");
    reply.body
}

fn live(level: u8) -> Live {
    let mut scene = Scene::with_key();
    scene.settings.video.latency_level = level;
    scene.settings.video.variants = vec![source(), Variant { order: 2, ..rung("low", 180, 200) }];
    Live::start(scene)
}

/// Nobody was cut off, and everything decodes. That no packet is missing is asked at level 0 elsewhere: where pictures
/// are reordered, ffprobe states no durations.
#[track_caller]
fn finish(live: Live) {
    live.assert_untouched();
    live.watcher.finish().assert_decodes();
}

fn playlists() -> Vec<String> {
    RUNGS.iter().map(|name| playlist_of(name)).chain([AUDIO.to_owned()]).collect()
}

/// What every playlist must say at any time.
fn check_tags(listing: &Listing, level: usize) {
    let (part_target, hold_back) = PARTS[level];
    assert_eq!(listing.control["CAN-BLOCK-RELOAD"], "YES");
    assert!(listing.control("CAN-SKIP-UNTIL") >= 6.0 * listing.target_duration);
    assert!(listing.control("HOLD-BACK") >= 3.0 * listing.target_duration);
    assert!((listing.control("PART-HOLD-BACK") - hold_back).abs() < 1e-9);
    assert!((listing.part_target - part_target).abs() < 1e-9);
    assert!(listing.hint.is_some() && !listing.is_ended);
    let from_the_end = |index: usize| listing.segments[index..].iter().map(length).sum::<f64>();
    for (index, segment) in listing.segments.iter().enumerate() {
        check_parts(segment, part_target);
        let is_listed_in_parts = !segment.parts.is_empty();
        assert_eq!(is_listed_in_parts, from_the_end(index) <= 3.0 * listing.target_duration + 0.001, "{segment:?}");
    }
}

/// Seconds of what is listed of it.
fn length(segment: &Segment) -> f64 {
    if segment.path.is_some() { segment.duration } else { segment.parts.iter().map(|part| part.duration).sum() }
}

fn check_parts(segment: &Segment, part_target: f64) {
    for (index, part) in segment.parts.iter().enumerate() {
        let is_last = index + 1 == segment.parts.len() && segment.path.is_some();
        assert!(part.duration <= part_target + 1e-9, "{part:?} is longer than {part_target}");
        let is_long_enough = part.duration >= part_target * 0.85 - 1e-9;
        assert!(is_long_enough || is_last || part.is_independent, "{part:?} is shorter than 85 % of {part_target}");
        assert!(part.is_independent || index > 0, "{part:?} begins its segment");
        if let Some(path) = &segment.path {
            assert_eq!(part.path, path.replace(".m4s", &format!(".{index}.m4s")));
        }
    }
    if segment.path.is_some() && !segment.parts.is_empty() {
        let sum: f64 = segment.parts.iter().map(|part| part.duration).sum();
        assert!((sum - segment.duration).abs() < 0.05, "parts of {sum} s make a segment of {} s", segment.duration);
    }
}

#[test]
fn every_playlist_says_what_low_latency_players_need_and_each_part_is_there() {
    for level in [0, 2] {
        let live = live(level);
        live.watcher.wait_segments(4);
        let port = live.server.http_port();
        for path in playlists() {
            let listing = Listing::now(port, &path);
            check_tags(&listing, level.into());
            let others: Vec<String> = playlists().into_iter().filter(|other| *other != path).collect();
            assert_eq!(listing.reports.len(), others.len());
            for other in &others {
                let (reported, now) = (listing.reports[other], Listing::now(port, other).next());
                assert!(reported.1.is_some() && (reported.0, reported.1.unwrap()) < now, "{reported:?}, {now:?}");
                assert!(now.0 - reported.0 <= 3, "{other} is at {now:?}, {path} says {reported:?}");
            }
            let whole = listing.whole().rev().find(|segment| !segment.parts.is_empty()).unwrap();
            let parts: Vec<u8> = whole.parts.iter().flat_map(|part| fetch(port, &part.path)).collect();
            assert!(parts == fetch(port, whole.path.as_ref().unwrap()), "{whole:?} is not its parts");
        }
        finish(live);
    }
}

#[test]
fn a_request_waits_for_the_part_or_segment_it_names() {
    let live = live(1);
    live.watcher.wait_segments(4);
    let port = live.server.http_port();
    for path in playlists() {
        for _part in 0..8 {
            // What is asked for may come before the question arrives; what is answered must have it either way.
            let (msn, part) = Listing::now(port, &path).next();
            let answer = Listing::ask(port, &path, &format!("_HLS_msn={msn}&_HLS_part={part}")).unwrap();
            assert!(answer.next() > (msn, part), "{path}: {:?} after {:?}", answer.next(), (msn, part));
        }
        let (msn, _) = Listing::now(port, &path).next();
        let answer = Listing::ask(port, &path, &format!("_HLS_msn={msn}")).unwrap();
        assert!(answer.whole().any(|segment| segment.msn == msn), "{path}");
        // A part beyond the last of its segment is the first of the next.
        let answer = Listing::ask(port, &path, &format!("_HLS_msn={msn}&_HLS_part=99")).unwrap();
        assert!(answer.next() > (msn + 1, 0), "{path}");
    }
    finish(live);
}

#[test]
fn an_answer_comes_with_the_part_and_not_before() {
    let live = live(4);
    live.watcher.wait_segments(2);
    let port = live.server.http_port();
    let path = playlist_of("low");
    let parts_of = |answer: &Listing| answer.segments.iter().map(|segment| segment.parts.len()).sum::<usize>();
    let mut waited = 0;
    for _ in 0..6 {
        let before = Listing::now(port, &path);
        let (msn, part) = before.next();
        let asked = Instant::now();
        let answer = Listing::ask(port, &path, &format!("_HLS_msn={msn}&_HLS_part={part}")).unwrap();
        // Parts of a second: most questions come well before the answer.
        waited += usize::from(asked.elapsed() > Duration::from_millis(100));
        assert_ne!(parts_of(&answer), parts_of(&before));
        let ready = Listing::ask(port, &path, &format!("_HLS_msn={msn}&_HLS_part={part}")).unwrap();
        assert!(ready.next() >= answer.next(), "what is there is answered at once");
    }
    assert!(waited >= 3, "only {waited} of 6 requests were held back");
    finish(live);
}

#[test]
fn the_part_that_is_hinted_can_be_asked_for_ahead() {
    let live = live(2);
    live.watcher.wait_segments(3);
    let port = live.server.http_port();
    for path in playlists() {
        for _ in 0..4 {
            let before = Listing::now(port, &path);
            let (hint, next) = (before.hint.clone().expect("a live playlist hints"), before.next());
            let ahead = fetch(port, &hint);
            let listing = Listing::ask(port, &path, &format!("_HLS_msn={}&_HLS_part={}", next.0, next.1)).unwrap();
            let listed = listing.segments.iter().flat_map(|segment| &segment.parts).any(|part| part.path == hint);
            assert!(listed, "{hint} was hinted and never listed");
            assert!(ahead == fetch(port, &hint));
        }
        // What nobody said would come is not waited for.
        let (msn, part) = Listing::now(port, &path).next();
        let hint = Listing::now(port, &path).hint.unwrap();
        let folder = hint.rsplit_once('-').unwrap().0;
        let asked = Instant::now();
        let reply = http::get(port, &format!("{folder}-{}.{part}.m4s", msn + 1)).unwrap();
        assert_eq!(reply.status, 404);
        assert_eq!(reply.header("cache-control"), Some("no-store"));
        assert!(asked.elapsed() < Duration::from_secs(3), "refused at once");
    }
    finish(live);
}

#[test]
fn nonsense_is_refused_and_what_is_far_ahead_is_not_waited_for() {
    let live = live(2);
    live.watcher.wait_segments(2);
    let port = live.server.http_port();
    let path = playlist_of("source");
    let (msn, part) = Listing::now(port, &path).next();
    for directives in [
        "_HLS_part=0".to_owned(),
        "_HLS_msn=x".to_owned(),
        "_HLS_msn=-1".to_owned(),
        "_HLS_msn=1&_HLS_part=".to_owned(),
        "_HLS_skip=MAYBE".to_owned(),
        format!("_HLS_msn={}", msn + 3),
        format!("_HLS_msn={msn}&_HLS_part={}", part + 30),
    ] {
        assert_eq!(Listing::ask(port, &path, &directives), Err(400), "{directives}");
    }
    let moment = http::get(port, &format!("{path}?_HLS_msn={msn}")).unwrap();
    assert_eq!(moment.header("cache-control"), Some("max-age=1"), "the next broadcast counts from 1 again");
    assert_eq!(http::get(port, &path).unwrap().header("cache-control"), Some("max-age=1"));
    finish(live);
}

#[test]
fn a_delta_update_says_the_same_as_the_playlist() {
    let live = live(0);
    live.watcher.wait_segments(12);
    let port = live.server.http_port();
    for path in playlists() {
        // Two answers of the same moment; a part may come in between.
        let [full, delta] = wait::until("a whole and a delta playlist of one moment", Duration::from_secs(20), || {
            let full = Listing::now(port, &path);
            let delta = Listing::ask(port, &path, "_HLS_skip=YES").unwrap();
            let is_same = full.next() == delta.next() && full.reports == delta.reports;
            (is_same && delta.skipped > 0).then_some([full, delta])
        });
        assert!(delta.version >= 9, "{path}");
        let merged = Listing {
            version: full.version,
            skipped: 0,
            segments: [&full.segments[..usize::try_from(delta.skipped).unwrap()], &delta.segments[..]].concat(),
            ..delta.clone()
        };
        assert_eq!(merged, full, "{path}");
        let kept: f64 = delta.whole().map(|segment| segment.duration).sum();
        assert!(kept >= delta.control("CAN-SKIP-UNTIL") - 0.001);
    }
    finish(live);
}

#[test]
fn those_who_wait_are_answered_when_the_broadcast_ends() {
    let live = live(3);
    live.watcher.wait_segments(2);
    let port = live.server.http_port();
    let waiting: Vec<_> = playlists()
        .into_iter()
        .map(|path| {
            thread::spawn(move || {
                loop {
                    let (msn, part) = Listing::now(port, &path).next();
                    let answer = Listing::ask(port, &path, &format!("_HLS_msn={}&_HLS_part={part}", msn + 1));
                    if answer.is_ok_and(|answer| answer.is_ended || !answer.control.contains_key("CAN-BLOCK-RELOAD")) {
                        return;
                    }
                }
            })
        })
        .collect();
    let Live { server, publisher, watcher, .. } = live;
    watcher.finish().assert_decodes();
    drop(publisher);
    for waiting in waiting {
        waiting.join().unwrap();
    }
    drop(server);
}

/// Remembers every part that was ever listed, and what it meant.
#[derive(Default)]
struct Memory {
    parts: BTreeMap<(String, u64, usize), String>,
    whole: BTreeMap<(String, u64), String>,
}

impl Memory {
    fn note(&mut self, path: &str, listing: &Listing) {
        for segment in &listing.segments {
            for (index, part) in segment.parts.iter().enumerate() {
                let before =
                    self.parts.entry((path.to_owned(), segment.msn, index)).or_insert_with(|| part.path.clone());
                assert_eq!(*before, part.path, "{path}: part {index} of {}", segment.msn);
            }
            let Some(whole) = &segment.path else { continue };
            let before = self.whole.entry((path.to_owned(), segment.msn)).or_insert_with(|| whole.clone());
            assert_eq!(before, whole, "{path}: segment {}", segment.msn);
            if let Some(first) = self.parts.get(&(path.to_owned(), segment.msn, 0)) {
                assert_eq!(*first, whole.replace(".m4s", ".0.m4s"), "{path}: {} is not made of its parts", segment.msn);
            }
        }
    }
}

#[test]
fn a_ladder_and_a_level_that_change_contradict_nothing_that_was_listed() {
    let mut live = live(1);
    live.watcher.expect_longer_segments();
    live.watcher.wait_segments(2);
    let port = live.server.http_port();
    let player = Player::ffmpeg(&format!("http://127.0.0.1:{port}{}", playlist_of("low")));
    let mut memory = Memory::default();
    let mut follow = |parts: u32| {
        for _ in 0..parts {
            for path in [playlist_of("low"), playlist_of("source")] {
                let before = Listing::now(port, &path);
                memory.note(&path, &before);
                let (msn, part) = before.next();
                let answer = Listing::ask(port, &path, &format!("_HLS_msn={msn}&_HLS_part={part}"));
                memory.note(&path, &answer.unwrap_or(before));
            }
        }
    };
    follow(6);
    live.server.change(|settings| settings.video.variants.retain(|rung| rung.name == "source"));
    follow(12);
    let fed = Listing::now(port, &playlist_of("low"));
    let newest = &fed.segments.iter().rev().find(|segment| !segment.parts.is_empty()).unwrap().parts[0];
    assert!(newest.path.contains("/video/source/"), "{newest:?}");
    live.server.change(|settings| settings.video.variants.push(Variant { order: 2, ..rung("low", 180, 200) }));
    follow(12);
    live.server.change(|settings| settings.video.latency_level = 0);
    follow(30);
    Player::assert_all_play_on(&[player], "the level fell");
    for path in [playlist_of("low"), AUDIO.to_owned()] {
        let listing = Listing::now(port, &path);
        assert!((listing.part_target - PARTS[0].0).abs() < 1e-9, "{path}: parts of {}", listing.part_target);
    }
    live.assert_untouched();
}

#[test]
fn parts_decode_from_an_independent_one_on() {
    let live = live(2);
    live.watcher.wait_segments(3);
    let port = live.server.http_port();
    let folder = tempfile::tempdir().unwrap();
    for path in playlists() {
        let listing = Listing::now(port, &path);
        let text = http::get(port, &path).unwrap().text();
        let init = text.lines().find_map(|line| line.strip_prefix("#EXT-X-MAP:URI=\"")?.strip_suffix('"')).unwrap();
        let mut bytes = fetch(port, &nixcast_tests::playlist::resolve(&path, init));
        let parts: Vec<_> = listing.segments.iter().flat_map(|segment| &segment.parts).collect();
        assert!(parts[0].is_independent && parts.len() > 5);
        for part in parts {
            bytes.extend(fetch(port, &part.path));
        }
        let file = folder.path().join("parts.mp4");
        std::fs::write(&file, bytes).unwrap();
        media::decode(&file).unwrap_or_else(|error| panic!("{path}: {error}"));
    }
    finish(live);
}
