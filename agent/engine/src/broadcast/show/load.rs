//! Keeps the ladder to what the machine can encode in real time.

use std::time::{Duration, Instant};

use nixcast_core::control::Condition;
use nixcast_core::overload::{Guard, Load};
use nixcast_media::protocol::Progress;

use super::{Show, Why};
use crate::broadcast::{Stage, overload};

/// How long units that had to be dropped are spoken of.
const REMEMBERED: Duration = Duration::from_secs(15);

/// The judge of the load, and what it has to remember between two reports.
#[derive(Debug)]
pub(super) struct LoadWatch {
    pub(super) guard: Guard,
    began: Instant,
    /// Units dropped in this broadcast when the last report came, and when some were last seen to be.
    dropped: u64,
    dropped_at: Option<Instant>,
}

impl LoadWatch {
    pub(super) fn new(began: Instant) -> Self {
        Self { guard: Guard::default(), began, dropped: 0, dropped_at: None }
    }

    /// Whether units had to be dropped a short while ago.
    pub(super) fn is_dropping(&self) -> bool {
        self.dropped_at.is_some_and(|at| at.elapsed() < REMEMBERED)
    }
}

impl Show {
    /// Tells the judge what there is to encode; true if that alone makes other rungs fit.
    pub(super) fn declare_load(&mut self) -> bool {
        let Some(source) = &self.source else { return false };
        let size = (source.config.width, source.config.height);
        let field = overload::field(&self.wishes.ladder, size, self.frame_rate, self.wishes.latency);
        self.watch.guard.declare(self.watch.began.elapsed(), field, self.wishes.when_overloaded)
    }

    /// Judges the worker's report.
    pub(super) fn take_progress(&mut self, progress: Progress, stage: &Stage) {
        let now = Instant::now();
        let total = self.dropped_units();
        let dropped = total.saturating_sub(self.watch.dropped);
        self.watch.dropped = total;
        if dropped > 0 {
            self.watch.dropped_at = Some(now);
        }
        self.count_progress(&progress);
        let load = overload::load(&progress, &self.orders.encoders, dropped);
        self.progress = Some((now, progress));
        self.judge(Some(load), stage);
    }

    /// Judges that there is no report: a ladder of which nothing is left to encode makes none.
    pub(super) fn watch_silence(&mut self, stage: &Stage) {
        self.judge(None, stage);
    }

    fn judge(&mut self, load: Option<Load>, stage: &Stage) {
        let had = self.watch.guard.shed().len();
        // A publisher may have come back with another picture, or changed it under way.
        let is_another_picture = load.is_some() && self.declare_load();
        let is_another_verdict = self.watch.guard.observe(self.watch.began.elapsed(), load);
        if !is_another_picture && !is_another_verdict {
            return;
        }
        let shed = self.watch.guard.shed().join(", ");
        if self.watch.guard.shed().len() > had {
            let speed = self.watch.guard.verdict().map(|verdict| verdict.speed);
            tracing::warn!(speed, shed, "encoding is slower than real time; rungs are left out");
        } else {
            tracing::info!(shed, "a rung that was left out for lack of time comes back");
        }
        self.follow_wishes(Why::Load, stage);
    }

    /// Units dropped since the broadcast began.
    pub(super) fn dropped_units(&self) -> u64 {
        self.dropped_units + self.worker.as_ref().map_or(0, |worker| worker.dropped_units)
    }

    /// What is to be said of the load.
    pub(super) fn load_conditions(&self) -> Vec<Condition> {
        let verdict = self.watch.guard.verdict().map(|verdict| overload::condition(&verdict));
        let dropping = self.watch.is_dropping().then(|| Condition {
            kind: "WorkerOverloaded".to_owned(),
            message: format!(
                "the transcoder worker takes the stream too slowly; {} units were dropped since the broadcast began",
                self.dropped_units()
            ),
        });
        verdict.into_iter().chain(dropping).collect()
    }
}
