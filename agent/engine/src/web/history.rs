//! What the admin view plots: figures of the last half hour, looked at every few seconds.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use nixcast_core::control::BroadcastFacts;
use serde::Serialize;
use tokio::time::{MissedTickBehavior, interval};

use super::Site;
use crate::broadcast::unix_millis;
use crate::tasks;

/// Between two looks.
const EVERY: Duration = Duration::from_secs(5);

/// Looks kept: half an hour, with eight rungs some 300 KiB.
const MOST: usize = 30 * 60 / 5;

/// One look. What cannot be said is none, and so is everything about the stream while nobody publishes.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Look {
    /// Milliseconds since 1970; no two looks have the same.
    pub(super) at: i64,
    pub(super) viewers: usize,
    /// Players whose picture stood still in the last minute, of those that say so.
    pub(super) troubled: usize,
    /// From the publisher, picture and sound.
    pub(super) received_kbps: Option<u32>,
    /// What arrives is this far behind the clock.
    pub(super) behind_ms: Option<u64>,
    /// CPU seconds of the worker for each second.
    pub(super) worker_cpu: Option<f64>,
    pub(super) rungs: Vec<RungLook>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct RungLook {
    name: String,
    kbps: u32,
    /// Seconds of video for each second; none for pass-through.
    speed: Option<f64>,
}

/// The looks, oldest first. Clones share them.
#[derive(Clone, Debug, Default)]
pub(super) struct History(Arc<Mutex<VecDeque<Look>>>);

impl History {
    /// Looks at `site` from now on.
    pub(super) fn follow(site: Site) {
        tasks::spawn("figures-over-time", async move {
            let mut ticks = interval(EVERY);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
            loop {
                ticks.tick().await;
                let facts = site.channel.facts().broadcast;
                let troubled = site.reports.playback(Instant::now()).troubled();
                site.history.keep(Look { troubled, ..look(site.viewer_count(), facts.as_ref(), unix_millis()) });
            }
        });
    }

    /// Those after `at`, milliseconds since 1970.
    pub(super) fn after(&self, at: i64) -> Vec<Look> {
        self.lock().iter().filter(|look| look.at > at).cloned().collect()
    }

    fn keep(&self, look: Look) {
        let mut looks = self.lock();
        if looks.len() == MOST {
            looks.pop_front();
        }
        looks.push_back(look);
    }

    /// Locked for one look, never across an await.
    fn lock(&self) -> MutexGuard<'_, VecDeque<Look>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn look(viewers: usize, facts: Option<&BroadcastFacts>, at: i64) -> Look {
    let Some(facts) = facts else { return Look { at, viewers, ..Look::default() } };
    let is_away = facts.reconnecting.is_some();
    let rungs = facts.rungs.iter().filter(|_rung| !is_away).map(|rung| RungLook {
        name: rung.name.clone(),
        kbps: rung.kbps,
        speed: rung.speed,
    });
    Look {
        at,
        viewers,
        received_kbps: (!is_away).then_some(facts.source.received_kbps),
        behind_ms: (!is_away).then_some(facts.source.behind_ms),
        worker_cpu: facts.worker.map(|worker| worker.cpu),
        rungs: rungs.collect(),
        ..Look::default()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn the_oldest_makes_room_and_a_page_asks_for_what_is_new_to_it() {
        let history = History::default();
        let last = i64::try_from(MOST).unwrap();
        for at in 0..=last {
            history.keep(look(1, None, at));
        }
        let all = history.after(-1);
        assert_eq!((all.len(), all[0].at, all[0].received_kbps), (MOST, 1, None));
        assert_eq!(history.after(last - 1), [Look { at: last, viewers: 1, ..Look::default() }]);
    }
}
