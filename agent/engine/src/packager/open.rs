//! The segment that is still growing.

use super::Part;
use super::fragment::Sample;

/// Its finished parts, and the samples of the part that is still open.
#[derive(Clone, Debug)]
pub(super) struct Open {
    pub(super) first_pts: i64,
    pub(super) first_decode: i64,
    /// Whether it begins with a sync unit.
    pub(super) is_independent: bool,
    pub(super) parts: Vec<Part>,
    /// How many samples the parts hold.
    pub(super) samples_in_parts: usize,
    /// Those that are in no part yet; the newest is always among them.
    pub(super) samples: Vec<Sample>,
    /// Of all samples.
    pub(super) bytes: usize,
    /// Latest presentation time.
    pub(super) last_pts: i64,
    newest_decode: i64,
    /// How long the newest sample but one lasted.
    pub(super) step: Option<i64>,
}

impl Open {
    pub(super) fn begin(first: Sample) -> Self {
        Self {
            first_pts: first.pts,
            first_decode: first.decode,
            is_independent: first.is_sync,
            parts: Vec::new(),
            samples_in_parts: 0,
            bytes: first.data.len(),
            last_pts: first.pts,
            newest_decode: first.decode,
            step: None,
            samples: vec![first],
        }
    }

    /// The same with one more sample. Call after the part before it was ended, if it was.
    pub(super) fn with(mut self, sample: Sample) -> Self {
        self.bytes += sample.data.len();
        self.last_pts = self.last_pts.max(sample.pts);
        self.step = Some(sample.decode.saturating_sub(self.newest_decode));
        self.newest_decode = sample.decode;
        self.samples.push(sample);
        self
    }

    /// How long the open part lasts if the next sample begins at `time`.
    pub(super) fn ticks_until(&self, time: i64) -> i64 {
        self.samples.first().map_or(0, |first| time.saturating_sub(first.time))
    }

    /// How long the newest sample lasts if the next one begins at `time`.
    pub(super) fn newest_ticks(&self, time: i64) -> i64 {
        self.samples.last().map_or(0, |newest| time.saturating_sub(newest.time))
    }
}
