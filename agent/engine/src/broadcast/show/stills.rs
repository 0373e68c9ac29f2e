//! Whether stills are made, and what the worker is for.

use nixcast_media::protocol::WorkerControl;

use super::Show;
use crate::broadcast::Stage;
use crate::broadcast::stills::Stills;
use crate::broadcast::track::Feed;

impl Show {
    /// Whether a worker has anything to do: a rung to encode, or stills to make of the publisher's own pictures.
    pub(super) fn needs_worker(&self) -> bool {
        self.orders.need_worker() || self.wishes.stills
    }

    /// Whether every picture matters to the worker. For stills alone it is given a keyframe every few seconds.
    pub(super) fn is_encoding(&self) -> bool {
        self.orders.need_worker() || self.tracks.values().any(|track| matches!(track.feed(), Some(Feed::Encoder(_))))
    }

    /// Begins or stops to make stills. Those of a broadcast that shall have none any more are forgotten at once.
    pub(super) fn follow_stills(&mut self, stage: &Stage) {
        if !self.wishes.stills {
            stage.stills.send_replace(Stills::default());
        }
        self.send_stills();
        if self.source.is_some() {
            self.ensure_worker(stage);
        }
        self.forget_finished(stage);
    }

    /// Tells the worker whether stills are to be made.
    pub(super) fn send_stills(&self) {
        if let Some(worker) = &self.worker {
            worker.control(WorkerControl::Stills { enabled: self.wishes.stills });
        }
    }
}
