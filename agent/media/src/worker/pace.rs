//! How far behind its own past the worker is: the measure by which a slow rung is told from a burst of input.
//!
//! Units often come in bursts (a publisher's connection stalls and catches up). Then every queue is full and nobody
//! is late, so waiting costs nothing. When a rung really cannot keep up, each wait delays the time line against the
//! wall clock, and that adds up. Pure: the clock is passed in.

use std::time::{Duration, Instant};

/// The best offset is forgotten after one to two of these, so a drift between the publisher's clock and ours
/// (50 ppm are 0.5 ms in 10 s) never looks like lateness. Longer than any grid, so a rung that drops frames until its
/// next grid point has shown the true offset before then.
const WINDOW: Duration = Duration::from_secs(10);

/// Lateness of the time line against the wall clock, measured from the best offset lately seen.
#[derive(Debug)]
pub(super) struct Pace {
    epoch: Instant,
    window_began: Instant,
    /// Least microseconds of wall clock minus time line, in this window and in the last.
    least: i64,
    least_before: i64,
}

impl Pace {
    pub(super) const fn new(now: Instant) -> Self {
        Self { epoch: now, window_began: now, least: i64::MAX, least_before: i64::MAX }
    }

    /// How late a picture of `pts` (90 kHz) is at `now`.
    pub(super) fn lateness(&mut self, pts: i64, now: Instant) -> Duration {
        let wall = i64::try_from(now.duration_since(self.epoch).as_micros()).unwrap_or(i64::MAX);
        let offset = wall.saturating_sub(pts.saturating_mul(100) / 9);
        if now.duration_since(self.window_began) >= WINDOW {
            self.window_began = now;
            self.least_before = std::mem::replace(&mut self.least, i64::MAX);
        }
        self.least = self.least.min(offset);
        let late = offset.saturating_sub(self.least.min(self.least_before));
        Duration::from_micros(u64::try_from(late).unwrap_or(0))
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::Pace;

    #[test]
    fn a_burst_is_not_late_and_a_stall_is() {
        let start = Instant::now();
        let mut pace = Pace::new(start);
        let mut late_at =
            |pts_ms: i64, wall_ms: u64| pace.lateness(pts_ms * 90, start + Duration::from_millis(wall_ms)).as_millis();
        assert_eq!(late_at(0, 500), 0, "the first picture sets the offset");
        assert_eq!(late_at(1000, 900), 0, "two seconds of video in 400 ms: ahead of time");
        assert_eq!(late_at(2000, 1900), 0);
        assert_eq!(late_at(3000, 3150), 250, "a wait of 250 ms shows");
        assert_eq!(late_at(4000, 3900), 0, "and is gone once made up for");
    }

    #[test]
    fn clock_drift_is_forgotten() {
        let start = Instant::now();
        let mut pace = Pace::new(start);
        let late = (0..3600_u32).map(|second| {
            let wall = Duration::from_secs(u64::from(second)) + Duration::from_micros(50) * second;
            pace.lateness(i64::from(second) * 90_000, start + wall)
        });
        assert!(late.max() < Some(Duration::from_millis(2)));
    }
}
