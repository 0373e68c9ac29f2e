//! What the worker counts while it works, and the report it makes of that about once a second.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

use crate::protocol::{EncoderProgress, Progress};

/// Least time between two reports.
const INTERVAL: Duration = Duration::from_secs(1);

/// What one rung did, counted by its thread and by the dispatcher.
#[derive(Debug, Default)]
pub(super) struct RungCounts {
    encoded: AtomicU32,
    skipped: AtomicU32,
    busy_us: AtomicU64,
}

impl RungCounts {
    pub(super) fn encoded(&self) {
        self.encoded.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn skipped(&self) {
        self.skipped.fetch_add(1, Ordering::Relaxed);
    }

    /// Runs `work` and counts the time it takes.
    pub(super) fn busy<T>(&self, work: impl FnOnce() -> T) -> T {
        let began = Instant::now();
        let result = work();
        self.busy_us.fetch_add(u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX), Ordering::Relaxed);
        result
    }

    /// Everything since the last call.
    pub(super) fn take(&self, id: u32, queued: usize) -> EncoderProgress {
        EncoderProgress {
            id,
            encoded: self.encoded.swap(0, Ordering::Relaxed),
            skipped: self.skipped.swap(0, Ordering::Relaxed),
            busy_ms: saturating(self.busy_us.swap(0, Ordering::Relaxed) / 1000),
            queued: u32::try_from(queued).unwrap_or(u32::MAX),
        }
    }
}

/// What is counted for all rungs together.
#[derive(Debug)]
pub(super) struct Meter {
    began: Instant,
    cpu_at_beginning: Duration,
    decode: Duration,
    media_ticks: i64,
    last_pts: Option<i64>,
    late: Duration,
}

impl Meter {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            began: now,
            cpu_at_beginning: cpu_time(),
            decode: Duration::ZERO,
            media_ticks: 0,
            last_pts: None,
            late: Duration::ZERO,
        }
    }

    pub(super) fn decoding(&mut self, time: Duration) {
        self.decode += time;
    }

    /// A picture of `pts` (90 kHz), so much late, was handed to the rungs.
    pub(super) fn dispatched(&mut self, pts: i64, late: Duration) {
        self.media_ticks += self.last_pts.map_or(0, |last| pts.saturating_sub(last));
        self.last_pts = Some(pts);
        self.late = self.late.max(late);
    }

    pub(super) fn is_due(&self, now: Instant) -> bool {
        now.duration_since(self.began) >= INTERVAL
    }

    /// The report, without rungs; the next one starts here.
    pub(super) fn take(&mut self, now: Instant) -> Progress {
        let cpu = cpu_time();
        let progress = Progress {
            interval_ms: milliseconds(now.duration_since(self.began)),
            media_ms: saturating(u64::try_from(self.media_ticks / 90).unwrap_or(0)),
            late_ms: milliseconds(self.late),
            decode_ms: milliseconds(self.decode),
            cpu_ms: milliseconds(cpu.saturating_sub(self.cpu_at_beginning)),
            encoders: Vec::new(),
        };
        *self = Self { last_pts: self.last_pts, cpu_at_beginning: cpu, ..Self::new(now) };
        progress
    }
}

fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    let part = |part: i64| u64::try_from(part).unwrap_or(0);
    Duration::from_secs(part(time.tv_sec)) + Duration::from_nanos(part(time.tv_nsec))
}

fn milliseconds(time: Duration) -> u32 {
    u32::try_from(time.as_millis()).unwrap_or(u32::MAX)
}

fn saturating(value: u64) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_covers_what_happened_since_the_last_one() {
        let start = Instant::now();
        let mut meter = Meter::new(start);
        for picture in 0..31 {
            meter.dispatched(90_000 + picture * 3000, Duration::from_millis(u64::try_from(picture % 7).unwrap_or(0)));
        }
        meter.decoding(Duration::from_millis(40));
        assert!(!meter.is_due(start + Duration::from_millis(999)));
        let now = start + Duration::from_millis(1050);
        assert!(meter.is_due(now));
        let first = meter.take(now);
        assert_eq!((first.interval_ms, first.media_ms, first.late_ms, first.decode_ms), (1050, 1000, 6, 40));
        meter.dispatched(90_000 + 31 * 3000, Duration::ZERO);
        let second = meter.take(now + Duration::from_secs(1));
        assert_eq!((second.interval_ms, second.media_ms, second.late_ms, second.decode_ms), (1000, 33, 0, 0));

        let counts = RungCounts::default();
        counts.encoded();
        counts.skipped();
        counts.busy(|| std::thread::sleep(Duration::from_millis(2)));
        let taken = counts.take(4, 3);
        assert_eq!((taken.id, taken.encoded, taken.skipped, taken.queued), (4, 1, 1, 3));
        assert!(taken.busy_ms >= 2);
        assert_eq!(counts.take(4, 0), EncoderProgress { id: 4, ..EncoderProgress::default() });
    }
}
