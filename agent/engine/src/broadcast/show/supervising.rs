//! A worker that dies, hangs or talks nonsense: given up, and replaced as `core::supervision` says.

use std::collections::BTreeMap;
use std::time::Instant;

use nixcast_core::control::{ObjectId, Rung};
use nixcast_core::ids::EncoderId;

use super::{Awaiting, Show, Why};
use crate::broadcast::Stage;
use crate::broadcast::track::Feed;

impl Show {
    /// The worker of `epoch` is gone, or is to go. Its rungs pause until a new one has reached a keyframe; the others
    /// go on.
    pub(in crate::broadcast) fn lose_worker(&mut self, epoch: u64, how: &str, stage: &Stage) {
        self.let_go(epoch, stage);
        self.let_retired_go(epoch, stage);
        let Some(worker) = self.worker.take_if(|worker| worker.epoch == epoch) else { return };
        self.dropped_units += worker.dropped_units;
        worker.kill();
        self.end_encoded_tracks(stage);
        stage.with(|presentation| self.orders.encoders.iter().for_each(|order| presentation.lose(&order.rung)));
        self.forget_finished(stage);
        if !self.needs_worker() {
            self.supervision.dismissed();
            return;
        }
        let now = Instant::now();
        let pause = self.supervision.died(how, &self.fitting(), now);
        crate::counts::WORKERS_LOST.add(1);
        let deaths = self.supervision.quick_deaths();
        tracing::warn!(session = %self.publisher.session, how, deaths, "transcoder worker lost");
        for degraded in self.supervision.degraded() {
            tracing::warn!(rung = degraded.rung, lasts = ?degraded.lasts, "rung left out");
        }
        if self.is_dying_of_hardware() {
            self.distrust_hardware(how);
        }
        self.failures.clear();
        self.ladder.forget_encoders();
        self.restart_at = Some(now + pause);
        self.follow_wishes(Why::Deaths, stage);
        self.await_new_encoders();
        self.restart_if_due();
    }

    fn end_encoded_tracks(&mut self, stage: &Stage) {
        let level = self.orders.latency;
        let feeds = self.tracks.values().filter_map(crate::broadcast::track::RungTrack::feed);
        let running: Vec<EncoderId> = feeds.filter(|feed| matches!(feed, Feed::Encoder(_))).map(Feed::id).collect();
        for id in running {
            let feed = Feed::Encoder(id);
            let made: Vec<_> =
                self.tracks.iter_mut().map(|(name, track)| (name.clone(), track.ended(feed, level))).collect();
            self.publish(made, stage);
        }
    }

    /// Looks at the worker and the clock.
    pub(super) fn supervise(&mut self, stage: &Stage) {
        let now = Instant::now();
        let elapsed = now.duration_since(std::mem::replace(&mut self.looked_at, now));
        let level = self.orders.latency;
        if let Some(worker) = &mut self.worker
            && worker.is_hanging(elapsed, level)
        {
            let epoch = worker.epoch;
            self.lose_worker(epoch, "the worker takes pictures and gives nothing back", stage);
        }
        let fitting = self.fitting();
        if self.supervision.tick(&fitting, now) {
            self.follow_wishes(Why::Deaths, stage);
        }
        self.restart_if_due();
    }

    /// The declared rungs that the machine has time for.
    fn fitting(&self) -> BTreeMap<String, Rung> {
        let shed = self.watch.guard.shed();
        let ladder = self.wishes.ladder.iter().filter(|(name, _)| !shed.contains(name));
        ladder.map(|(name, rung)| (name.clone(), rung.clone())).collect()
    }

    /// What waited for an encoder that is gone waits for the one that follows, or for nothing if there is none.
    fn await_new_encoders(&mut self) {
        let orders = &self.orders;
        self.pending.retain(|object, awaiting| {
            let (ObjectId::Rung(rung), Awaiting::Feed(Feed::Encoder(_)) | Awaiting::Bitrate(_)) = (object, &awaiting)
            else {
                return true;
            };
            let order = orders.encoders.iter().find(|order| order.rung == *rung);
            if let Some(order) = order {
                let is_the_same = matches!(awaiting, Awaiting::Bitrate(id) if *id == order.id);
                if !is_the_same {
                    *awaiting = Awaiting::Feed(Feed::Encoder(order.id));
                }
            }
            order.is_some()
        });
    }

    fn restart_if_due(&mut self) {
        if self.worker.is_none()
            && self.needs_worker()
            && self.session().is_some()
            && self.restart_at.is_some_and(|due| due <= Instant::now())
        {
            self.start_worker();
        }
    }
}
