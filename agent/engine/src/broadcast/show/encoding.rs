//! The broadcast and its worker: orders out, encoded media and reports in, a new worker when one is lost.

use std::time::{Duration, Instant};

use nixcast_core::ids::EncoderId;
use nixcast_core::media::{AccessUnit, AudioConfig, VideoConfig};
use nixcast_core::supervision::{could_be_picture, could_be_rate, could_be_sound};
use nixcast_media::hex;
use nixcast_media::protocol::{FromWorker, MediaUnit, WorkerControl, WorkerReport};
use nixcast_schema::Encoder;

use super::{Awaiting, Show};
use crate::broadcast::Stage;
use crate::broadcast::orders::ladder_frame;
use crate::broadcast::stills::Stills;
use crate::broadcast::track::Feed;

/// Before a worker that could not even be started is tried again.
const SPAWN_PAUSE: Duration = Duration::from_secs(1);

impl Show {
    /// Has a worker with the present orders, or none if nothing needs encoding.
    pub(super) fn ensure_worker(&mut self, stage: &Stage) {
        if !self.needs_worker() {
            // With no encoder left the worker flushes what it has; it goes when the last track has ended.
            if let Some(worker) = &self.worker {
                worker.control(ladder_frame(&self.orders));
            }
            return;
        }
        if let Some(worker) = &self.worker {
            if !worker.control(ladder_frame(&self.orders)) {
                self.lose_worker(worker.epoch, "the worker takes no orders", stage);
            }
            return;
        }
        if self.restart_at.is_none() {
            self.start_worker();
        }
    }

    pub(super) fn start_worker(&mut self) {
        self.restart_at = None;
        let epoch = self.next_epoch;
        self.next_epoch += 1;
        match self.spawner.spawn(epoch) {
            Ok(worker) => {
                tracing::info!(session = %self.publisher.session, pid = worker.pid, "transcoder worker started");
                self.supervision.started(Instant::now());
                self.worker = Some(worker);
                self.send_stills();
                self.send_source();
                if let Some(worker) = &self.worker {
                    worker.control(ladder_frame(&self.orders));
                }
            }
            Err(error) => {
                tracing::error!(error = %error, "could not start the transcoder worker");
                self.restart_at = Some(Instant::now() + SPAWN_PAUSE);
            }
        }
    }

    /// Codec parameters of the publisher, for the worker.
    pub(super) fn send_source(&self) {
        let (Some(worker), Some(source)) = (&self.worker, &self.source) else { return };
        worker.control(WorkerControl::VideoSource { avcc_hex: hex::encode(&source.config.avcc) });
        if let Some(audio) = self.sound.source() {
            worker.control(WorkerControl::AudioSource { asc_hex: hex::encode(&audio.asc) });
        }
    }

    pub(in crate::broadcast) fn take_worker(&mut self, epoch: u64, frame: FromWorker, stage: &Stage) {
        let before = self.leaving.iter().chain(&self.retired).map(|(worker, _)| worker);
        if self.worker.iter().chain(before).all(|worker| worker.epoch != epoch) {
            return;
        }
        if let Some(worker) = self.worker.as_mut().filter(|worker| worker.epoch == epoch) {
            worker.heard();
        }
        match frame {
            // How one gets on that was asked to end says nothing of the next.
            FromWorker::Report(WorkerReport::Progress(_)) if self.worker.as_ref().is_none_or(|w| w.epoch != epoch) => {}
            FromWorker::Report(WorkerReport::AudioStarted { sample_rate, .. }) if !could_be_rate(sample_rate) => {
                self.lose_worker(epoch, "the worker announced sound of no rate that could be", stage);
            }
            FromWorker::Report(report) => self.take_report(report, stage),
            FromWorker::Video(unit) if !could_be_picture(unit.dts, unit.pts, self.end_90k) => {
                self.lose_worker(epoch, "the worker sent a picture of no time that could be", stage);
            }
            FromWorker::Audio(unit) if !could_be_sound(unit.dts, self.end_90k) => {
                self.lose_worker(epoch, "the worker sent sound of no time that could be", stage);
            }
            FromWorker::Video(unit) => self.encoded_video(unit, stage),
            // One that was on its way when stills were turned off is too late.
            FromWorker::Still(still) if self.wishes.stills => Stills::put(&stage.stills, still),
            FromWorker::Still(_) => {}
            FromWorker::Audio(unit) => {
                let made = self.sound.push_encoded(EncoderId(unit.track), access_unit(unit), self.orders.latency);
                self.publish_sound(made, stage);
            }
        }
    }

    fn take_report(&mut self, report: WorkerReport, stage: &Stage) {
        match report {
            WorkerReport::Confined { missing } => self.take_confinement(missing),
            WorkerReport::VideoStarted { id, avcc_hex, width, height } => {
                let Some(avcc) = hex::decode(&avcc_hex) else { return };
                let feed = Feed::Encoder(EncoderId(id));
                let config = VideoConfig { avcc: avcc.into(), width, height };
                self.tracks.values_mut().for_each(|track| track.start(feed, config.clone()));
            }
            WorkerReport::AudioStarted { id, asc_hex, sample_rate, channels } => {
                let Some(asc) = hex::decode(&asc_hex) else { return };
                self.sound.start_encoded(EncoderId(id), AudioConfig { asc: asc.into(), sample_rate, channels });
            }
            WorkerReport::BitrateChanged { id, kbps } => {
                tracing::info!(encoder = id, kbps, "bitrate changed in place");
                self.pending.retain(|_, awaiting| *awaiting != Awaiting::Bitrate(EncoderId(id)));
            }
            WorkerReport::Ended { id } => self.encoder_ended(EncoderId(id), stage),
            WorkerReport::Failed { id, message } => self.encoder_failed(EncoderId(id), message),
            WorkerReport::Progress(progress) => self.take_progress(progress, stage),
            WorkerReport::Corrupt { message } => {
                tracing::debug!(message, "the publisher's media is damaged");
            }
        }
    }

    fn take_confinement(&mut self, missing: Vec<String>) {
        if !missing.is_empty() && self.unconfined != missing {
            tracing::warn!(missing = missing.join("; "), "the transcoder worker is not fully locked in");
        }
        self.unconfined = missing;
    }

    fn encoded_video(&mut self, unit: MediaUnit, stage: &Stage) {
        self.gauge.encoded(&unit);
        let feed = Feed::Encoder(EncoderId(unit.track));
        let unit = access_unit(unit);
        let level = self.orders.latency;
        let made: Vec<_> = self
            .tracks
            .iter_mut()
            .map(|(name, track)| (name.clone(), track.push(feed, unit.clone(), level)))
            .filter(|(_, made)| !made.is_empty())
            .collect();
        self.publish(made, stage);
    }

    pub(super) fn encoder_ended(&mut self, id: EncoderId, stage: &Stage) {
        let level = self.orders.latency;
        let feed = Feed::Encoder(id);
        let made: Vec<_> =
            self.tracks.iter_mut().map(|(name, track)| (name.clone(), track.ended(feed, level))).collect();
        self.publish(made, stage);
        self.forget_finished(stage);
    }

    fn encoder_failed(&mut self, id: EncoderId, message: String) {
        let Some(order) = self.orders.encoders.iter().find(|order| order.id == id) else { return };
        tracing::error!(rung = order.rung, message, "a rung cannot be encoded");
        if order.encoder != Encoder::X264 {
            self.distrust_hardware(&message);
            return;
        }
        self.failures.insert(id, (order.rung.clone(), message));
        self.pending.retain(|_, awaiting| *awaiting != Awaiting::Feed(Feed::Encoder(id)));
    }
}

fn access_unit(unit: MediaUnit) -> AccessUnit {
    let MediaUnit { track: _, is_sync, dts, pts, data } = unit;
    AccessUnit { dts, pts, is_sync, data }
}
