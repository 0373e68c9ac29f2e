//! One media playlist: the segments now listed, the one that is still growing, and (in `text`) what is written about
//! them.
//!
//! Decisions taken here, and why:
//!
//! - **Length.** As long as the latency level asks for (at least 25 s), and never less than
//!   [`TARGET_DURATIONS_KEPT`] target durations, because players start three of them behind the edge
//!   (RFC 8216bis section 6.3.3) and need one to be late with. Counted in time and not in segments: a pass-through rung
//!   with a keyframe every 8.33 s would otherwise keep minutes.
//! - **Holes.** If time is missing between two segments, `EXT-X-GAP` entries stand for it. Players add up durations
//!   to place a segment, so an unmarked hole would shift everything behind it; a discontinuity would have to be
//!   repeated in every other playlist, the sound included, although nothing is wrong with those. hls.js and Safari
//!   both skip gap entries and look for another variant meanwhile.
//! - **A new encoder** is a new `EXT-X-MAP` and nothing else: time goes on, and both decoders take a new avcC.
//! - **The open segment** is the one whose parts are listed before it is whole. What was listed once stays true: its
//!   address, its parts and its number are those of the finished segment. One that nobody finishes becomes a gap.
//! - **Discontinuities** belong to the broadcast, not to one playlist: each entry carries its era, the number of
//!   discontinuities before it, so the discontinuity sequence is the same in all playlists whenever they began.

mod text;

use std::collections::VecDeque;

use super::reload::Edge;
use super::uri::{Track, Uri};

pub(super) use text::Surroundings;

/// Times in microseconds on the broadcast's time line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    pub start_us: i64,
    pub duration_us: i64,
    /// Discontinuities of the broadcast before it.
    pub era: u64,
}

impl Span {
    /// First microsecond after it.
    #[must_use]
    pub fn end_us(self) -> i64 {
        self.start_us.saturating_add(self.duration_us)
    }
}

/// A part of a segment (a Partial Segment), in its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    pub duration_us: i64,
    /// Whether it holds a sample that can be decoded without any before it.
    pub is_independent: bool,
}

/// What stands at one place of a playlist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    Segment {
        uri: Uri,
        map: Uri,
        /// Whether it can be decoded without the one before.
        is_independent: bool,
        /// In order; empty if the segment came in one piece.
        parts: Vec<Part>,
    },
    /// Nothing was encoded for this time.
    Gap,
}

/// One place of a playlist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub msn: u64,
    pub span: Span,
    /// When it began, Unix milliseconds.
    pub program_date_time_ms: i64,
    pub content: Content,
}

impl Entry {
    pub(super) fn parts(&self) -> &[Part] {
        match &self.content {
            Content::Segment { parts, .. } => parts,
            Content::Gap => &[],
        }
    }

    pub(super) fn uri(&self) -> Option<&Uri> {
        match &self.content {
            Content::Segment { uri, .. } => Some(uri),
            Content::Gap => None,
        }
    }
}

/// The segment whose parts are listed while it grows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Open {
    /// As it stands; its number is the window's next.
    pub(super) entry: Entry,
    /// Whether it is another rung's, listed here too.
    pub(super) is_followed: bool,
}

/// Least length of a playlist, in target durations.
pub(super) const TARGET_DURATIONS_KEPT: u64 = 4;
/// Starts closer than this are the same instant: ms-rounded RTMP times differ by 1 ms, frames by 16 ms and more.
pub(super) const SAME_INSTANT_US: i64 = 5_000;
/// A hole or an overlap up to here is nothing to act on: hls.js plays across 0.1 s by default (`maxBufferHole`).
pub(super) const NEGLIGIBLE_US: i64 = 100_000;
/// Target durations from the end within which parts are listed (RFC 8216bis section 6.2.2).
const TARGET_DURATIONS_OF_PARTS: u64 = 3;
/// A hole beyond this is listed as a gap. Below, a gap entry would cost a player more than the hole.
const GAP_FROM_US: i64 = 500_000;

/// Durations that a playlist aims at, microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    pub segment_us: i64,
    pub part_us: i64,
    /// Of everything listed.
    pub kept_us: i64,
}

/// One media playlist.
#[derive(Clone, Debug)]
pub struct Window {
    track: Track,
    entries: VecDeque<Entry>,
    open: Option<Open>,
    next_msn: u64,
    target_s: u64,
    /// Longest part aimed at.
    part_target_us: i64,
    kept_us: i64,
    listed_us: i64,
    is_ended: bool,
}

impl Window {
    /// An empty playlist whose first entry will be `first_msn`.
    #[must_use]
    pub fn new(track: Track, first_msn: u64, pace: Pace) -> Self {
        Self {
            track,
            entries: VecDeque::new(),
            open: None,
            next_msn: first_msn,
            target_s: rounded_seconds(pace.segment_us),
            part_target_us: pace.part_us,
            kept_us: pace.kept_us,
            listed_us: 0,
            is_ended: false,
        }
    }

    /// The whole segments and gaps now listed, oldest first.
    pub fn entries(&self) -> impl DoubleEndedIterator<Item = &Entry> {
        self.entries.iter()
    }

    /// Whether no whole segment is listed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Whether nothing was ever listed, not even a part.
    pub(super) fn is_untouched(&self) -> bool {
        self.entries.is_empty() && self.open.is_none()
    }

    /// The segment that is still growing.
    pub(super) fn open(&self) -> Option<&Open> {
        self.open.as_ref()
    }

    /// What is listed, and the segment that is still growing.
    pub(super) fn all(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter().chain(self.open.iter().map(|open| &open.entry))
    }

    /// How far it has come.
    #[must_use]
    pub fn edge(&self) -> Edge {
        let count = |entry: &Entry| u64::try_from(entry.parts().len()).unwrap_or(u64::MAX);
        Edge {
            next_msn: self.next_msn,
            open_parts: self.open.as_ref().map_or(0, |open| count(&open.entry)),
            last_parts: self.entries.back().map_or(0, count),
            is_paused: false,
            is_ended: self.is_ended,
        }
    }

    /// The media sequence number the next entry gets, which is that of the open segment.
    #[must_use]
    pub fn next_msn(&self) -> u64 {
        self.next_msn
    }

    /// The first media sequence number that names nothing yet, not even an open segment.
    pub(super) fn unused_msn(&self) -> u64 {
        self.next_msn + u64::from(self.open.is_some())
    }

    /// The newest entry's span.
    #[must_use]
    pub fn last(&self) -> Option<Span> {
        self.entries.back().map(|entry| entry.span)
    }

    /// Sum of the durations of whole segments and gaps.
    #[must_use]
    pub fn listed_us(&self) -> i64 {
        self.listed_us
    }

    /// What `EXT-X-TARGETDURATION` says, seconds.
    #[must_use]
    pub fn target_s(&self) -> u64 {
        self.target_s
    }

    /// What `EXT-X-PART-INF` says, microseconds: the duration aimed at, or that of a listed part which had to be longer
    /// (one picture that stood for long, or from before a change of the latency level).
    #[must_use]
    pub fn part_target_us(&self) -> i64 {
        let listed = self.all().skip(self.parts_from()).flat_map(Entry::parts);
        listed.map(|part| part.duration_us).max().unwrap_or(0).max(self.part_target_us)
    }

    /// Whether every segment listed can be decoded on its own.
    #[must_use]
    pub fn is_independent(&self) -> bool {
        !self.all().any(|entry| matches!(entry.content, Content::Segment { is_independent: false, .. }))
    }

    /// Changes the durations aimed at. The length shrinks with the next segment, the part target when longer parts
    /// have left the playlist, the target duration never (RFC 8216bis forbids it).
    pub fn set_pace(&mut self, pace: Pace) {
        self.part_target_us = pace.part_us;
        self.kept_us = pace.kept_us;
    }

    /// Whether a segment at `span` adds time this playlist does not have yet. Overlap is preferred to a hole, so a
    /// segment that only begins too early is wanted.
    #[must_use]
    pub fn wants(&self, span: Span) -> bool {
        if self.is_ended || span.duration_us <= 0 {
            return false;
        }
        let Some(last) = self.last() else { return true };
        if span.era != last.era {
            return span.era > last.era;
        }
        let begins_at_the_end = span.start_us >= last.end_us() - NEGLIGIBLE_US;
        span.end_us() > last.end_us() + if begins_at_the_end { 0 } else { NEGLIGIBLE_US }
    }

    /// Lists gaps up to `span` if time is missing before it. Call before [`Window::append`], whose media sequence
    /// number depends on it.
    pub fn bridge(&mut self, span: Span, program_date_time_ms: i64) {
        let Some(last) = self.last().filter(|last| last.era == span.era) else { return };
        let hole_us = span.start_us.saturating_sub(last.end_us());
        if hole_us < GAP_FROM_US {
            return;
        }
        let target_us = micros(self.target_s);
        let pieces = hole_us.saturating_add(target_us - 1) / target_us;
        let piece_us = hole_us / pieces;
        // Pieces older than the window would be dropped at once; only their numbers are used up.
        let listed = pieces.min(self.limit_us() / piece_us + 1);
        self.next_msn += u64::try_from(pieces - listed).unwrap_or(0);
        for back in (1..=listed).rev() {
            let start_us = span.start_us - back * piece_us;
            let date_ms = program_date_time_ms - back * piece_us / 1000;
            let span = Span { start_us, duration_us: piece_us, era: span.era };
            if pieces > listed && back == listed {
                self.entries.clear();
                self.listed_us = 0;
            }
            self.append(span, date_ms, Content::Gap);
        }
    }

    /// Lists the parts of a segment that is not whole yet, or more of them. While one is open no other may be. It is no
    /// segment as far as the target duration is concerned, which must not grow step by step.
    pub(super) fn grow(&mut self, open: Open) {
        self.open = Some(open);
    }

    /// The open segment is whole: from now on it is an entry like any other.
    pub(super) fn close(&mut self) {
        if let Some(Open { entry, .. }) = self.open.take() {
            self.append(entry.span, entry.program_date_time_ms, entry.content);
        }
    }

    /// Nobody will finish the open segment: its time is listed as a gap.
    pub(super) fn abandon(&mut self) {
        if let Some(Open { entry, .. }) = self.open.take() {
            self.append(entry.span, entry.program_date_time_ms, Content::Gap);
        }
    }

    /// Lists one more entry and drops what the window no longer keeps. Gives the new entry's number.
    pub fn append(&mut self, span: Span, program_date_time_ms: i64, content: Content) -> u64 {
        let msn = self.next_msn;
        self.next_msn += 1;
        self.target_s = self.target_s.max(rounded_seconds(span.duration_us));
        self.listed_us += span.duration_us;
        self.entries.push_back(Entry { msn, span, program_date_time_ms, content });
        self.evict();
        msn
    }

    /// Nothing more will come.
    pub fn end(&mut self) {
        self.abandon();
        self.is_ended = true;
    }

    /// Index of the first entry whose parts are listed, the open one counted as the last. A segment's parts are listed
    /// all or not at all, because players know a part by its place.
    fn parts_from(&self) -> usize {
        let within_us = micros(self.target_s * TARGET_DURATIONS_OF_PARTS);
        let mut back_us: i64 = self.open.as_ref().map_or(0, |open| open.entry.span.duration_us);
        let near = self.entries.iter().rev().take_while(|entry| {
            back_us = back_us.saturating_add(entry.span.duration_us);
            back_us <= within_us
        });
        self.entries.len() - near.count()
    }

    fn limit_us(&self) -> i64 {
        self.kept_us.max(micros(self.target_s * TARGET_DURATIONS_KEPT))
    }

    fn evict(&mut self) {
        while self.entries.len() > 1
            && let Some(oldest) = self.entries.front()
            && self.listed_us - oldest.span.duration_us >= self.limit_us()
        {
            self.listed_us -= oldest.span.duration_us;
            self.entries.pop_front();
        }
    }
}

/// Nearest whole second, at least 1, as the target duration is compared (RFC 8216bis section 4.4.3.1).
fn rounded_seconds(duration_us: i64) -> u64 {
    u64::try_from(duration_us.saturating_add(500_000) / 1_000_000).unwrap_or(1).max(1)
}

fn micros(seconds: u64) -> i64 {
    i64::try_from(seconds.saturating_mul(1_000_000)).unwrap_or(i64::MAX)
}
