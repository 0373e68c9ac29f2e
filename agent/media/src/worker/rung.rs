//! One rung of the ladder: a thread that encodes, and the dispatcher's handle on it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use ffmpeg_next::{Rational, frame};

use crate::hex;
use crate::protocol::{EncoderProgress, EncoderSpec, FromWorker, MediaUnit, WorkerReport};

use super::cadence::Cadence;
use super::encoder::{EncodeError, PictureEncoder};
use super::ffi::Device;
use super::output::{EngineGone, Output};
use super::progress::RungCounts;
use super::queue::{self, Receiver, Refused, Sender};
use super::{WorkerError, ffi};

/// Pictures waiting for one rung. At 1080p each holds 3 MB, shared with the other rungs that still need it.
const QUEUE_PICTURES: usize = 8;

/// A decoded picture, as all rungs see it.
pub(super) struct Picture<'a> {
    pub(super) frame: &'a frame::Video,
    pub(super) pts: i64,
    /// Whether a segment starts here, so every rung makes it an IDR picture.
    pub(super) is_grid: bool,
    /// The grid point that follows.
    pub(super) next_point: i64,
}

/// What a rung's thread needs besides its pictures.
#[derive(Clone)]
pub(super) struct Surroundings {
    pub(super) output: Output,
    /// Set when nobody reads any more: encoders stop without flushing.
    pub(super) is_abandoned: Arc<AtomicBool>,
    /// x264 threads; 0 lets x264 choose.
    pub(super) encoder_threads: usize,
    /// For an encoder that needs one.
    pub(super) device: Option<Arc<Device>>,
}

struct Job {
    picture: frame::Video,
    is_grid: bool,
    bitrate: Option<u32>,
}

/// The dispatcher's side of a rung.
pub(super) struct Rung {
    spec: EncoderSpec,
    sender: Sender<Job>,
    /// None once it was seen to have ended by itself.
    thread: Option<JoinHandle<()>>,
    cadence: Cadence,
    /// A bitrate that has not reached the encoder yet; it goes with the next grid picture.
    bitrate: Option<u32>,
    /// Lost its place for lack of room; takes no picture before its next grid picture.
    is_skipping: bool,
    skipped: u64,
    counts: Arc<RungCounts>,
    /// What to say instead of `Ended`.
    last_words: Arc<OnceLock<String>>,
}

impl Rung {
    /// Starts the thread. Its encoder opens with the first picture it is given.
    pub(super) fn start(
        spec: EncoderSpec,
        frame_rate: Option<Rational>,
        surroundings: Surroundings,
    ) -> Result<Self, WorkerError> {
        let (sender, receiver) = queue::bounded(QUEUE_PICTURES);
        let last_words = Arc::new(OnceLock::new());
        let counts = Arc::new(RungCounts::default());
        let encoding = Encoding {
            spec: spec.clone(),
            frame_rate,
            surroundings,
            counts: Arc::clone(&counts),
            last_words: Arc::clone(&last_words),
        };
        let thread = super::spawn(&format!("rung-{}", spec.id), move || encoding.run(&receiver))?;
        let cadence = Cadence::new(spec.framerate);
        Ok(Self {
            spec,
            sender,
            thread: Some(thread),
            cadence,
            bitrate: None,
            is_skipping: false,
            skipped: 0,
            counts,
            last_words,
        })
    }

    pub(super) const fn spec(&self) -> &EncoderSpec {
        &self.spec
    }

    /// What the rung did since the last call.
    pub(super) fn progress(&self) -> EncoderProgress {
        self.counts.take(self.spec.id, self.sender.len())
    }

    /// Takes a new bitrate along with the next grid picture.
    pub(super) const fn change_bitrate(&mut self, kbps: u32) {
        self.spec.video_bitrate_kbps = kbps;
        self.bitrate = Some(kbps);
    }

    /// Hands the rung a picture, waiting up to `patience` for room. A rung without room then skips to its next grid
    /// picture: it resumes with an IDR, and the others were held up for no longer than the patience.
    pub(super) fn offer(&mut self, picture: &Picture<'_>, patience: Duration) -> Result<(), WorkerError> {
        let Picture { frame, pts, is_grid, next_point } = *picture;
        if !self.cadence.keeps(pts, is_grid, next_point) {
            return Ok(());
        }
        if self.is_skipping && !is_grid {
            self.skip();
            return Ok(());
        }
        let bitrate = if is_grid { self.bitrate } else { None };
        let job = Job { picture: ffi::share(frame).map_err(WorkerError::Share)?, is_grid, bitrate };
        match self.sender.send_until(job, Instant::now() + patience) {
            Ok(()) => {
                if self.is_skipping {
                    let (rung, skipped) = (self.spec.name.as_str(), std::mem::take(&mut self.skipped));
                    tracing::warn!(rung, skipped, "rung was too slow and resumes at a grid point");
                }
                self.is_skipping = false;
                if is_grid {
                    self.bitrate = None;
                }
            }
            Err(Refused::Full(_)) => {
                self.is_skipping = true;
                self.skip();
            }
            // It has said `Failed` itself; it stays here so that the same declaration does not start it again.
            Err(Refused::Closed) => self.thread.take().map_or(Ok(()), super::join)?,
        }
        Ok(())
    }

    fn skip(&mut self) {
        self.skipped += 1;
        self.counts.skipped();
    }

    /// Lets the thread encode what it has and say `Ended`.
    pub(super) fn retire(self) -> Option<JoinHandle<()>> {
        self.thread
    }

    /// Lets the thread encode what it has and say `Failed` with `reason`.
    pub(super) fn refuse(self, reason: &str) -> Option<JoinHandle<()>> {
        self.last_words.get_or_init(|| reason.to_owned());
        self.thread
    }
}

/// Why a rung's thread stops before its pictures end.
enum Stop {
    Failed(EncodeError),
    Gone,
}

impl From<EncodeError> for Stop {
    fn from(error: EncodeError) -> Self {
        Self::Failed(error)
    }
}

impl From<EngineGone> for Stop {
    fn from(_: EngineGone) -> Self {
        Self::Gone
    }
}

/// The thread's side of a rung.
struct Encoding {
    spec: EncoderSpec,
    frame_rate: Option<Rational>,
    surroundings: Surroundings,
    counts: Arc<RungCounts>,
    last_words: Arc<OnceLock<String>>,
}

impl Encoding {
    fn run(self, jobs: &Receiver<Job>) {
        let id = self.spec.id;
        let report = match self.encode_all(jobs) {
            Ok(()) => match self.last_words.get() {
                Some(message) => WorkerReport::Failed { id, message: message.clone() },
                None => WorkerReport::Ended { id },
            },
            Err(Stop::Gone) => return,
            Err(Stop::Failed(error)) => {
                let message = super::chain(&error);
                tracing::warn!(rung = self.spec.name, message, "rung cannot be encoded");
                WorkerReport::Failed { id, message }
            }
        };
        if self.surroundings.output.report(report).is_err() {
            tracing::debug!(rung = self.spec.name, "engine left before the rung ended");
        }
    }

    fn encode_all(&self, jobs: &Receiver<Job>) -> Result<(), Stop> {
        let Some(first) = jobs.recv() else { return Ok(()) };
        let mut encoder = self.open(&first.picture)?;
        let mut is_announced = self.announce(&encoder)?;
        self.encode(&mut encoder, first, &mut is_announced)?;
        while let Some(job) = jobs.recv() {
            self.encode(&mut encoder, job, &mut is_announced)?;
        }
        self.check_reader()?;
        encoder.finish()?;
        self.send_encoded(&mut encoder, &mut is_announced)
    }

    fn open(&self, first: &frame::Video) -> Result<PictureEncoder, Stop> {
        let Surroundings { encoder_threads, device, .. } = &self.surroundings;
        let encoder = PictureEncoder::open(&self.spec, first, self.frame_rate, *encoder_threads, device.as_ref())?;
        let super::size::Size { width, height } = encoder.size();
        tracing::info!(rung = self.spec.name, width, height, kbps = self.spec.video_bitrate_kbps, "rung starts");
        Ok(encoder)
    }

    /// Tells the engine what comes, if that is known.
    fn announce(&self, encoder: &PictureEncoder) -> Result<bool, Stop> {
        let Some(record) = encoder.record() else { return Ok(false) };
        let side = |pixels| u16::try_from(pixels).expect("rung_size returns sides that fit into a u16");
        let (width, height) = (side(encoder.size().width), side(encoder.size().height));
        let started = WorkerReport::VideoStarted { id: self.spec.id, avcc_hex: hex::encode(record), width, height };
        self.surroundings.output.report(started)?;
        Ok(true)
    }

    fn encode(&self, encoder: &mut PictureEncoder, job: Job, is_announced: &mut bool) -> Result<(), Stop> {
        self.check_reader()?;
        if let Some(kbps) = job.bitrate {
            encoder.set_bitrate(kbps);
            self.surroundings.output.report(WorkerReport::BitrateChanged { id: self.spec.id, kbps })?;
        }
        self.counts.busy(|| encoder.push(job.picture, job.is_grid))?;
        self.counts.encoded();
        self.send_encoded(encoder, is_announced)
    }

    fn send_encoded(&self, encoder: &mut PictureEncoder, is_announced: &mut bool) -> Result<(), Stop> {
        while let Some(encoded) = self.counts.busy(|| encoder.next_encoded())? {
            if !*is_announced {
                *is_announced = self.announce(encoder)?;
            }
            let super::encoder::Encoded { is_sync, dts, pts, data } = encoded;
            let unit = MediaUnit { track: self.spec.id, is_sync, dts, pts, data };
            self.surroundings.output.send(FromWorker::Video(unit))?;
        }
        Ok(())
    }

    fn check_reader(&self) -> Result<(), Stop> {
        if self.surroundings.is_abandoned.load(Ordering::Relaxed) { Err(Stop::Gone) } else { Ok(()) }
    }
}
