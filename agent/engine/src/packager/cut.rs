//! Where a segment may end.

use nixcast_core::media::VIDEO_TIMESCALE;

/// How much earlier than due a keyframe may come, milliseconds: a publisher's "every 2 s" is 60 frames, which at
/// 30000/1001 per second or with rounded times is a little off.
const EARLY_MS: u32 = 100;
const EARLY_TICKS: i64 = EARLY_MS as i64 * VIDEO_TIMESCALE as i64 / 1000;

/// When a sync unit begins a new segment.
#[derive(Clone, Copy, Debug)]
pub(super) enum Cut {
    AtEverySync,
    /// As soon as this many ticks of video have passed; sooner where the keyframe after that could come too late.
    AtKeyframes {
        least_ticks: i64,
        /// Most ticks from one keyframe to the next, if the publisher's encoder says so.
        most_apart: Option<i64>,
    },
    /// In each new slot of `target_ms`, counted in samples of `rate`.
    OnGrid {
        target_ms: u32,
        rate: u32,
    },
}

impl Cut {
    pub(super) fn at_keyframes(target_ms: u32) -> Self {
        Self::AtKeyframes {
            least_ticks: i64::from(target_ms.saturating_sub(EARLY_MS)) * i64::from(VIDEO_TIMESCALE / 1000),
            most_apart: None,
        }
    }

    /// What the publisher's encoder says of the distance of its keyframes.
    pub(super) fn expecting(self, keyframes: Option<i64>) -> Self {
        match self {
            Self::AtKeyframes { least_ticks, .. } => {
                Self::AtKeyframes { least_ticks, most_apart: keyframes.filter(|ticks| *ticks > 0) }
            }
            Self::AtEverySync | Self::OnGrid { .. } => self,
        }
    }

    /// Ticks of the longest segment, if the publisher's encoder does as it says.
    pub(super) fn longest_ticks(self) -> Option<i64> {
        let Self::AtKeyframes { least_ticks, most_apart: Some(apart) } = self else { return None };
        let keyframes = least_ticks.saturating_add(apart - 1).div_euclid(apart).max(1);
        Some(keyframes.saturating_mul(apart))
    }

    pub(super) fn on_grid(target_ms: u32, rate: u32) -> Self {
        Self::OnGrid { target_ms: target_ms.max(1), rate: rate.max(1) }
    }

    pub(super) fn with_target(self, target_ms: u32) -> Self {
        match self {
            Self::AtEverySync => self,
            Self::AtKeyframes { most_apart, .. } => Self::at_keyframes(target_ms).expecting(most_apart),
            Self::OnGrid { rate, .. } => Self::on_grid(target_ms, rate),
        }
    }

    /// Whether a sync unit presented at `pts` ends the segment that began at `start`, both in ticks of the track.
    pub(super) fn is_due(self, start: i64, pts: i64) -> bool {
        match self {
            Self::AtEverySync => true,
            Self::AtKeyframes { least_ticks, most_apart } => {
                let passed = pts.saturating_sub(start);
                let longest = self.longest_ticks().map(|ticks| ticks.saturating_add(EARLY_TICKS));
                let could_be_too_late = || longest < most_apart.map(|apart| passed.saturating_add(apart));
                passed >= least_ticks || could_be_too_late()
            }
            Self::OnGrid { target_ms, rate } => {
                let slot = |ticks: i64| (i128::from(ticks) * 1000).div_euclid(i128::from(target_ms) * i128::from(rate));
                slot(pts) > slot(start)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ticks(ms: i64) -> i64 {
        ms * i64::from(VIDEO_TIMESCALE) / 1000
    }

    #[test]
    fn a_keyframe_that_is_not_due_ends_a_segment_that_would_become_too_long() {
        // Segments of a second, keyframes every 8.33 s at the latest, and wherever the picture changes altogether.
        let cut = Cut::at_keyframes(1000).expecting(Some(ticks(8333)));
        assert_eq!(cut.longest_ticks(), Some(ticks(8333)));
        assert!(!cut.is_due(0, ticks(90)), "the next one comes soon enough");
        assert!(cut.is_due(0, ticks(850)), "the next one may be 9.2 s behind the beginning");
        assert!(!Cut::at_keyframes(1000).is_due(0, ticks(850)), "nothing is known of the next one");
    }

    #[test]
    fn keyframes_closer_than_a_segment_is_long_are_taken_several_at_a_time() {
        let cut = Cut::at_keyframes(3000).expecting(Some(ticks(2000)));
        assert_eq!(cut.longest_ticks(), Some(ticks(4000)));
        for (ms, is_due) in [(1500, false), (2000, false), (2700, true), (2900, true), (4000, true)] {
            assert_eq!(cut.is_due(0, ticks(ms)), is_due, "{ms}");
        }
        assert_eq!(cut.with_target(1000).longest_ticks(), Some(ticks(2000)), "the latency level may change");
    }
}
