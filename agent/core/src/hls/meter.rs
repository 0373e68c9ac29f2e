//! How many bits a second a track really takes.

use std::collections::VecDeque;

/// Segments measured. A bitrate changed in place is forgotten after this many.
const REMEMBERED: usize = 30;

/// Peak and average bitrate of a track's newest segments.
#[derive(Clone, Debug, Default)]
pub(super) struct Meter {
    /// Bytes and microseconds of each.
    segments: VecDeque<(u64, u64)>,
}

impl Meter {
    pub(super) fn record(&mut self, bytes: u64, duration_us: i64) {
        let Some(duration_us) = u64::try_from(duration_us).ok().filter(|us| *us > 0) else { return };
        if self.segments.len() == REMEMBERED {
            self.segments.pop_front();
        }
        self.segments.push_back((bytes, duration_us));
    }

    /// Forgets what another encoder or another bitrate produced.
    pub(super) fn reset(&mut self) {
        self.segments.clear();
    }

    /// Bits per second of the largest segment, 0 before the first. Segments shorter than half a target duration do
    /// not count (RFC 8216bis, EXT-X-STREAM-INF): a last one of a single IDR picture would look like a flood.
    pub(super) fn peak_bps(&self, target_s: u64) -> u64 {
        let least_us = target_s * 500_000;
        let long_enough = self.segments.iter().filter(|(_, us)| *us >= least_us);
        long_enough.map(|&(bytes, us)| bits_per_second(bytes, us)).max().unwrap_or(0)
    }

    /// Bits per second over everything remembered, 0 before the first segment.
    pub(super) fn average_bps(&self) -> u64 {
        let (bytes, us) = self.segments.iter().fold((0, 0), |(bytes, us), segment| (bytes + segment.0, us + segment.1));
        if us == 0 { 0 } else { bits_per_second(bytes, us) }
    }
}

fn bits_per_second(bytes: u64, duration_us: u64) -> u64 {
    u64::try_from(u128::from(bytes) * 8_000_000 / u128::from(duration_us)).unwrap_or(u64::MAX)
}
