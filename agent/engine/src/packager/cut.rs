//! Where a segment may end.

use nixcast_core::media::VIDEO_TIMESCALE;

/// How much earlier than due a keyframe may come, milliseconds: a publisher's "every 2 s" is 60 frames, which at
/// 30000/1001 per second or with rounded times is a little off.
const EARLY_MS: u32 = 100;

/// When a sync unit begins a new segment.
#[derive(Clone, Copy, Debug)]
pub(super) enum Cut {
    AtEverySync,
    /// As soon as this many ticks of video have passed.
    AtKeyframes {
        least_ticks: i64,
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
        }
    }

    pub(super) fn on_grid(target_ms: u32, rate: u32) -> Self {
        Self::OnGrid { target_ms: target_ms.max(1), rate: rate.max(1) }
    }

    pub(super) fn with_target(self, target_ms: u32) -> Self {
        match self {
            Self::AtEverySync => self,
            Self::AtKeyframes { .. } => Self::at_keyframes(target_ms),
            Self::OnGrid { rate, .. } => Self::on_grid(target_ms, rate),
        }
    }

    /// Whether a sync unit presented at `pts` ends the segment that began at `start`, both in ticks of the track.
    pub(super) fn is_due(self, start: i64, pts: i64) -> bool {
        match self {
            Self::AtEverySync => true,
            Self::AtKeyframes { least_ticks } => pts.saturating_sub(start) >= least_ticks,
            Self::OnGrid { target_ms, rate } => {
                let slot = |ticks: i64| (i128::from(ticks) * 1000).div_euclid(i128::from(target_ms) * i128::from(rate));
                slot(pts) > slot(start)
            }
        }
    }
}
