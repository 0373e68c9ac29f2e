//! The playlist as players read it (RFC 8216bis sections 4.4.3 to 4.4.5).

use std::fmt::Write as _;

use super::{Content, Entry, Window, micros};
use crate::hls::uri::{Track, Uri};

/// Target durations from the end beyond which a delta update leaves segments out, the least there may be.
const TARGET_DURATIONS_NOT_SKIPPED: u64 = 6;
/// Target durations that players who read no parts stay behind the end, the least there may be.
const TARGET_DURATIONS_HELD_BACK: u64 = 3;

/// What a playlist says of things that are not its own.
#[derive(Clone, Debug, Default)]
pub(in crate::hls) struct Surroundings {
    /// `PART-HOLD-BACK`, microseconds; the same in every playlist of a broadcast.
    pub(in crate::hls) part_hold_back_us: i64,
    /// Whether nothing is to be expected soon, so that a request for what comes next would wait in vain.
    pub(in crate::hls) is_paused: bool,
    /// The part that comes next, if one does.
    pub(in crate::hls) hint: Option<Uri>,
    /// The other playlists.
    pub(in crate::hls) reports: Vec<Report>,
}

/// The newest of another playlist.
#[derive(Clone, Debug)]
pub(in crate::hls) struct Report {
    pub(in crate::hls) track: Track,
    pub(in crate::hls) msn: u64,
    /// None if that segment has no parts.
    pub(in crate::hls) part: Option<u64>,
}

impl Window {
    /// The playlist's text; with `skips` without what a player of the last minute knows (a Playlist Delta Update), if
    /// there is any of it.
    #[must_use]
    pub(in crate::hls) fn render(&self, surroundings: &Surroundings, skips: bool) -> String {
        let mut text = String::with_capacity(1024 + self.entries.len() * 256);
        self.write(&mut text, surroundings, skips).expect("writing to a String cannot fail");
        text
    }

    /// What other playlists report of this one. None while nothing is listed.
    pub(in crate::hls) fn report(&self) -> Option<Report> {
        let newest = self.all().last()?;
        let part = newest.parts().len().checked_sub(1).and_then(|last| u64::try_from(last).ok());
        Some(Report { track: self.track.clone(), msn: newest.msn, part })
    }

    fn write(&self, text: &mut String, surroundings: &Surroundings, skips: bool) -> std::fmt::Result {
        let first = self.entries.front();
        let has_gap = self.entries.iter().any(|entry| entry.content == Content::Gap);
        let skipped = if skips && !self.is_ended { self.skippable() } else { 0 };
        let version = match (skipped, has_gap) {
            (0, false) => 7,
            (0, true) => 8,
            _ => 9,
        };
        writeln!(text, "#EXTM3U\n#EXT-X-VERSION:{version}")?;
        writeln!(text, "#EXT-X-TARGETDURATION:{}", self.target_s)?;
        write!(text, "#EXT-X-SERVER-CONTROL:")?;
        if !surroundings.is_paused {
            write!(text, "CAN-BLOCK-RELOAD=YES,")?;
        }
        write!(text, "CAN-SKIP-UNTIL={}", self.skip_boundary_s())?;
        write!(text, ",HOLD-BACK={}", self.target_s * TARGET_DURATIONS_HELD_BACK)?;
        writeln!(text, ",PART-HOLD-BACK={}", decimal(surroundings.part_hold_back_us))?;
        writeln!(text, "#EXT-X-PART-INF:PART-TARGET={}", decimal(self.part_target_us()))?;
        writeln!(text, "#EXT-X-MEDIA-SEQUENCE:{}", first.map_or(self.next_msn, |entry| entry.msn))?;
        let mut era = self.all().next().map_or(0, |entry| entry.span.era);
        if era > 0 {
            writeln!(text, "#EXT-X-DISCONTINUITY-SEQUENCE:{era}")?;
        }
        if self.is_independent() {
            writeln!(text, "#EXT-X-INDEPENDENT-SEGMENTS")?;
        }
        if skipped > 0 {
            writeln!(text, "#EXT-X-SKIP:SKIPPED-SEGMENTS={skipped}")?;
        }
        let (mut map, parts_from) = (None, self.parts_from());
        for (index, entry) in self.all().enumerate() {
            if index >= skipped {
                for _ in era..entry.span.era {
                    writeln!(text, "#EXT-X-DISCONTINUITY")?;
                }
                self.write_tags(text, entry, map)?;
                if index >= parts_from {
                    self.write_parts(text, entry)?;
                }
                if index < self.entries.len() {
                    self.write_segment(text, entry)?;
                }
            }
            era = entry.span.era;
            map = map_of(entry).or(map);
        }
        if self.is_ended {
            return writeln!(text, "#EXT-X-ENDLIST");
        }
        self.write_outlook(text, surroundings)
    }

    /// The tags that come before a segment and its parts. `listed_map` is the init section that players have.
    fn write_tags(&self, text: &mut String, entry: &Entry, listed_map: Option<&Uri>) -> std::fmt::Result {
        if let Some(map) = map_of(entry).filter(|map| listed_map != Some(map)) {
            writeln!(text, "#EXT-X-MAP:URI=\"{}\"", map.relative_to(&self.track))?;
        }
        if entry.content == Content::Gap {
            writeln!(text, "#EXT-X-GAP")?;
        }
        writeln!(text, "#EXT-X-PROGRAM-DATE-TIME:{}", date_time(entry.program_date_time_ms))
    }

    fn write_parts(&self, text: &mut String, entry: &Entry) -> std::fmt::Result {
        let Some(uri) = entry.uri() else { return Ok(()) };
        for (index, part) in entry.parts().iter().enumerate() {
            let uri = uri.part(index).relative_to(&self.track);
            let independent = if part.is_independent { ",INDEPENDENT=YES" } else { "" };
            writeln!(text, "#EXT-X-PART:DURATION={},URI=\"{uri}\"{independent}", decimal(part.duration_us))?;
        }
        Ok(())
    }

    fn write_segment(&self, text: &mut String, entry: &Entry) -> std::fmt::Result {
        let (whole, fraction) = (entry.span.duration_us / 1_000_000, entry.span.duration_us % 1_000_000);
        writeln!(text, "#EXTINF:{whole}.{fraction:06},")?;
        match entry.uri() {
            Some(uri) => writeln!(text, "{}", uri.relative_to(&self.track)),
            None => writeln!(text, "gap-{}.m4s", entry.msn),
        }
    }

    /// What comes next, and how far the other playlists are.
    fn write_outlook(&self, text: &mut String, surroundings: &Surroundings) -> std::fmt::Result {
        let Surroundings { part_hold_back_us: _, is_paused: _, hint, reports } = surroundings;
        if let Some(hint) = hint {
            writeln!(text, "#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"{}\"", hint.relative_to(&self.track))?;
        }
        for Report { track, msn, part } in reports.iter().filter(|report| report.track != self.track) {
            let uri = self.track.reference(&track.playlist());
            write!(text, "#EXT-X-RENDITION-REPORT:URI=\"{uri}\",LAST-MSN={msn}")?;
            part.map_or(Ok(()), |part| write!(text, ",LAST-PART={part}"))?;
            writeln!(text)?;
        }
        Ok(())
    }

    fn skip_boundary_s(&self) -> u64 {
        self.target_s * TARGET_DURATIONS_NOT_SKIPPED
    }

    /// How many of the oldest entries lie beyond the skip boundary, counted from the end of the last whole segment
    /// (RFC 8216bis section 6.2.5.1).
    fn skippable(&self) -> usize {
        let boundary_us = micros(self.skip_boundary_s());
        let mut after_us = 0;
        let near = self.entries.iter().rev().take_while(|entry| {
            let is_near = after_us <= boundary_us;
            after_us += entry.span.duration_us;
            is_near
        });
        self.entries.len() - near.count()
    }
}

fn map_of(entry: &Entry) -> Option<&Uri> {
    match &entry.content {
        Content::Segment { map, .. } => Some(map),
        Content::Gap => None,
    }
}

/// Seconds without needless digits: `0.21`, `2.0`.
fn decimal(us: i64) -> String {
    let digits = format!("{}.{:06}", us / 1_000_000, us % 1_000_000);
    let short = digits.trim_end_matches('0');
    if short.ends_with('.') { format!("{short}0") } else { short.to_owned() }
}

/// ISO 8601 in UTC with milliseconds. An instant outside the calendar is written as its nearest end.
fn date_time(unix_ms: i64) -> String {
    let end = if unix_ms < 0 { jiff::Timestamp::MIN } else { jiff::Timestamp::MAX };
    let instant = jiff::Timestamp::from_millisecond(unix_ms).unwrap_or(end);
    instant.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()
}
