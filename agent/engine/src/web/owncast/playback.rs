//! How playback went in the players that said so, minute by minute, as Owncast's admin page plots it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde::Serialize;
use tokio::time::{MissedTickBehavior, interval};

use super::super::reports::{Figures, Reports, Spread};
use super::series::Point;
use crate::broadcast::unix_millis;
use crate::tasks;

/// Between two looks. Owncast looks every two minutes.
const EVERY: Duration = Duration::from_secs(60);

/// Looks kept: two days, some 250 KiB.
const MOST: usize = 2 * 24 * 60;

/// The looks, oldest first. Clones share them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Minutes(Arc<Mutex<VecDeque<Minute>>>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Minute {
    time: Timestamp,
    figures: Figures,
}

/// Latency and durations in seconds, bitrates in kbit/s. A minute in which nobody said a thing has no point there.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Told {
    /// Players whose picture stood still, or that failed.
    errors: Vec<Point>,
    quality_variant_changes: Vec<Point<u32>>,
    highest_latency: Vec<Point<f64>>,
    median_latency: Vec<Point<f64>>,
    lowest_latency: Vec<Point<f64>>,
    median_segment_download_duration: Vec<Point<f64>>,
    maximum_segment_download_duration: Vec<Point<f64>>,
    minimum_segment_download_duration: Vec<Point<f64>>,
    /// As there, what the network of players would carry, and not what they play.
    min_player_bitrate: Vec<Point<u32>>,
    median_player_bitrate: Vec<Point<u32>>,
    max_player_bitrate: Vec<Point<u32>>,
}

impl Minutes {
    /// Looks at `reports` from now on.
    pub(crate) fn follow(reports: Reports) -> Self {
        let minutes = Self::default();
        let kept = minutes.clone();
        tasks::spawn("playback-over-time", async move {
            let mut ticks = interval(EVERY);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
            loop {
                ticks.tick().await;
                kept.keep(reports.end_round(Instant::now()), unix_millis());
            }
        });
        minutes
    }

    /// All looks, and one at `now` whose figures are `newest`.
    pub(super) fn told(&self, newest: Figures, now_ms: i64) -> Told {
        let newest = Timestamp::from_millisecond(now_ms).ok().map(|time| Minute { time, figures: newest });
        let mut told = Told::default();
        for minute in self.lock().iter().chain(&newest) {
            told.add(minute);
        }
        told
    }

    fn keep(&self, figures: Figures, now_ms: i64) {
        let Ok(time) = Timestamp::from_millisecond(now_ms) else { return };
        let mut minutes = self.lock();
        if minutes.len() == MOST {
            minutes.pop_front();
        }
        minutes.push_back(Minute { time, figures });
    }

    /// Locked for one look or one answer, never across an await.
    fn lock(&self) -> MutexGuard<'_, VecDeque<Minute>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Told {
    fn add(&mut self, Minute { time, figures }: &Minute) {
        let Figures { playback, switches, latency_ms, download_ms, throughput_kbps } = *figures;
        self.errors.push(Point { time: *time, value: playback.troubled() });
        self.quality_variant_changes.push(Point { time: *time, value: switches });
        let seconds = |series: &mut Vec<_>, ms: u32| series.push(Point { time: *time, value: f64::from(ms) / 1000.0 });
        if let Some(Spread { lowest, median, highest }) = latency_ms {
            seconds(&mut self.lowest_latency, lowest);
            seconds(&mut self.median_latency, median);
            seconds(&mut self.highest_latency, highest);
        }
        if let Some(Spread { lowest, median, highest }) = download_ms {
            seconds(&mut self.minimum_segment_download_duration, lowest);
            seconds(&mut self.median_segment_download_duration, median);
            seconds(&mut self.maximum_segment_download_duration, highest);
        }
        if let Some(Spread { lowest, median, highest }) = throughput_kbps {
            self.min_player_bitrate.push(Point { time: *time, value: lowest });
            self.median_player_bitrate.push(Point { time: *time, value: median });
            self.max_player_bitrate.push(Point { time: *time, value: highest });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::reports::Playback;
    use super::*;

    fn spread(lowest: u32, median: u32, highest: u32) -> Option<Spread> {
        Some(Spread { lowest, median, highest })
    }

    #[test]
    fn a_minute_in_which_nobody_measured_has_no_point_and_counts_are_zero() {
        let minutes = Minutes::default();
        minutes.keep(Figures::default(), 0);
        let figures = Figures {
            playback: Playback { reporting: 3, smooth: 1 },
            switches: 4,
            latency_ms: spread(1500, 2400, 4000),
            download_ms: spread(100, 180, 250),
            throughput_kbps: spread(900, 3000, 5100),
        };
        let told = minutes.told(figures, 60_000);
        let counted = |points: &[Point]| points.iter().map(|point| point.value).collect::<Vec<_>>();
        assert_eq!(counted(&told.errors), [0, 2]);
        assert_eq!(told.quality_variant_changes.iter().map(|point| point.value).collect::<Vec<_>>(), [0, 4]);
        let time = Timestamp::from_second(60).unwrap_or_default();
        assert_eq!(told.median_latency, [Point { time, value: 2.4 }]);
        assert_eq!(told.maximum_segment_download_duration, [Point { time, value: 0.25 }]);
        assert_eq!(told.min_player_bitrate, [Point { time, value: 900 }]);
        assert_eq!(minutes.told(Figures::default(), 60_000).median_latency, [], "what is asked for is not kept");
    }

    #[test]
    fn the_oldest_makes_room() {
        let minutes = Minutes::default();
        for minute in 0..=MOST {
            minutes.keep(Figures::default(), i64::try_from(minute).unwrap_or(0) * 60_000);
        }
        let kept = minutes.lock();
        assert_eq!((kept.len(), kept.front().map(|minute| minute.time.as_second())), (MOST, Some(60)));
    }
}
