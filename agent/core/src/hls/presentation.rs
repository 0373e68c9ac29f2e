//! All playlists of one broadcast, and which of them a viewer is offered.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::meter::Meter;
use super::multivariant;
use super::reload::{Answer, Edge, Reload};
use super::retention::Retention;
use super::rung::{Line, Placed, Rung, Supply};
use super::uri::{Track, Uri};
use super::window::{Content, Pace, Part, SAME_INSTANT_US, Span, Surroundings, Window};
use crate::ids::EncoderId;
use crate::ladder::LatencyLevel;

/// How long a removed rung's playlist outlives the last request for it, milliseconds. A player reloads at least every
/// target duration, 17 s at most; three in a row lost is a player that left.
const FORGOTTEN_AFTER_MS: i64 = 60_000;

/// Number of a broadcast's first segment. Any will do (RFC 8216bis 4.4.3.2), but hls.js 1.7.4 takes a 0 for no number
/// at all when it looks up where a part belongs, and then asks for the first segment's parts without end.
const FIRST_MSN: u64 = 1;

/// What an init section describes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct InitFacts {
    /// RFC 6381, `avc1.64001f`.
    pub codecs: String,
    /// Pixels; 0 for sound.
    pub width: u16,
    pub height: u16,
    /// Pictures per second, if known; `None` for sound.
    pub frame_rate: Option<f64>,
}

/// What a segment covers, whole or as far as it has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SegmentFacts {
    /// On the broadcast's time line, microseconds. The same for each report of one segment.
    pub start_us: i64,
    pub duration_us: i64,
    /// Size, to know the bitrate by.
    pub bytes: u64,
    /// Whether it begins with a sync unit. False only for a publisher that sends no keyframe for very long.
    pub is_independent: bool,
    /// Its parts so far, in order. May be empty for a segment that is whole at once.
    pub parts: Vec<Part>,
    /// Whether no part will follow.
    pub is_whole: bool,
}

/// A rung as viewers see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublishedVariant {
    pub name: String,
    pub width: u16,
    pub height: u16,
}

/// Segments of one rung after which the others are not waited for any more. A player starts three segments behind the
/// live edge, so that until then the wait costs it nothing.
const PATIENCE_SEGMENTS: usize = 3;

/// What a page must learn about to show the right menu.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Published {
    variants: Vec<PublishedVariant>,
    has_audio: bool,
}

/// The playlists of one broadcast.
#[derive(Clone, Debug)]
pub struct Presentation {
    pub(super) id: String,
    /// Unix time of the time line's zero, milliseconds, in the present era.
    zero_unix_ms: i64,
    pub(super) era: u64,
    pub(super) level: LatencyLevel,
    /// Names in ladder order.
    pub(super) ladder: Vec<String>,
    /// In the order in which they came up: the longest-running first.
    pub(super) rungs: Vec<Rung>,
    pub(super) audio: Option<Line>,
    /// Next media sequence number of rungs that were dropped, so that a name that comes back reuses no address.
    pub(super) used_msns: BTreeMap<String, u64>,
    pub(super) retention: Retention,
    published: Published,
    pub(super) revision: u64,
    /// Grows with every change that a playlist could show.
    version: u64,
    pub(super) is_playable: bool,
    /// Whether the publisher is away: nothing is to be expected soon.
    pub(super) is_paused: bool,
    pub(super) is_ended: bool,
    /// Whether another engine presented it, and nothing has been added since.
    pub(super) is_recalled: bool,
}

impl Presentation {
    /// A broadcast without any media yet. `broadcast_id` is 8 hex characters no other broadcast had;
    /// `started_at_unix_ms` is the time of the time line's zero.
    #[must_use]
    pub fn new(broadcast_id: String, started_at_unix_ms: i64, level: LatencyLevel) -> Self {
        Self {
            id: broadcast_id,
            zero_unix_ms: started_at_unix_ms,
            era: 0,
            level,
            ladder: Vec::new(),
            rungs: Vec::new(),
            audio: None,
            used_msns: BTreeMap::new(),
            retention: Retention::default(),
            published: Published::default(),
            revision: 0,
            version: 0,
            is_playable: false,
            is_paused: false,
            is_ended: false,
            is_recalled: false,
        }
    }

    /// The rungs that are, or are about to be, encoded; call it before the first media arrives. Names in ladder order with their declared bits per second (0
    /// if the publisher decides). Empty for a broadcast without pictures.
    ///
    /// A rung no longer named leaves the multivariant playlist; its own playlist goes on, fed from the nearest rung.
    pub fn set_ladder(&mut self, ladder: &[(String, u64)]) {
        self.ladder = ladder.iter().map(|(name, _)| name.clone()).collect();
        for (name, bps) in ladder {
            let rung = self.rung_or_new(name);
            if rung.declared_bps != Some(*bps) {
                rung.line.meter.reset();
            }
            rung.declared_bps = Some(*bps);
            rung.last_declared_bps = *bps;
        }
        for rung in self.rungs.iter_mut().filter(|rung| !self.ladder.contains(&rung.name)) {
            rung.declared_bps = None;
            rung.has_own = false;
            rung.supply = Supply::Followed;
        }
        self.settle();
    }

    /// Changes how long playlists and parts are. Target durations never shrink during a broadcast (RFC 8216bis forbids
    /// it).
    pub fn set_latency(&mut self, level: LatencyLevel) {
        self.level = level;
        let pace = pace(level);
        for line in self.rungs.iter_mut().map(|rung| &mut rung.line).chain(&mut self.audio) {
            line.window.set_pace(pace);
        }
        self.version += 1;
    }

    /// The rung's encoder is lost. Its playlist is fed from the nearest rung that works until a segment of its own
    /// arrives; if there is none, the missing time is listed as a gap then.
    pub fn lose(&mut self, rung: &str) {
        if let Some(rung) = self.rungs.iter_mut().find(|known| known.name == rung) {
            rung.supply = Supply::Followed;
        }
        self.settle();
    }

    /// The publisher is away and may come back. Until [`Self::resume`] nobody is kept waiting: playlists say that they
    /// are to be asked for again and again, and whoever waits is answered. Players give up on requests that stay
    /// unanswered (hls.js after the third, each of about a target duration), but not on a playlist that stays as it is.
    pub fn pause(&mut self) {
        self.is_paused = true;
        self.version += 1;
    }

    /// The time line was broken off and goes on after a pause (the publisher came back): everything added from now on
    /// follows a discontinuity, and `zero_unix_ms` is the new time of the time line's zero. Report open segments whole
    /// before: one that is not becomes a gap.
    pub fn resume(&mut self, zero_unix_ms: i64) {
        self.is_paused = false;
        self.version += 1;
        self.era += 1;
        self.zero_unix_ms = zero_unix_ms;
    }

    /// A new encoder is at work on `track`; its segments follow. An id names one init section for ever.
    pub fn add_init(&mut self, track: &Track, encoder: EncoderId, facts: InitFacts) -> Uri {
        let uri = Uri::init(track, &self.id, encoder);
        let line = self.line_or_new(track);
        line.init = Some((uri.clone(), facts));
        line.meter = Meter::default();
        let hold_us = pace(self.level).kept_us;
        self.retention.keep(&uri, hold_us);
        self.settle();
        uri
    }

    /// Segments of `track` may become this long. Said before the first of them is listed, its target duration is large
    /// enough from the beginning and need not change, which RFC 8216bis forbids (section 6.2.1).
    pub fn expect(&mut self, track: &Track, longest_us: i64) {
        if let Some(line) = self.line_mut(track) {
            line.longest_us = longest_us;
        }
    }

    /// Lists a segment of the track's present encoder, or what is new of it, and gives the address to store it under.
    /// Report each segment whenever a part was added to it, and at last whole; begin none before the one before it is.
    ///
    /// `None`: nobody is told of it, so it need not be stored yet, or ever. That is a segment whose time the playlist
    /// has already (the rung was fed from another meanwhile), one of a rung never declared or forgotten, one
    /// before any init section, or one after the end.
    pub fn add_segment(&mut self, track: &Track, facts: SegmentFacts) -> Option<Uri> {
        let span = Span { start_us: facts.start_us, duration_us: facts.duration_us, era: self.era };
        let program_date_time_ms = self.zero_unix_ms.saturating_add(span.start_us.div_euclid(1000));
        self.align_first_msn(track, span);
        let id = self.id.clone();
        let is_whole = facts.is_whole;
        let line = self.line_mut(track).filter(|line| line.init.is_some())?;
        let placed = line.place(&id, span, program_date_time_ms, facts);
        self.hold_listed(track);
        self.note_own_segment(track, &placed, is_whole);
        // A player that was cut off with the engine may have given up; pages start another.
        self.revision += u64::from(std::mem::take(&mut self.is_recalled));
        self.settle();
        placed.uri()
    }

    /// The media playlist of `track`, or `None` while it has nothing to play. `now_unix_ms` marks a removed rung as
    /// still watched.
    pub fn media_playlist(&mut self, track: &Track, now_unix_ms: i64) -> Option<Bytes> {
        match self.reload(track, Reload::default(), now_unix_ms) {
            Answer::Now(text) => Some(text),
            Answer::Wait(_) | Answer::TooFar | Answer::Missing => None,
        }
    }

    /// Answers a request for the media playlist of `track`. `now_unix_ms` marks a removed rung as still watched. Each
    /// text is written once, however many ask for it.
    pub fn reload(&mut self, track: &Track, reload: Reload, now_unix_ms: i64) -> Answer {
        if let Track::Video(name) = track
            && let Some(rung) = self.rungs.iter_mut().find(|rung| rung.name == *name)
        {
            rung.last_asked_ms = Some(now_unix_ms);
        }
        let Some(line) = self.line(track).filter(|line| !line.window.is_empty()) else { return Answer::Missing };
        let edge = line.window.edge();
        match reload.until.filter(|_| !self.is_paused) {
            Some(moment) if edge.is_beyond_reach(moment, line.window.part_target_us()) => return Answer::TooFar,
            Some(moment) if !edge.has(moment) => return Answer::Wait(moment),
            _ => (),
        }
        let (version, form) = (self.version, usize::from(reload.skips));
        if let Some((_, text)) = line.texts[form].as_ref().filter(|(written, _)| *written == version) {
            return Answer::Now(text.clone());
        }
        let text = Bytes::from(line.window.render(&self.surroundings(line), reload.skips));
        if let Some(line) = self.line_mut(track) {
            line.texts[form] = Some((version, text.clone()));
        }
        Answer::Now(text)
    }

    /// Seconds that the playlist of `track` gives as its target duration; `None` if there is no such playlist.
    #[must_use]
    pub fn target_s(&self, track: &Track) -> Option<u64> {
        self.line(track).filter(|line| !line.window.is_empty()).map(|line| line.window.target_s())
    }

    /// How far each playlist has come.
    pub fn edges(&self) -> impl Iterator<Item = (&Track, Edge)> {
        self.lines().map(|line| (&line.track, Edge { is_paused: self.is_paused, ..line.window.edge() }))
    }

    /// Whether a playlist names `path` as the part that comes next.
    #[must_use]
    pub fn is_hinted(&self, path: &str) -> bool {
        let mut lines = self.lines().filter(|line| !line.window.is_empty());
        !self.is_ended && !self.is_paused && lines.any(|line| self.hint(line).is_some_and(|hint| hint.as_str() == path))
    }

    /// The multivariant playlist, or `None` until the broadcast is playable.
    #[must_use]
    pub fn multivariant(&self) -> Option<String> {
        let name_of = |variant: &PublishedVariant| self.rungs.iter().find(|rung| rung.name == variant.name);
        let rungs: Vec<&Rung> = self.published.variants.iter().filter_map(name_of).collect();
        self.is_playable()
            .then(|| multivariant::render(&rungs, self.audio.as_ref().filter(|_| self.published.has_audio)))
    }

    /// The rungs in the multivariant playlist, in its order.
    #[must_use]
    pub fn variants(&self) -> Vec<PublishedVariant> {
        self.published.variants.clone()
    }

    /// Grows whenever a page must fetch the multivariant playlist again.
    #[must_use]
    pub fn ladder_revision(&self) -> u64 {
        self.revision
    }

    /// Whether a viewer who comes now sees and hears something: every declared rung has a segment (or one has had three
    /// in the meantime), and so has the sound if there is any by then. A broadcast without pictures (an empty ladder) needs the sound alone. Once true, it
    /// stays true.
    #[must_use]
    pub fn is_playable(&self) -> bool {
        self.is_playable
    }

    /// Addresses whose bytes nobody may ask for any more; each is given once. Also forgets removed rungs that nobody
    /// watches. Call about every second.
    pub fn expired(&mut self, now_unix_ms: i64) -> Vec<Uri> {
        self.forget_unwatched(now_unix_ms);
        let lines = || self.rungs.iter().map(|rung| &rung.line).chain(&self.audio);
        let mut listed: BTreeSet<&Uri> = lines().filter_map(|line| line.init.as_ref()).map(|(uri, _)| uri).collect();
        for entry in lines().flat_map(|line| line.window.all()) {
            if let Content::Segment { uri, map, .. } = &entry.content {
                listed.extend([uri, map]);
            }
        }
        self.retention.sweep(&listed, now_unix_ms)
    }

    /// Every address that must be answered now.
    pub fn held(&self) -> impl Iterator<Item = &Uri> {
        self.retention.uris()
    }

    /// The broadcast is over: every playlist gets its end mark and keeps what it lists. Report open segments whole
    /// before: one that is not becomes a gap.
    pub fn end(&mut self) {
        self.is_ended = true;
        self.version += 1;
        for line in self.rungs.iter_mut().map(|rung| &mut rung.line).chain(&mut self.audio) {
            line.window.end();
        }
    }

    /// Brings followers and the published set up to date after any change.
    pub(super) fn settle(&mut self) {
        self.version += 1;
        if self.is_ended {
            return;
        }
        self.feed_followers();
        let published = Published { variants: self.publishable(), has_audio: self.has_sound() };
        if published != self.published {
            self.published = published;
            self.revision += 1;
        }
        self.is_playable |= self.has_enough();
    }

    /// Whether pictures and sound, as far as they are to be expected, have begun. Most players read the multivariant
    /// playlist once, so it waits for rungs whose first segment is longer, but not for one that does not come.
    fn has_enough(&self) -> bool {
        let Published { variants, has_audio } = &self.published;
        let sound_is_due = self.audio.is_some() && !has_audio;
        let is_complete = variants.len() == self.ladder.len();
        let has_waited = || self.rungs.iter().any(|rung| rung.line.window.entries().count() >= PATIENCE_SEGMENTS);
        if self.ladder.is_empty() {
            *has_audio
        } else {
            !variants.is_empty() && !sound_is_due && (is_complete || has_waited())
        }
    }

    /// The declared rungs with a segment. While a wholly new ladder comes up there is none: what was published stays,
    /// because an empty multivariant playlist would turn viewers away.
    fn publishable(&self) -> Vec<PublishedVariant> {
        let find = |name: &String| self.rungs.iter().find(|rung| rung.name == *name && rung.is_publishable());
        let variants: Vec<_> = self.ladder.iter().filter_map(find).filter_map(published_variant).collect();
        let is_coming_up = variants.is_empty() && !self.ladder.is_empty();
        if is_coming_up { self.published.variants.clone() } else { variants }
    }

    fn has_sound(&self) -> bool {
        self.audio.as_ref().is_some_and(|line| line.playable().is_some())
    }

    fn hold_listed(&mut self, track: &Track) {
        let mut lines = self.rungs.iter().map(|rung| &rung.line).chain(&self.audio);
        if let Some(line) = lines.find(|line| line.track == *track) {
            self.retention.keep_listed(&line.window);
        }
    }

    /// An own segment has begun: the rung stands on its own again, whether or not the segment was still needed. More
    /// of one that is listed already says nothing new; it may be the last of an encoder that was lost.
    fn note_own_segment(&mut self, track: &Track, placed: &Placed, is_whole: bool) {
        let Track::Video(name) = track else { return };
        let Some(rung) = self.rungs.iter_mut().find(|rung| rung.name == *name) else { return };
        if rung.declared_bps.is_none() {
            return;
        }
        if !matches!(placed, Placed::Grown(_)) {
            rung.supply = Supply::Own;
            rung.feeder = None;
        }
        rung.has_own |= is_whole && *placed != Placed::Unwanted;
    }

    /// Gives a rung that has no entry yet the number its siblings use for the same time.
    fn align_first_msn(&mut self, track: &Track, span: Span) {
        let Track::Video(name) = track else { return };
        let is_new = |rung: &&Rung| rung.name == *name && rung.line.window.is_untouched();
        if self.rungs.iter().find(is_new).is_none_or(|rung| rung.declared_bps.is_none()) {
            return;
        }
        let siblings = || self.rungs.iter().filter(|rung| rung.name != *name && !rung.line.window.is_untouched());
        let same_time = siblings().find_map(|rung| msn_at(&rung.line.window, span));
        let longest_running = || siblings().next().map(|rung| rung.line.window.next_msn());
        let unused = self.used_msns.get(name).copied().unwrap_or(0);
        let first_msn = same_time.or_else(longest_running).unwrap_or(FIRST_MSN).max(unused);
        let pace = pace(self.level);
        if let Some(line) = self.line_mut(track) {
            let segment_us = pace.segment_us.max(line.longest_us);
            line.window = Window::new(track.clone(), first_msn, Pace { segment_us, ..pace });
        }
    }

    fn forget_unwatched(&mut self, now_ms: i64) {
        let (published, used_msns) = (&self.published, &mut self.used_msns);
        self.rungs.retain_mut(|rung| {
            if rung.declared_bps.is_some() || published.variants.iter().any(|variant| variant.name == rung.name) {
                return true;
            }
            let is_watched = now_ms - *rung.last_asked_ms.get_or_insert(now_ms) < FORGOTTEN_AFTER_MS;
            if !is_watched {
                // It may have been declared again without ever giving a segment, and must not forget what came before.
                let used = used_msns.entry(rung.name.clone()).or_default();
                *used = (*used).max(rung.line.window.unused_msn());
            }
            is_watched
        });
    }

    fn rung_or_new(&mut self, name: &str) -> &mut Rung {
        let index = self.rungs.iter().position(|rung| rung.name == name).unwrap_or_else(|| {
            let track = Track::Video(name.to_owned());
            let window = Window::new(track.clone(), FIRST_MSN, pace(self.level));
            self.rungs.push(Rung {
                name: name.to_owned(),
                line: Line::new(track, window),
                supply: Supply::Own,
                declared_bps: None,
                last_declared_bps: 0,
                has_own: false,
                feeder: None,
                last_asked_ms: None,
            });
            self.rungs.len() - 1
        });
        &mut self.rungs[index]
    }

    fn line_or_new(&mut self, track: &Track) -> &mut Line {
        match track {
            Track::Video(name) => &mut self.rung_or_new(name).line,
            Track::Audio => {
                let window = Window::new(Track::Audio, FIRST_MSN, pace(self.level));
                self.audio.get_or_insert_with(|| Line::new(Track::Audio, window))
            }
        }
    }

    fn lines(&self) -> impl Iterator<Item = &Line> {
        self.rungs.iter().map(|rung| &rung.line).chain(&self.audio)
    }

    fn line(&self, track: &Track) -> Option<&Line> {
        self.lines().find(|line| line.track == *track)
    }

    /// What the playlist of `line` says of the others: those that a player finds in the multivariant playlist.
    fn surroundings(&self, line: &Line) -> Surroundings {
        let longest_part_us = self.lines().map(|line| line.window.part_target_us()).max().unwrap_or(0);
        let part_hold_back_us = i64::from(self.level.part_hold_back_ms()) * 1000;
        let is_published = |line: &&Line| match &line.track {
            Track::Video(name) => self.published.variants.iter().any(|variant| variant.name == *name),
            Track::Audio => self.published.has_audio,
        };
        Surroundings {
            part_hold_back_us: part_hold_back_us.max(longest_part_us.saturating_mul(3)),
            is_paused: self.is_paused,
            hint: self.hint(line).filter(|_| !self.is_paused),
            reports: self.lines().filter(is_published).filter_map(|line| line.window.report()).collect(),
        }
    }

    /// The track's line, if segments may be added to it.
    fn line_mut(&mut self, track: &Track) -> Option<&mut Line> {
        match track {
            Track::Video(name) => {
                let rung = self.rungs.iter_mut().find(|rung| rung.name == *name)?;
                (rung.declared_bps.is_some() || !rung.line.window.is_untouched()).then_some(&mut rung.line)
            }
            Track::Audio => self.audio.as_mut(),
        }
    }
}

fn published_variant(rung: &Rung) -> Option<PublishedVariant> {
    let facts = rung.line.playable()?;
    Some(PublishedVariant { name: rung.name.clone(), width: facts.width, height: facts.height })
}

/// The number that `window` uses, or will use next, for a segment that starts with `span`.
fn msn_at(window: &Window, span: Span) -> Option<u64> {
    let is_there = |era: u64, instant_us: i64| era == span.era && (instant_us - span.start_us).abs() <= SAME_INSTANT_US;
    let listed = window.all().find(|entry| is_there(entry.span.era, entry.span.start_us)).map(|entry| entry.msn);
    listed.or_else(|| window.last().filter(|last| is_there(last.era, last.end_us())).map(|_| window.next_msn()))
}

/// What playlists aim at, at `level`.
pub(super) fn pace(level: LatencyLevel) -> Pace {
    let segment_us = i64::from(level.grid_ms()) * 1000;
    let segments = i64::try_from(level.window_segments()).unwrap_or(i64::MAX);
    Pace { segment_us, part_us: i64::from(level.part_ms()) * 1000, kept_us: segments.saturating_mul(segment_us) }
}
