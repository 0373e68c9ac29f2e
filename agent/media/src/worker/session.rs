//! The reading side of the worker: one thread that takes the engine's messages in order.

use std::io::{self, Read};
use std::net::Shutdown;
use std::ops::ControlFlow;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use crate::hex;
use crate::protocol::{FrameReader, MediaUnit, ToWorker, WorkerControl, WorkerReport};
use crate::sandbox::Cell;

use super::corrupt::Corruption;
#[cfg(debug_assertions)]
use super::fault;
use super::hardware::Hardware;
use super::ladder::{Declared, Dispatched, Ladder};
use super::output::{EngineGone, Output};
use super::picture::PictureDecoder;
use super::rung::Surroundings;
use super::sound::Sound;
use super::stills::Stills;
use super::{WorkerError, WorkerOptions, chain, join};

const READ_BYTES: usize = 64 * 1024;

/// Most pictures and errors taken from the decoder after one unit; H.264 holds back 16 pictures and its threads two.
/// A decoder that only ever answers with errors must not hold the reader.
const MOST_PICTURES_AT_ONCE: usize = 64;

/// Why reading stopped before the engine said `End`.
enum Halt {
    EngineGone,
    Failed(WorkerError),
}

impl From<EngineGone> for Halt {
    fn from(_: EngineGone) -> Self {
        Self::EngineGone
    }
}

impl From<WorkerError> for Halt {
    fn from(error: WorkerError) -> Self {
        Self::Failed(error)
    }
}

/// Runs the worker on `socket` to its end.
pub(super) fn run(socket: UnixStream, options: &WorkerOptions) -> Result<(), WorkerError> {
    let (output, writer) = Output::start(socket.try_clone().map_err(WorkerError::Socket)?)?;
    if let Some(Cell { missing, .. }) = &options.cell {
        let missing = missing.iter().map(|(layer, reason)| format!("{layer}: {reason}")).collect();
        // The first message of all: there is room for it, and a writer to take it.
        let _is_sent = output.report(WorkerReport::Confined { missing });
    }
    let is_abandoned = Arc::new(AtomicBool::new(false));
    let mut session = Session::new(output, Arc::clone(&is_abandoned), options)?;
    let served = session.serve(&socket);
    if served.is_err() {
        is_abandoned.store(true, Ordering::Relaxed);
        // Wakes a writer, and through it the encoders, that wait for an engine which will not read.
        socket.shutdown(Shutdown::Both).or_else(ignore_not_connected).map_err(WorkerError::Socket)?;
    }
    let finished = session.finish();
    join(writer)?;
    match served {
        Ok(()) | Err(Halt::EngineGone) => finished,
        Err(Halt::Failed(error)) => Err(error),
    }
}

fn ignore_not_connected(error: io::Error) -> io::Result<()> {
    if error.kind() == io::ErrorKind::NotConnected { Ok(()) } else { Err(error) }
}

struct Session {
    output: Output,
    ladder: Ladder,
    sound: Sound,
    stills: Stills,
    decoder: Option<PictureDecoder>,
    corruption: Corruption,
    has_video_source: bool,
    has_ladder: bool,
}

impl Session {
    fn new(output: Output, is_abandoned: Arc<AtomicBool>, options: &WorkerOptions) -> Result<Self, WorkerError> {
        let sound = Sound::start(output.clone(), Arc::clone(&is_abandoned), options.patience)?;
        let encoder_threads = options.encoder_threads.unwrap_or(0);
        let stills = Stills::new(output.clone(), Arc::clone(&is_abandoned));
        let device = options.hardware.as_ref().and_then(Hardware::device);
        let surroundings = Surroundings { output: output.clone(), is_abandoned, encoder_threads, device };
        let ladder = Ladder::new(surroundings, options.patience, Instant::now());
        let corruption = Corruption::of("video");
        Ok(Self {
            output,
            ladder,
            sound,
            stills,
            decoder: None,
            corruption,
            has_video_source: false,
            has_ladder: false,
        })
    }

    /// Takes messages until `End`.
    fn serve(&mut self, mut socket: &UnixStream) -> Result<(), Halt> {
        let mut reader = FrameReader::new();
        let mut bytes = vec![0; READ_BYTES];
        loop {
            while let Some(frame) = reader.next_frame().map_err(WorkerError::Protocol)? {
                let message = ToWorker::decode(frame).map_err(WorkerError::Protocol)?;
                #[cfg(debug_assertions)]
                match &message {
                    ToWorker::Video(_) => fault::before_unit(socket),
                    ToWorker::Control(WorkerControl::Ladder { encoders, .. }) => fault::declared(encoders),
                    _ => (),
                }
                if self.take(message)?.is_break() {
                    return Ok(());
                }
            }
            match socket.read(&mut bytes) {
                Ok(0) => return Err(Halt::EngineGone),
                Ok(count) => reader.feed(&bytes[..count]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::ConnectionReset => return Err(Halt::EngineGone),
                Err(error) => return Err(WorkerError::Socket(error).into()),
            }
        }
    }

    fn take(&mut self, message: ToWorker) -> Result<ControlFlow<()>, Halt> {
        match message {
            ToWorker::Video(unit) => {
                self.decode(&unit)?;
                // Whatever came of the unit: the engine gives up a worker that reads and says nothing.
                if let Some(progress) = self.ladder.progress(Instant::now()) {
                    self.output.hint(WorkerReport::Progress(progress))?;
                }
            }
            ToWorker::Audio(unit) => self.sound.push(unit),
            ToWorker::Control(WorkerControl::VideoSource { avcc_hex }) => self.change_video_source(&avcc_hex)?,
            ToWorker::Control(WorkerControl::AudioSource { asc_hex }) => match hex::decode(&asc_hex) {
                Some(asc) => self.sound.set_source(asc),
                None => self.note("the audio codec record is not hexadecimal")?,
            },
            ToWorker::Control(WorkerControl::Ladder { grid_ms, encoders, audio }) => {
                self.declare(Declared { grid_ms, encoders, audio });
            }
            ToWorker::Control(WorkerControl::Stills { enabled }) => self.stills.set(enabled)?,
            ToWorker::Control(WorkerControl::End) => {
                self.flush_decoder()?;
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    /// The sound of the first ladder starts at once: units that come before the first picture is decoded are part of
    /// the broadcast. Later it changes with the pictures, unless there are none.
    fn declare(&mut self, declared: Declared) {
        if !self.has_ladder || !self.has_video_source {
            self.sound.encode(declared.audio.clone());
        }
        self.has_ladder = true;
        self.ladder.declare(declared);
    }

    /// The old decoder gives out its last pictures before the new one takes over.
    fn change_video_source(&mut self, avcc_hex: &str) -> Result<(), Halt> {
        self.has_video_source = true;
        let Some(avcc) = hex::decode(avcc_hex) else {
            return Ok(self.note("the video codec record is not hexadecimal")?);
        };
        if self.decoder.as_ref().is_some_and(|decoder| decoder.is_for(&avcc)) {
            return Ok(());
        }
        self.flush_decoder()?;
        match PictureDecoder::open(avcc) {
            Ok(decoder) => self.decoder = Some(decoder),
            Err(error) => self.note(&chain(&error))?,
        }
        Ok(())
    }

    fn decode(&mut self, unit: &MediaUnit) -> Result<(), Halt> {
        let Some(decoder) = self.decoder.as_mut() else { return Ok(()) };
        let began = Instant::now();
        let pushed = decoder.push(unit);
        self.ladder.decoding(began.elapsed());
        if let Err(error) = pushed {
            self.note(&chain(&error))?;
        }
        if self.stills.is_on() && !self.ladder.has_rungs() {
            self.give_out_alone()?;
        }
        self.dispatch_decoded()
    }

    /// Nothing that follows is needed for this picture, and the next unit may be long in coming.
    fn give_out_alone(&mut self) -> Result<(), Halt> {
        if let Some(decoder) = self.decoder.as_mut()
            && let Err(error) = decoder.finish()
        {
            self.note(&chain(&error))?;
        }
        self.dispatch_decoded()?;
        if let Some(decoder) = self.decoder.as_mut() {
            decoder.restart();
        }
        Ok(())
    }

    fn flush_decoder(&mut self) -> Result<(), Halt> {
        let Some(decoder) = self.decoder.as_mut() else { return Ok(()) };
        if let Err(error) = decoder.finish() {
            self.note(&chain(&error))?;
        }
        self.dispatch_decoded()?;
        self.decoder = None;
        Ok(())
    }

    fn dispatch_decoded(&mut self) -> Result<(), Halt> {
        for _ in 0..MOST_PICTURES_AT_ONCE {
            let Some(decoder) = self.decoder.as_mut() else { return Ok(()) };
            let began = Instant::now();
            let picture = decoder.next_picture();
            self.ladder.decoding(began.elapsed());
            match picture {
                Ok(None) => return Ok(()),
                Ok(Some(picture)) => {
                    self.stills.offer(&picture)?;
                    match self.ladder.dispatch(&picture, decoder.frame_rate())? {
                        Dispatched::Encoded => {}
                        Dispatched::LadderChanged(audio) => self.sound.encode(audio),
                        Dispatched::OutOfOrder => self.note("a picture does not follow the one before it in time")?,
                    }
                }
                Err(error) => self.note(&chain(&error))?,
            }
        }
        Ok(())
    }

    fn note(&mut self, reason: &str) -> Result<(), EngineGone> {
        self.corruption.note(reason, Instant::now(), &self.output)
    }

    /// Waits for all threads. The writer ends when the session, which holds the last way to it, is gone.
    fn finish(mut self) -> Result<(), WorkerError> {
        let stills = self.stills.close();
        let sound = self.sound.finish();
        self.ladder.finish().and(sound).and(stills)
    }
}
