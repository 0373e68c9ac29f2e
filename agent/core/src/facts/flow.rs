//! One track as it arrives: how many bits a second, how many pictures a second, how evenly.

use std::collections::VecDeque;
use std::time::Duration;

/// How much of the past bitrates and frame rates are measured over.
const WINDOW: Duration = Duration::from_secs(10);

/// Most units looked at for the frame rate: ten seconds at 60 a second. Faster ones are measured over less time.
const MOST_STEPS: usize = 600;

/// Least units before a frame rate is told.
const LEAST_STEPS: usize = 10;

/// A step is another one than usual beyond a quarter of it and a millisecond: RTMP rounds to whole milliseconds.
const TOLERATED: f64 = 0.25;
const ROUNDING_US: i64 = 1_000;

/// Share of unusual steps from which a rate is variable. A publisher that drops some pictures stays below it.
const VARIABLE_SHARE: f64 = 0.1;

/// Seconds of arrival kept for [`Flow::kbps_range`], and how many of them are put together.
const MINUTE: u64 = 60;
const PIECE: usize = 5;

#[derive(Clone, Copy, Debug)]
struct Second {
    number: u64,
    bytes: u64,
}

/// Measures one track. A unit costs a few additions.
#[derive(Clone, Debug, Default)]
pub struct Flow {
    /// Bytes by second of arrival, oldest first; seconds in which nothing came are left out.
    seconds: VecDeque<Second>,
    began: Option<Duration>,
    /// Decode times of the newest units, microseconds.
    times: VecDeque<i64>,
    latest: Option<Duration>,
}

impl Flow {
    /// One unit of `bytes` at `time_us` on the time line.
    pub fn push(&mut self, now: Duration, time_us: i64, bytes: usize) {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        self.began.get_or_insert(now);
        self.latest = Some(now);
        match self.seconds.back_mut() {
            Some(second) if second.number == now.as_secs() => second.bytes += bytes,
            _ => self.seconds.push_back(Second { number: now.as_secs(), bytes }),
        }
        while self.seconds.front().is_some_and(|second| second.number + MINUTE < now.as_secs()) {
            self.seconds.pop_front();
        }
        self.times.push_back(time_us);
        let window_us = i64::try_from(WINDOW.as_micros()).unwrap_or(i64::MAX);
        while self.times.len() > MOST_STEPS || self.times.front().is_some_and(|first| time_us - first > window_us) {
            self.times.pop_front();
        }
    }

    /// Since the last unit; none before the first.
    #[must_use]
    pub fn silence(&self, now: Duration) -> Option<Duration> {
        self.latest.map(|latest| now.saturating_sub(latest))
    }

    /// Kilobits a second over the last ten whole seconds, or as many as there are.
    #[must_use]
    pub fn kbps(&self, now: Duration) -> u32 {
        let Some(began) = self.began else { return 0 };
        let this = now.as_secs();
        // The first second is whole for nobody, except where there is no other.
        let from = (began.as_secs() + 1).max(this.saturating_sub(WINDOW.as_secs()));
        if from < this {
            return kbps(self.bytes(from, this), this - from);
        }
        let all: u64 = self.seconds.iter().map(|second| second.bytes).sum();
        let covered = now.saturating_sub(began).as_secs_f64();
        if covered < 0.5 { 0 } else { whole(all as f64 * 0.008 / covered) }
    }

    /// The least and the most kilobits a second of five whole seconds of the last minute; none before half a minute of
    /// them.
    #[must_use]
    pub fn kbps_range(&self, now: Duration) -> Option<(u32, u32)> {
        let this = now.as_secs();
        let from = (self.began?.as_secs() + 1).max(this.saturating_sub(MINUTE));
        if this < from + MINUTE / 2 {
            return None;
        }
        let piece = PIECE as u64;
        let rates = (from..this).step_by(PIECE).filter(|start| start + piece <= this);
        let rates = rates.map(|start| kbps(self.bytes(start, start + piece), piece));
        let (least, most) = rates.fold((u32::MAX, 0), |(least, most), rate| (least.min(rate), most.max(rate)));
        (least <= most).then_some((least, most))
    }

    fn bytes(&self, from: u64, to: u64) -> u64 {
        self.seconds.iter().filter(|second| (from..to).contains(&second.number)).map(|second| second.bytes).sum()
    }

    /// Units a second by their own times, and whether their distance varies; none before there are some.
    #[must_use]
    pub fn rate(&self) -> Option<(f64, bool)> {
        if self.times.len() <= LEAST_STEPS {
            return None;
        }
        let steps: Vec<i64> =
            self.times.iter().zip(self.times.iter().skip(1)).map(|(before, after)| after - before).collect();
        let usual = median(&steps);
        // Gaps that a publisher leaves by dropping pictures do not make it a slower one.
        let regular: Vec<i64> = steps.iter().copied().filter(|step| is_usual(*step, usual)).collect();
        let unusual = 1.0 - regular.len() as f64 / steps.len() as f64;
        let has_variable_rate = unusual > VARIABLE_SHARE;
        let counted = if has_variable_rate { &steps } else { &regular };
        let total: i64 = counted.iter().sum();
        (total > 0).then(|| (counted.len() as f64 * 1e6 / total as f64, has_variable_rate))
    }
}

pub(super) fn is_usual(step: i64, usual: i64) -> bool {
    (step - usual).abs() as f64 <= usual as f64 * TOLERATED + ROUNDING_US as f64
}

fn median(steps: &[i64]) -> i64 {
    let mut sorted = steps.to_vec();
    let middle = sorted.len() / 2;
    *sorted.select_nth_unstable(middle).1
}

fn kbps(bytes: u64, seconds: u64) -> u32 {
    u32::try_from(bytes.saturating_mul(8) / 1000 / seconds.max(1)).unwrap_or(u32::MAX)
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a rate is no less than 0; casts saturate")]
fn whole(value: f64) -> u32 {
    value.round() as u32
}
