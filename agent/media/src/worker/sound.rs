//! The shared sound: a thread that decodes the publisher's audio and encodes it once for all rungs.

mod asc;
mod decoder;
mod encoder;
mod lane;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::hex;
use crate::protocol::{AudioSpec, FromWorker, MediaUnit, WorkerReport};

use self::decoder::SoundDecoder;
use self::encoder::SoundEncoder;
use self::lane::Lane;
use super::corrupt::Corruption;
use super::output::{EngineGone, Output};
use super::queue::{self, Receiver, Refused, Sender};
use super::{WorkerError, join};

/// Units waiting to be decoded: 2.7 s of AAC at 48 kHz. When it is full, units are lost and come out as silence.
const QUEUE_UNITS: usize = 128;

/// How long the last orders may wait for room at the end of a broadcast.
const LAST_ORDERS: Duration = Duration::from_secs(10);

enum Job {
    Source(Vec<u8>),
    Encode(Option<AudioSpec>),
    Unit(MediaUnit),
}

/// The reader's handle on the sound.
pub(super) struct Sound {
    sender: Sender<Job>,
    thread: JoinHandle<()>,
    patience: Duration,
    /// There was no room for the last unit; the next ones do not wait again, because that would hold up the pictures.
    is_behind: bool,
    /// Orders that found no room; they go before the next unit, and only the latest of each counts.
    source: Option<Vec<u8>>,
    spec: Option<Option<AudioSpec>>,
}

impl Sound {
    pub(super) fn start(
        output: Output,
        is_abandoned: Arc<AtomicBool>,
        patience: Duration,
    ) -> Result<Self, WorkerError> {
        let (sender, receiver) = queue::bounded(QUEUE_UNITS);
        let thread = super::spawn("sound", move || Voice::new(output, is_abandoned).run(&receiver))?;
        Ok(Self { sender, thread, patience, is_behind: false, source: None, spec: None })
    }

    /// The publisher's codec record from the next unit on.
    pub(super) fn set_source(&mut self, asc: Vec<u8>) {
        self.source = Some(asc);
        self.give_orders(Instant::now());
    }

    /// The encoder wanted from the next unit on.
    pub(super) fn encode(&mut self, spec: Option<AudioSpec>) {
        self.spec = Some(spec);
        self.give_orders(Instant::now());
    }

    /// Hands over one unit, waiting up to the patience for room. A unit without room is lost.
    pub(super) fn push(&mut self, unit: MediaUnit) {
        let patience = if self.is_behind { Duration::ZERO } else { self.patience };
        let deadline = Instant::now() + patience;
        let is_taken = self.give_orders(deadline) && self.sender.send_until(Job::Unit(unit), deadline).is_ok();
        if !is_taken && !self.is_behind {
            tracing::warn!("sound has no room; units are lost until it has");
        }
        self.is_behind = !is_taken;
    }

    /// Waits until everything was encoded and `Ended` said.
    pub(super) fn finish(mut self) -> Result<(), WorkerError> {
        self.give_orders(Instant::now() + LAST_ORDERS);
        drop(self.sender);
        join(self.thread)
    }

    fn give_orders(&mut self, deadline: Instant) -> bool {
        if let Some(asc) = self.source.take()
            && let Err(Refused::Full(Job::Source(asc))) = self.sender.send_until(Job::Source(asc), deadline)
        {
            self.source = Some(asc);
        }
        if let Some(spec) = self.spec.take()
            && let Err(Refused::Full(Job::Encode(spec))) = self.sender.send_until(Job::Encode(spec), deadline)
        {
            self.spec = Some(spec);
        }
        self.source.is_none() && self.spec.is_none()
    }
}

/// The thread's side.
struct Voice {
    output: Output,
    is_abandoned: Arc<AtomicBool>,
    corruption: Corruption,
    decoder: Option<SoundDecoder>,
    spec: Option<AudioSpec>,
    running: Option<Running>,
    /// An id that failed; the same declaration does not start it again.
    failed: Option<u32>,
}

/// An open encoder and the samples it has not taken yet.
struct Running {
    encoder: SoundEncoder,
    lane: Lane,
}

impl Voice {
    fn new(output: Output, is_abandoned: Arc<AtomicBool>) -> Self {
        let corruption = Corruption::of("audio");
        Self { output, is_abandoned, corruption, decoder: None, spec: None, running: None, failed: None }
    }

    fn run(mut self, jobs: &Receiver<Job>) {
        let mut result = Ok(());
        while let (Some(job), Ok(())) = (jobs.recv(), result) {
            result = match job {
                _ if self.is_abandoned.load(Ordering::Relaxed) => Err(EngineGone),
                Job::Source(asc) => self.change_source(asc),
                Job::Encode(spec) => self.change_spec(spec),
                Job::Unit(unit) => self.take(&unit),
            };
        }
        if result.and_then(|()| self.drain_resampler()).and_then(|()| self.stop()).is_err() {
            tracing::debug!("engine left before the sound ended");
        }
    }

    fn change_source(&mut self, asc: Vec<u8>) -> Result<(), EngineGone> {
        if self.decoder.as_ref().is_some_and(|decoder| decoder.is_for(&asc)) {
            return Ok(());
        }
        self.drain_resampler()?;
        match SoundDecoder::open(asc) {
            Ok(decoder) => self.decoder = Some(decoder),
            Err(error) => {
                self.decoder = None;
                self.corruption.note(&super::chain(&error), Instant::now(), &self.output)?;
            }
        }
        Ok(())
    }

    fn change_spec(&mut self, spec: Option<AudioSpec>) -> Result<(), EngineGone> {
        if spec == self.spec {
            return Ok(());
        }
        let is_same_id = self.spec.as_ref().zip(spec.as_ref()).is_some_and(|(have, want)| have.id == want.id);
        let had = std::mem::replace(&mut self.spec, spec);
        if is_same_id {
            // FFmpeg's AAC encoder cannot change its bitrate, and a new encoder needs a new id.
            let id = had.map_or(0, |had| had.id);
            return self.fail(id, "a different encoder was declared under the same id");
        }
        self.failed = None;
        let Some(want) = self.spec.clone() else { return self.stop() };
        let Some(Running { mut encoder, lane }) = self.running.take() else { return Ok(()) };
        // The next encoder goes on at the very sample where this one stops; nothing is padded or lost.
        self.finish_encoder(&mut encoder)?;
        let (rate, channels) = (encoder.rate(), encoder.channels());
        self.start(&want, rate, channels, lane)?;
        self.encode_whole_frames()
    }

    fn take(&mut self, unit: &MediaUnit) -> Result<(), EngineGone> {
        let Some(spec) = self.spec.clone().filter(|spec| self.failed != Some(spec.id)) else { return Ok(()) };
        let Some(decoder) = self.decoder.as_mut() else { return Ok(()) };
        if let Err(error) = decoder.push(unit) {
            return self.corruption.note(&super::chain(&error), Instant::now(), &self.output);
        }
        loop {
            let Some(decoder) = self.decoder.as_mut() else { return Ok(()) };
            match decoder.next_frame() {
                Ok(None) => return Ok(()),
                Ok(Some(())) => {
                    if self.running.is_none() {
                        let (rate, channels) = decoder.output_form();
                        self.start(&spec, rate, channels, Lane::new(rate, channels))?;
                    }
                    self.place()?;
                }
                Err(error) => {
                    self.corruption.note(&super::chain(&error), Instant::now(), &self.output)?;
                    return Ok(());
                }
            }
        }
    }

    /// Puts the decoded frame where it belongs on the time line and encodes what is whole.
    fn place(&mut self) -> Result<(), EngineGone> {
        let (Some(decoder), Some(running)) = (self.decoder.as_mut(), self.running.as_mut()) else { return Ok(()) };
        let (rate, channels) = (running.encoder.rate(), running.encoder.channels());
        if let Err(error) = decoder.deliver(rate, channels, &mut running.lane) {
            self.corruption.note(&super::chain(&error), Instant::now(), &self.output)?;
        }
        self.encode_whole_frames()
    }

    fn drain_resampler(&mut self) -> Result<(), EngineGone> {
        let (Some(decoder), Some(running)) = (self.decoder.as_mut(), self.running.as_mut()) else { return Ok(()) };
        decoder.drain(&mut running.lane);
        self.encode_whole_frames()
    }

    fn encode_whole_frames(&mut self) -> Result<(), EngineGone> {
        while let Some(running) = self.running.as_mut() {
            let Some(frame) = running.lane.take_frame() else { return Ok(()) };
            if let Err(error) = running.encoder.push(&frame) {
                let id = running.encoder.id();
                return self.fail(id, &super::chain(&error));
            }
            send_encoded(&self.output, &mut running.encoder)?;
        }
        Ok(())
    }

    fn start(&mut self, spec: &AudioSpec, rate: u32, channels: u8, lane: Lane) -> Result<(), EngineGone> {
        let id = spec.id;
        match SoundEncoder::open(spec, rate, channels) {
            Ok(encoder) => {
                let asc_hex = hex::encode(encoder.record());
                tracing::info!(rate, channels, kbps = spec.bitrate_kbps, "sound starts");
                self.running = Some(Running { encoder, lane });
                self.output.report(WorkerReport::AudioStarted { id, asc_hex, sample_rate: rate, channels })
            }
            Err(error) => self.fail(id, &super::chain(&error)),
        }
    }

    fn fail(&mut self, id: u32, message: &str) -> Result<(), EngineGone> {
        tracing::warn!(message, "sound cannot be encoded");
        self.running = None;
        self.failed = Some(id);
        self.output.report(WorkerReport::Failed { id, message: message.to_owned() })
    }

    /// Ends the encoder, with its last frame filled up with silence.
    fn stop(&mut self) -> Result<(), EngineGone> {
        if let Some(running) = self.running.as_mut() {
            running.lane.pad();
        }
        self.encode_whole_frames()?;
        let Some(Running { mut encoder, .. }) = self.running.take() else { return Ok(()) };
        self.finish_encoder(&mut encoder)
    }

    fn finish_encoder(&self, encoder: &mut SoundEncoder) -> Result<(), EngineGone> {
        encoder.finish();
        send_encoded(&self.output, encoder)?;
        self.output.report(WorkerReport::Ended { id: encoder.id() })
    }
}

fn send_encoded(output: &Output, encoder: &mut SoundEncoder) -> Result<(), EngineGone> {
    while let Some((dts, data)) = encoder.next_encoded() {
        let unit = MediaUnit { track: encoder.id(), is_sync: true, dts, pts: dts, data };
        output.send(FromWorker::Audio(unit))?;
    }
    Ok(())
}
