//! All playlists of one broadcast, and which of them a viewer is offered.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::meter::Meter;
use super::multivariant;
use super::retention::Retention;
use super::rung::{Line, Rung, Supply};
use super::uri::{Track, Uri};
use super::window::{Content, SAME_INSTANT_US, Span, Window};
use crate::ids::EncoderId;
use crate::ladder::LatencyLevel;

/// How long a removed rung's playlist outlives the last request for it, milliseconds. A player reloads at least every
/// target duration, 17 s at most; three in a row lost is a player that left.
const FORGOTTEN_AFTER_MS: i64 = 60_000;

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

/// What a segment covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SegmentFacts {
    /// On the broadcast's time line, microseconds.
    pub start_us: i64,
    pub duration_us: i64,
    /// Size, to know the bitrate by.
    pub bytes: u64,
    /// Whether it begins with a sync unit. False only for a publisher that sends no keyframe for very long.
    pub is_independent: bool,
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
    pub(super) is_playable: bool,
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
            is_playable: false,
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

    /// Changes how long playlists are. Target durations never shrink during a broadcast (RFC 8216bis forbids it).
    pub fn set_latency(&mut self, level: LatencyLevel) {
        self.level = level;
        let kept_us = kept_us(level);
        for line in self.rungs.iter_mut().map(|rung| &mut rung.line).chain(&mut self.audio) {
            line.window.set_kept_us(kept_us);
        }
    }

    /// The rung's encoder is lost. Its playlist is fed from the nearest rung that works until a segment of its own
    /// arrives; if there is none, the missing time is listed as a gap then.
    pub fn lose(&mut self, rung: &str) {
        if let Some(rung) = self.rungs.iter_mut().find(|known| known.name == rung) {
            rung.supply = Supply::Followed;
        }
        self.settle();
    }

    /// The time line was broken off and goes on after a pause (the publisher came back): everything added from now on
    /// follows a discontinuity, and `zero_unix_ms` is the new time of the time line's zero.
    pub fn resume(&mut self, zero_unix_ms: i64) {
        self.era += 1;
        self.zero_unix_ms = zero_unix_ms;
    }

    /// A new encoder is at work on `track`; its segments follow. An id names one init section for ever.
    pub fn add_init(&mut self, track: &Track, encoder: EncoderId, facts: InitFacts) -> Uri {
        let uri = Uri::init(track, &self.id, encoder);
        let line = self.line_or_new(track);
        line.init = Some((uri.clone(), facts));
        line.meter = Meter::default();
        let hold_us = kept_us(self.level);
        self.retention.keep(&uri, hold_us);
        self.settle();
        uri
    }

    /// Lists a segment of the track's present encoder and gives the address to store it under.
    ///
    /// `None`: nobody will ever be told of it, so it need not be stored. That is a segment whose time the playlist has
    /// already (the rung was fed from another meanwhile), one of a rung never declared or forgotten, one
    /// before any init section, or one after the end.
    pub fn add_segment(&mut self, track: &Track, facts: SegmentFacts) -> Option<Uri> {
        let span = Span { start_us: facts.start_us, duration_us: facts.duration_us, era: self.era };
        let program_date_time_ms = self.zero_unix_ms.saturating_add(span.start_us.div_euclid(1000));
        self.align_first_msn(track, span);
        let id = self.id.clone();
        let line = self.line_mut(track)?;
        let map = line.init.as_ref().map(|(uri, _)| uri.clone())?;
        let uri = line.window.wants(span).then(|| {
            line.window.bridge(span, program_date_time_ms);
            let uri = Uri::segment(track, &id, line.window.next_msn());
            let content = Content::Segment { uri: uri.clone(), map, is_independent: facts.is_independent };
            line.window.append(span, program_date_time_ms, content);
            line.meter.record(facts.bytes, facts.duration_us);
            uri
        });
        self.hold_listed(track);
        self.note_own_segment(track, uri.is_some());
        // A player that was cut off with the engine may have given up; pages start another.
        self.revision += u64::from(std::mem::take(&mut self.is_recalled));
        self.settle();
        uri
    }

    /// The media playlist of `track`, or `None` while it has nothing to play. `now_unix_ms` marks a removed rung as
    /// still watched.
    pub fn media_playlist(&mut self, track: &Track, now_unix_ms: i64) -> Option<String> {
        if let Track::Video(name) = track {
            let rung = self.rungs.iter_mut().find(|rung| rung.name == *name)?;
            rung.last_asked_ms = Some(now_unix_ms);
        }
        let line = self.line_mut(track)?;
        (!line.window.is_empty()).then(|| line.window.render())
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
        for entry in lines().flat_map(|line| line.window.entries()) {
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

    /// The broadcast is over: every playlist gets its end mark and keeps what it lists.
    pub fn end(&mut self) {
        self.is_ended = true;
        for line in self.rungs.iter_mut().map(|rung| &mut rung.line).chain(&mut self.audio) {
            line.window.end();
        }
    }

    /// Brings followers and the published set up to date after any change.
    pub(super) fn settle(&mut self) {
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

    /// An own segment arrived: the rung stands on its own again, whether or not the segment was still needed.
    fn note_own_segment(&mut self, track: &Track, is_listed: bool) {
        let Track::Video(name) = track else { return };
        let Some(rung) = self.rungs.iter_mut().find(|rung| rung.name == *name) else { return };
        if rung.declared_bps.is_some() {
            rung.supply = Supply::Own;
            rung.feeder = None;
            rung.has_own |= is_listed;
        }
    }

    /// Gives a rung that has no entry yet the number its siblings use for the same time.
    fn align_first_msn(&mut self, track: &Track, span: Span) {
        let Track::Video(name) = track else { return };
        let is_new = |rung: &&Rung| rung.name == *name && rung.line.window.is_empty();
        if self.rungs.iter().find(is_new).is_none_or(|rung| rung.declared_bps.is_none()) {
            return;
        }
        let siblings = || self.rungs.iter().filter(|rung| rung.name != *name && !rung.line.window.is_empty());
        let same_time = siblings().find_map(|rung| msn_at(&rung.line.window, span));
        let longest_running = || siblings().next().map(|rung| rung.line.window.next_msn());
        let unused = self.used_msns.get(name).copied().unwrap_or(0);
        let first_msn = same_time.or_else(longest_running).unwrap_or(0).max(unused);
        let window = Window::new(track.clone(), first_msn, self.level.grid_ms(), kept_us(self.level));
        if let Some(line) = self.line_mut(track) {
            line.window = window;
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
                *used = (*used).max(rung.line.window.next_msn());
            }
            is_watched
        });
    }

    fn rung_or_new(&mut self, name: &str) -> &mut Rung {
        let index = self.rungs.iter().position(|rung| rung.name == name).unwrap_or_else(|| {
            let track = Track::Video(name.to_owned());
            let window = Window::new(track.clone(), 0, self.level.grid_ms(), kept_us(self.level));
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
                let window = Window::new(Track::Audio, 0, self.level.grid_ms(), kept_us(self.level));
                self.audio.get_or_insert_with(|| Line::new(Track::Audio, window))
            }
        }
    }

    /// The track's line, if segments may be added to it.
    fn line_mut(&mut self, track: &Track) -> Option<&mut Line> {
        match track {
            Track::Video(name) => {
                let rung = self.rungs.iter_mut().find(|rung| rung.name == *name)?;
                (rung.declared_bps.is_some() || !rung.line.window.is_empty()).then_some(&mut rung.line)
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
    let listed = window.entries().find(|entry| is_there(entry.span.era, entry.span.start_us)).map(|entry| entry.msn);
    listed.or_else(|| window.last().filter(|last| is_there(last.era, last.end_us())).map(|_| window.next_msn()))
}

/// Length of a playlist at `level`, microseconds.
pub(super) fn kept_us(level: LatencyLevel) -> i64 {
    let segments = i64::try_from(level.window_segments()).unwrap_or(i64::MAX);
    segments.saturating_mul(i64::from(level.grid_ms()) * 1000)
}
