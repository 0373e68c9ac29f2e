//! One media playlist: the segments now listed, and the text written about them.
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
//! - **Discontinuities** belong to the broadcast, not to one playlist: each entry carries its era, the number of
//!   discontinuities before it, so the discontinuity sequence is the same in all playlists whenever they began.

use std::collections::VecDeque;
use std::fmt::Write as _;

use super::uri::{Track, Uri};

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

/// What stands at one place of a playlist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    Segment {
        uri: Uri,
        map: Uri,
        /// Whether it can be decoded without the one before.
        is_independent: bool,
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

/// Least length of a playlist, in target durations.
pub(super) const TARGET_DURATIONS_KEPT: u64 = 4;
/// Starts closer than this are the same instant: ms-rounded RTMP times differ by 1 ms, frames by 16 ms and more.
pub(super) const SAME_INSTANT_US: i64 = 5_000;
/// A hole or an overlap up to here is nothing to act on: hls.js plays across 0.1 s by default (`maxBufferHole`).
pub(super) const NEGLIGIBLE_US: i64 = 100_000;
/// A hole beyond this is listed as a gap. Below, a gap entry would cost a player more than the hole.
const GAP_FROM_US: i64 = 500_000;

/// One media playlist.
#[derive(Clone, Debug)]
pub struct Window {
    track: Track,
    entries: VecDeque<Entry>,
    next_msn: u64,
    target_s: u64,
    kept_us: i64,
    listed_us: i64,
    is_ended: bool,
}

impl Window {
    /// An empty playlist whose first entry will be `first_msn`. `target_ms` is the segment duration aimed at,
    /// `kept_us` the length aimed at.
    #[must_use]
    pub fn new(track: Track, first_msn: u64, target_ms: u32, kept_us: i64) -> Self {
        let target_s = rounded_seconds(i64::from(target_ms) * 1000);
        Self { track, entries: VecDeque::new(), next_msn: first_msn, target_s, kept_us, listed_us: 0, is_ended: false }
    }

    /// The entries now listed, oldest first.
    pub fn entries(&self) -> impl DoubleEndedIterator<Item = &Entry> {
        self.entries.iter()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The media sequence number the next entry gets.
    #[must_use]
    pub fn next_msn(&self) -> u64 {
        self.next_msn
    }

    /// The newest entry's span.
    #[must_use]
    pub fn last(&self) -> Option<Span> {
        self.entries.back().map(|entry| entry.span)
    }

    /// Sum of the durations listed.
    #[must_use]
    pub fn listed_us(&self) -> i64 {
        self.listed_us
    }

    /// What `EXT-X-TARGETDURATION` says, seconds.
    #[must_use]
    pub fn target_s(&self) -> u64 {
        self.target_s
    }

    /// Whether every segment listed can be decoded on its own.
    #[must_use]
    pub fn is_independent(&self) -> bool {
        !self.entries.iter().any(|entry| matches!(entry.content, Content::Segment { is_independent: false, .. }))
    }

    /// Changes the length aimed at; it shrinks with the next segment.
    pub fn set_kept_us(&mut self, kept_us: i64) {
        self.kept_us = kept_us;
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
        self.is_ended = true;
    }

    /// The playlist as players read it.
    #[must_use]
    pub fn render(&self) -> String {
        let mut text = String::with_capacity(256 + self.entries.len() * 128);
        self.write(&mut text).expect("writing to a String cannot fail");
        text
    }

    fn write(&self, text: &mut String) -> std::fmt::Result {
        let first = self.entries.front();
        let has_gap = self.entries.iter().any(|entry| entry.content == Content::Gap);
        writeln!(text, "#EXTM3U\n#EXT-X-VERSION:{}", if has_gap { 8 } else { 7 })?;
        writeln!(text, "#EXT-X-TARGETDURATION:{}", self.target_s)?;
        writeln!(text, "#EXT-X-MEDIA-SEQUENCE:{}", first.map_or(self.next_msn, |entry| entry.msn))?;
        let mut era = first.map_or(0, |entry| entry.span.era);
        if era > 0 {
            writeln!(text, "#EXT-X-DISCONTINUITY-SEQUENCE:{era}")?;
        }
        if self.is_independent() {
            writeln!(text, "#EXT-X-INDEPENDENT-SEGMENTS")?;
        }
        let mut map = None;
        for entry in &self.entries {
            for _ in era..entry.span.era {
                writeln!(text, "#EXT-X-DISCONTINUITY")?;
            }
            era = entry.span.era;
            self.write_entry(text, entry, &mut map)?;
        }
        if self.is_ended {
            writeln!(text, "#EXT-X-ENDLIST")?;
        }
        Ok(())
    }

    fn write_entry<'a>(
        &self,
        text: &mut String,
        entry: &'a Entry,
        listed_map: &mut Option<&'a Uri>,
    ) -> std::fmt::Result {
        let file = match &entry.content {
            Content::Segment { uri, map, is_independent: _ } => {
                if *listed_map != Some(map) {
                    writeln!(text, "#EXT-X-MAP:URI=\"{}\"", map.relative_to(&self.track))?;
                    *listed_map = Some(map);
                }
                uri.relative_to(&self.track)
            }
            Content::Gap => {
                writeln!(text, "#EXT-X-GAP")?;
                format!("gap-{}.m4s", entry.msn)
            }
        };
        writeln!(text, "#EXT-X-PROGRAM-DATE-TIME:{}", date_time(entry.program_date_time_ms))?;
        let (whole, fraction) = (entry.span.duration_us / 1_000_000, entry.span.duration_us % 1_000_000);
        writeln!(text, "#EXTINF:{whole}.{fraction:06},\n{file}")
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

/// ISO 8601 in UTC with milliseconds. An instant outside the calendar is written as its nearest end.
fn date_time(unix_ms: i64) -> String {
    let end = if unix_ms < 0 { jiff::Timestamp::MIN } else { jiff::Timestamp::MAX };
    let instant = jiff::Timestamp::from_millisecond(unix_ms).unwrap_or(end);
    instant.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()
}
