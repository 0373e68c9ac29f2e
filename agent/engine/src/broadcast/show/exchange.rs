//! One kind of encoder takes the place of another: a worker is locked in for what it was started for, so another
//! process does it, from a keyframe on. The old one gives all that it was sent before.

use std::time::Instant;

use nixcast_core::control::Condition;
use nixcast_core::ids::EncoderId;
use nixcast_media::protocol::WorkerControl;
use nixcast_schema::Encoder;

use super::{Awaiting, LAST_PICTURES, Show, Why};
use crate::broadcast::track::Feed;
use crate::broadcast::worker::Worker;
use crate::broadcast::{Stage, probe};

/// Quick deaths of a worker for hardware before x264 is trusted more.
const MOST_DEATHS: u32 = 2;

impl Show {
    /// Encodes by `encoder` from the next keyframe on.
    pub(in crate::broadcast) fn use_encoder(&mut self, encoder: Encoder, stage: &Stage) {
        // What has failed in this broadcast is not used again in it.
        if self.failed_hardware.as_ref().is_some_and(|(failed, _)| *failed == encoder) {
            return;
        }
        self.failed_hardware = None;
        self.spawner.encoder = encoder;
        if self.worker.is_none() {
            self.follow_wishes(Why::Declared, stage);
        }
    }

    /// Exchanges the worker for one of the kind that is wanted. The keyframe at hand is the first that it is given.
    pub(super) fn exchange_if_due(&mut self, stage: &Stage) {
        let Some(old) = self.worker.take_if(|worker| worker.encoder != self.spawner.encoder) else { return };
        tracing::info!(from = old.encoder.as_str(), to = self.spawner.encoder.as_str(), "another encoder takes over");
        old.control(WorkerControl::End);
        if let Some((before, _)) = self.retired.replace((old, Instant::now())) {
            self.close_retired(&before, stage);
        }
        self.pending.retain(|_, awaiting| !matches!(awaiting, Awaiting::Feed(Feed::Encoder(_)) | Awaiting::Bitrate(_)));
        self.failures.clear();
        self.ladder.forget_encoders();
        self.orders = self.next_orders();
        self.order_sound();
        self.follow_orders();
        self.start_worker();
    }

    /// The worker of `epoch` is gone; if it was the retired one, it has given all it had.
    pub(super) fn let_retired_go(&mut self, epoch: u64, stage: &Stage) {
        if let Some((worker, _)) = self.retired.take_if(|(worker, _)| worker.epoch == epoch) {
            self.close_retired(&worker, stage);
        }
    }

    /// Ends a retired worker that takes too long.
    pub(super) fn give_up_retired(&mut self, stage: &Stage) {
        if let Some((worker, _)) = self.retired.take_if(|(_, since)| since.elapsed() > LAST_PICTURES) {
            self.close_retired(&worker, stage);
        }
    }

    /// Ends every feed that nothing runs for any more.
    fn close_retired(&mut self, worker: &Worker, stage: &Stage) {
        self.dropped_units += worker.dropped_units;
        let is_running = |id: EncoderId| self.orders.encoders.iter().any(|order| order.id == id);
        let feeds = self.tracks.values().filter_map(super::RungTrack::feed);
        let over: Vec<Feed> = feeds.filter(|feed| matches!(feed, Feed::Encoder(id) if !is_running(*id))).collect();
        for feed in over {
            self.encoder_ended(feed.id(), stage);
        }
    }

    /// A rung of the hardware encoder failed, or its worker keeps dying: x264 takes over at the next keyframe.
    pub(super) fn distrust_hardware(&mut self, reason: &str) {
        let encoder = std::mem::take(&mut self.spawner.encoder);
        if encoder != Encoder::X264 {
            tracing::warn!(encoder = encoder.as_str(), reason, "the hardware encoder failed");
            self.failed_hardware = Some((encoder, reason.to_owned()));
        }
    }

    /// Whether the worker for hardware died so often that it is not trusted any more.
    pub(super) fn is_dying_of_hardware(&self) -> bool {
        self.spawner.encoder != Encoder::X264 && self.supervision.quick_deaths() >= MOST_DEATHS
    }

    pub(super) fn hardware_condition(&self) -> Option<Condition> {
        self.failed_hardware.as_ref().map(|(encoder, reason)| probe::fallback(*encoder, reason))
    }
}
