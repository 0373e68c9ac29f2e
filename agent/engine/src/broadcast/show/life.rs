//! A broadcast without its publisher: what is open is closed, nothing is taken down, and whoever comes back goes on
//! where it ended.

use std::time::Instant;

use nixcast_core::admission::{Admitted, Refusal};
use nixcast_core::control::BroadcastRules;
use nixcast_core::hls::Presentation;
use nixcast_core::ids::{ChannelId, SessionId};
use nixcast_core::ladder::Ladder;
use nixcast_core::lifecycle::{Aftermath, Departure, Entry, Lifecycle, Standing};
use nixcast_core::media::VIDEO_TIMESCALE;
use nixcast_core::timeline::SAMPLES_PER_FRAME;
use nixcast_media::protocol::WorkerControl;

use super::{Expectation, LAST_PICTURES, Past, Publisher, Show};
use crate::broadcast::memory::Memory;
use crate::broadcast::track::Feed;
use crate::broadcast::worker::Spawner;
use crate::broadcast::{FromPublisher, Stage, moment_ms, unix_millis};
use crate::declared::Declared;

/// Between the end of what a lost publisher sent and the start of what comes after it, 90 kHz: what encoders and
/// rounding may add to the end.
const SEAM_90K: i64 = 9_000;

/// How long a picture lasts of which only the start is known, 90 kHz.
const PICTURE_90K: i64 = VIDEO_TIMESCALE as i64 / 30;

/// Added to encoder ids after a recall: encoders that were started after the last recollection had been written. Each
/// change of the ladder takes at most one for each rung.
const UNSEEN_ENCODERS: u32 = 1_000;

impl Show {
    /// The broadcast of an engine that has ended.
    pub(in crate::broadcast) fn recall(memory: Memory, declared: &Declared, spawner: Spawner, stage: &Stage) -> Self {
        let gone_ms = memory.gone_ms();
        let Memory { started_at_ms, key_name, grant, end_90k, next_encoder, presentation, .. } = memory;
        let presentation = Presentation::recall(presentation, gone_ms);
        let past = Past {
            id: presentation.id().to_owned(),
            life: Lifecycle::recalled(Admitted { channel: ChannelId::live(), key_name, grant }, gone_ms),
            started_at_ms,
            // Never 0: whatever comes now begins a new era.
            end_90k: end_90k.max(1),
            ladder: Ladder::going_on(next_encoder.saturating_add(UNSEEN_ENCODERS)),
        };
        stage.replace(Some(presentation));
        Self::new(past, Publisher::elsewhere(), declared, spawner)
    }

    /// What another engine would have to know of it; none while there is nothing to go on with.
    pub(in crate::broadcast) fn memory(&self, stage: &Stage) -> Option<Memory> {
        let presentation = stage.with(|presentation| presentation.remember()).flatten()?;
        let lost_at_ms = self.life.left_ms();
        Some(Memory {
            // While it waits nothing changes, and nothing need be written.
            written_at_ms: lost_at_ms.unwrap_or_else(unix_millis),
            lost_at_ms,
            started_at_ms: self.started_at_ms,
            key_name: self.admitted().key_name.clone(),
            grant: self.admitted().grant.clone(),
            end_90k: self.end_90k,
            next_encoder: self.ladder.next_id(),
            presentation,
        })
    }

    /// Whether and how a connection whose key is good may come in.
    pub(in crate::broadcast) fn judge_newcomer(
        &self,
        who: &Admitted,
        presented: &[u8],
        rules: &BroadcastRules,
    ) -> Result<Entry, Refusal> {
        self.life.judge(who, presented, self.publisher.pulse.silent_ms(), rules)
    }

    /// A connection ended. None if it was not the one that publishes.
    pub(in crate::broadcast) fn leave(
        &mut self,
        session: SessionId,
        departure: Departure,
        rules: &BroadcastRules,
    ) -> Option<Aftermath> {
        self.life.leave(session, departure, rules, moment_ms())
    }

    /// Whether it has waited for its publisher in vain.
    pub(in crate::broadcast) fn is_over(&self, rules: &BroadcastRules) -> bool {
        self.life.is_over(rules, moment_ms())
    }

    /// The publisher is gone and may come back: viewers get everything up to its last picture, and the worker ends when
    /// it has given what it still holds. An encoder that is fed again after a pause would have to be told so; another
    /// one, with another id, starts clean.
    pub(in crate::broadcast) fn pause(&mut self, stage: &Stage) {
        self.gauge.disconnected();
        self.source = None;
        self.frame_rate = None;
        self.picture = Expectation::default();
        self.restart_at = None;
        self.progress = None;
        self.pending.clear();
        self.failures.clear();
        let is_own = |feed: Option<Feed>| matches!(feed, Some(Feed::Publisher(_)));
        let own = self.tracks.iter_mut().filter(|(_, track)| is_own(track.feed()));
        let made: Vec<_> = own.map(|(name, track)| (name.clone(), track.flush())).collect();
        self.publish(made, stage);
        stage.with(Presentation::pause);
        self.ladder.forget_encoders();
        self.orders = self.next_orders();
        self.supervision.dismissed();
        match self.worker.take() {
            Some(worker) if worker.control(WorkerControl::End) => self.leaving = Some((worker, Instant::now())),
            _ => self.close(stage),
        }
    }

    /// The publisher is back, over this connection.
    pub(in crate::broadcast) fn resume(&mut self, publisher: Publisher, by: Admitted, stage: &Stage) {
        // Whatever is closed here is the end of what was, and no sign of the one who came.
        self.close(stage);
        self.life.resume(publisher.session, by, moment_ms());
        self.publisher = publisher;
        self.gauge.connected();
        self.is_returning = self.end_90k > 0;
        self.order_sound();
        self.ensure_worker(stage);
    }

    /// Where a session that continues this broadcast starts on its time line: behind everything there is, and at a grid
    /// point, so that its first segment is a whole one.
    pub(in crate::broadcast) fn next_start_90k(&self) -> i64 {
        if self.end_90k == 0 {
            return 0;
        }
        let grid_90k = i64::from(self.orders.latency.grid_ms()) * i64::from(VIDEO_TIMESCALE / 1000);
        let end_90k = self.end_90k.saturating_add(SEAM_90K);
        end_90k.saturating_add(grid_90k - 1).div_euclid(grid_90k).saturating_mul(grid_90k)
    }

    /// Start and end of a unit on the time line, 90 kHz; none for what is no unit.
    pub(super) fn extent_90k(&self, media: &FromPublisher) -> Option<(i64, i64)> {
        match media {
            FromPublisher::Video(unit) => Some((unit.dts, unit.pts.max(unit.dts) + PICTURE_90K)),
            FromPublisher::Audio(unit) => {
                let rate = i64::from(self.sound.source()?.sample_rate.max(1));
                let at_90k = |samples: i64| samples.saturating_mul(i64::from(VIDEO_TIMESCALE)) / rate;
                Some((at_90k(unit.dts), at_90k(unit.dts + SAMPLES_PER_FRAME)))
            }
            FromPublisher::Claims(_)
            | FromPublisher::Line(_)
            | FromPublisher::VideoConfig(_)
            | FromPublisher::AudioConfig(_) => None,
        }
    }

    /// The first unit of a publisher that came back: what follows is separated from what was, and dated by when it
    /// arrived.
    pub(super) fn begin_era(&mut self, start_90k: i64, stage: &Stage) {
        if std::mem::take(&mut self.is_returning) {
            let zero_unix_ms = unix_millis() - start_90k / i64::from(VIDEO_TIMESCALE / 1000);
            stage.with(|presentation| presentation.resume(zero_unix_ms));
        }
    }

    /// The worker of `epoch`, which was asked to end, has given all it had.
    pub(super) fn let_go(&mut self, epoch: u64, stage: &Stage) {
        if self.leaving.as_ref().is_some_and(|(worker, _)| worker.epoch == epoch) {
            self.close(stage);
        }
    }

    /// Ends a worker that takes too long to end.
    pub(super) fn give_up_leaving(&mut self, stage: &Stage) {
        if self.leaving.as_ref().is_some_and(|(_, since)| since.elapsed() > LAST_PICTURES) {
            self.close(stage);
        }
    }

    /// Closes what a lost publisher left open, so that the next one starts with nothing.
    fn close(&mut self, stage: &Stage) {
        if let Some((worker, _)) = self.leaving.take() {
            self.dropped_units += worker.dropped_units;
        }
        let made: Vec<_> = self.tracks.iter_mut().map(|(name, track)| (name.clone(), track.rest())).collect();
        self.publish(made, stage);
        let last = self.sound.rest().into_iter().collect();
        self.publish_sound(last, stage);
    }

    /// A segment was published. One of a publisher that is there means that viewers have something to play.
    pub(super) fn note_segment(&mut self, stage: &Stage) {
        if self.session().is_some() && stage.with(|presentation| presentation.is_playable()) == Some(true) {
            self.life.become_playable();
            self.stand(Standing::Live);
        }
        self.present_view(stage);
    }

    /// Sees where the broadcast stands now, and tells pages.
    pub(in crate::broadcast) fn take_stock(&mut self, rules: &BroadcastRules, stage: &Stage) {
        self.stand(self.life.standing(rules, moment_ms()));
        self.present_view(stage);
    }

    fn stand(&mut self, standing: Standing) {
        if std::mem::replace(&mut self.standing, standing) == standing {
            return;
        }
        match standing {
            Standing::Starting => {}
            Standing::Live => tracing::info!(broadcast = self.id, "live"),
            Standing::Reconnecting(_) => tracing::info!(broadcast = self.id, "waiting for the publisher"),
        }
    }
}
