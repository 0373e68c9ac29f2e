//! How many watched, over time, as Owncast's admin page plots it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};

use crate::broadcast::unix_millis;
use crate::tasks;

/// Between two looks. Owncast looks every two minutes.
const EVERY: Duration = Duration::from_secs(60);

/// Looks kept: two days, some 50 KiB.
const MOST: usize = 2 * 24 * 60;

/// One look.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(super) struct Point<Value = usize> {
    pub(super) time: Timestamp,
    pub(super) value: Value,
}

/// The looks, oldest first. Clones share them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Series(Arc<Mutex<VecDeque<Point>>>);

impl Series {
    /// Looks at `audience` for as long as there is one to look at; what is off air counts as nobody.
    pub(crate) fn follow(audience: watch::Receiver<Option<usize>>) -> Self {
        let series = Self::default();
        let kept = series.clone();
        tasks::spawn("viewers-over-time", async move {
            let mut ticks = interval(EVERY);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
            while audience.has_changed().is_ok() {
                ticks.tick().await;
                let value = audience.borrow().unwrap_or(0);
                kept.keep(value, unix_millis());
            }
        });
        series
    }

    /// Those since `start`, seconds since 1970.
    pub(super) fn since(&self, start: i64) -> Vec<Point> {
        self.lock().iter().filter(|point| point.time.as_second() >= start).copied().collect()
    }

    fn keep(&self, value: usize, now_ms: i64) {
        let Ok(time) = Timestamp::from_millisecond(now_ms) else { return };
        let mut points = self.lock();
        if points.len() == MOST {
            points.pop_front();
        }
        points.push_back(Point { time, value });
    }

    /// Locked for one look, never across an await.
    fn lock(&self) -> std::sync::MutexGuard<'_, VecDeque<Point>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_makes_room_and_a_window_is_cut_out() {
        let series = Series::default();
        for minute in 0..=MOST {
            series.keep(minute, i64::try_from(minute).unwrap_or(0) * 60_000);
        }
        let all = series.since(0);
        assert_eq!((all.len(), all[0].value), (MOST, 1));
        let last = i64::try_from(MOST).unwrap_or(0) * 60;
        assert_eq!(series.since(last - 60).iter().map(|point| point.value).collect::<Vec<_>>(), [MOST - 1, MOST]);
        assert!(series.since(last + 1).is_empty());
    }
}
