//! What a player asks of a media playlist beyond its present text (RFC 8216bis section 6.2.5): to wait for a moment
//! that is still to come, and to leave out what it knows.

use bytes::Bytes;

/// A segment, or a part of it, that a playlist will list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// Media sequence number.
    pub msn: u64,
    /// Index of a part in that segment, from 0. `None` is the whole segment.
    pub part: Option<u64>,
}

/// The delivery directives of one request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reload {
    /// `_HLS_msn` and `_HLS_part`: what the answer must list.
    pub until: Option<Moment>,
    /// `_HLS_skip`: older segments may be left out.
    pub skips: bool,
}

/// A directive that means nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a delivery directive is malformed")]
pub struct BadDirective;

impl Reload {
    /// Reads a query string. Parameters that are no directives are passed over.
    ///
    /// # Errors
    ///
    /// For a number that is none, a directive given twice, a way to skip that does not exist, and a part without a
    /// segment.
    pub fn parse(query: &str) -> Result<Self, BadDirective> {
        let (mut msn, mut part, mut skip) = (None, None, None);
        for (name, value) in query.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, ""))) {
            let directive = match name {
                "_HLS_msn" => &mut msn,
                "_HLS_part" => &mut part,
                "_HLS_skip" => &mut skip,
                _ => continue,
            };
            if directive.replace(value).is_some() {
                return Err(BadDirective);
            }
        }
        let until = match (msn, part) {
            (Some(msn), part) => Some(Moment { msn: number(msn)?, part: part.map(number).transpose()? }),
            (None, Some(_)) => return Err(BadDirective),
            (None, None) => None,
        };
        match skip {
            None | Some("YES" | "v2") => Ok(Self { until, skips: skip.is_some() }),
            Some(_) => Err(BadDirective),
        }
    }
}

/// A decimal-integer: digits alone.
fn number(text: &str) -> Result<u64, BadDirective> {
    let is_plain = !text.is_empty() && text.bytes().all(|digit| digit.is_ascii_digit());
    text.parse().ok().filter(|_| is_plain).ok_or(BadDirective)
}

/// How far a playlist has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Edge {
    /// Number of the open segment, or of the next if none is open.
    pub(super) next_msn: u64,
    /// Parts of the open segment.
    pub(super) open_parts: u64,
    /// Parts of the segment before that; 0 if it came in one piece.
    pub(super) last_parts: u64,
    /// Whether the publisher is away.
    pub(super) is_paused: bool,
    pub(super) is_ended: bool,
}

impl Edge {
    /// Whether a request for `moment` need wait no longer. A part beyond the end of its segment means the first part of
    /// the next one. Nothing comes after the end, and nothing soon while the publisher is away.
    #[must_use]
    pub fn has(self, moment: Moment) -> bool {
        let Moment { msn, part } = moment;
        if self.is_ended || self.is_paused || msn.saturating_add(1) < self.next_msn {
            return true;
        }
        let is_last = msn.saturating_add(1) == self.next_msn;
        match part {
            None => is_last,
            Some(part) if is_last => self.last_parts == 0 || part < self.last_parts || self.open_parts > 0,
            Some(part) => msn == self.next_msn && part < self.open_parts,
        }
    }

    /// Whether a player asks for what lies too far ahead to wait for: more than two segments after the last, or more
    /// parts ahead than three seconds hold (the Advance Part Limit). `part_target_us` is that of the playlist.
    #[must_use]
    pub(super) fn is_beyond_reach(self, moment: Moment, part_target_us: i64) -> bool {
        let Moment { msn, part } = moment;
        // The last segment listed has the number before `next_msn`.
        if self.is_ended || msn < self.next_msn {
            return false;
        }
        let listed = if msn == self.next_msn { self.open_parts } else { 0 };
        let limit = match u64::try_from(part_target_us).unwrap_or(0) {
            1..1_000_000 => 3_000_000 / part_target_us.cast_unsigned(),
            _ => 3,
        };
        // The last part listed has the index before `listed`.
        msn > self.next_msn.saturating_add(1) || part.is_some_and(|part| part.saturating_add(1) > listed + limit)
    }
}

/// What to do about a request for a media playlist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Answer with this text.
    Now(Bytes),
    /// Ask again when the track's [`Edge`] has come to this moment.
    Wait(Moment),
    /// What is asked for lies too far ahead.
    TooFar,
    /// There is no such playlist.
    Missing,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn moment(msn: u64, part: impl Into<Option<u64>>) -> Moment {
        Moment { msn, part: part.into() }
    }

    #[test]
    fn directives_are_read_and_nonsense_is_refused() {
        let read = |query| Reload::parse(query).map(|Reload { until, skips }| (until, skips));
        assert_eq!(read(""), Ok((None, false)));
        assert_eq!(read("v=1&_HLS_later=x"), Ok((None, false)));
        assert_eq!(read("_HLS_msn=17"), Ok((Some(moment(17, None)), false)));
        assert_eq!(read("_HLS_msn=17&_HLS_part=0&_HLS_skip=YES"), Ok((Some(moment(17, 0)), true)));
        assert_eq!(read("_HLS_skip=v2&_HLS_part=3&_HLS_msn=0"), Ok((Some(moment(0, 3)), true)));
        for nonsense in [
            "_HLS_part=1",
            "_HLS_msn",
            "_HLS_msn=",
            "_HLS_msn=-1",
            "_HLS_msn=+1",
            "_HLS_msn=1.0",
            "_HLS_msn=0x1",
            "_HLS_msn=99999999999999999999",
            "_HLS_msn=1&_HLS_msn=1",
            "_HLS_msn=1&_HLS_part=x",
            "_HLS_skip=NO",
            "_HLS_skip=",
        ] {
            assert_eq!(read(nonsense), Err(BadDirective), "{nonsense}");
        }
    }

    #[test]
    fn a_moment_has_come_when_its_segment_or_part_is_listed() {
        let edge = Edge { next_msn: 10, open_parts: 2, last_parts: 4, ..Edge::default() };
        for (moment, has_come) in [
            (moment(3, None), true),
            (moment(3, 99), true),
            (moment(9, None), true),
            (moment(9, 3), true),
            (moment(9, 4), true),
            (moment(10, None), false),
            (moment(10, 1), true),
            (moment(10, 2), false),
            (moment(11, 0), false),
        ] {
            assert_eq!(edge.has(moment), has_come, "{moment:?}");
        }
        let between = Edge { open_parts: 0, ..edge };
        assert!(between.has(moment(9, 3)));
        assert!(!between.has(moment(9, 4)), "means the first part of the next segment");
        assert!(Edge { last_parts: 0, ..between }.has(moment(9, 4)), "no part of it was ever listed");
        assert!(Edge { is_ended: true, ..edge }.has(moment(10, None)));
        assert!(Edge { is_paused: true, ..edge }.has(moment(10, None)));
    }

    #[test]
    fn what_lies_too_far_ahead_is_not_waited_for() {
        let edge = Edge { next_msn: 10, open_parts: 2, last_parts: 4, ..Edge::default() };
        for (part_target_us, moment, is_beyond) in [
            (500_000, moment(11, None), false),
            (500_000, moment(12, None), true),
            (500_000, moment(u64::MAX, None), true),
            // Six parts of half a second after the last listed, which has index 1.
            (500_000, moment(10, 7), false),
            (500_000, moment(10, 8), true),
            (500_000, moment(11, 5), false),
            (500_000, moment(11, 6), true),
            (210_000, moment(10, 15), false),
            (210_000, moment(10, 16), true),
            (1_000_000, moment(10, 4), false),
            (1_000_000, moment(10, 5), true),
            (1_000_000, moment(10, u64::MAX), true),
            (500_000, moment(9, u64::MAX), false),
        ] {
            assert_eq!(edge.is_beyond_reach(moment, part_target_us), is_beyond, "{moment:?}");
        }
        assert!(!Edge { is_ended: true, ..edge }.is_beyond_reach(moment(99, None), 500_000));
    }
}
