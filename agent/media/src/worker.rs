//! The worker process: reads units from the engine, decodes them once, encodes every rung, writes units back.
//!
//! One thread reads and decodes, one thread for each rung scales and encodes, one does the sound, one writes. It opens
//! no file and no socket, writes nothing to standard output, and no input ends it: what cannot be decoded is skipped
//! and reported. It ends when the engine says so or is gone. The engine calls it as `nixcast transcode`.

mod avc;
mod cadence;
mod corrupt;
mod encoder;
#[cfg(debug_assertions)]
mod fault;
mod ffi;
mod hardware;
mod ladder;
mod output;
mod pace;
mod picture;
mod progress;
mod queue;
mod rung;
mod session;
mod size;
mod sound;
mod stills;

use std::io;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::thread::JoinHandle;
use std::time::Duration;

use crate::protocol::{ProtocolError, VideoEncoder};
use crate::sandbox::{self, Cell, SandboxError};
pub use hardware::{Hardware, Unusable, probe};

/// Why the worker ended although the engine did not ask for it.
#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    #[error("could not lock the worker in")]
    Sandbox(#[source] SandboxError),
    #[error("could not use the engine's socket")]
    Socket(#[source] io::Error),
    #[error("could not start the thread {name}")]
    Thread {
        name: String,
        #[source]
        cause: io::Error,
    },
    #[error("thread {thread} panicked")]
    Panicked { thread: String },
    #[error("could not read what the engine sent")]
    Protocol(#[source] ProtocolError),
    #[error("the hardware encoder cannot be used")]
    Hardware(#[source] Unusable),
    #[error("FFmpeg could not be set up")]
    Ffmpeg(#[source] ffmpeg_next::Error),
    #[error("could not share a decoded picture among the rungs")]
    Share(#[source] ffmpeg_next::Error),
}

/// What a test or a benchmark may choose. A running server uses the default.
#[derive(Clone, Debug)]
pub struct WorkerOptions {
    /// x264 threads of each rung; none: x264 chooses, as it does for `ffmpeg`. With one, its output is reproducible.
    pub encoder_threads: Option<usize>,
    /// How far a rung or a slow reader may delay the time line before pictures are lost. A burst of input does not
    /// count: see `pace`.
    pub patience: Duration,
    /// The sandbox that the process has entered, to be told to the engine.
    pub cell: Option<Cell>,
    /// What was opened before that; none: x264 alone.
    pub hardware: Option<Hardware>,
}

impl Default for WorkerOptions {
    /// Half a second: below the shortest segment (1 s), so the other rungs' playlists never miss their time by it.
    fn default() -> Self {
        Self { encoder_threads: None, patience: Duration::from_millis(500), cell: None, hardware: None }
    }
}

/// Opens what `encoder` needs, locks the process in, for good, and serves the engine at the other end of standard input
/// until it says `End` or is gone. Called before the process has started a thread or opened a file, as it closes all
/// but the standard three.
///
/// # Errors
/// Standard input is not a socket, the hardware is not there, the process has threads already, or as for
/// [`run_worker`].
pub fn run_worker_on_stdin(encoder: VideoEncoder) -> Result<(), WorkerError> {
    if let Err(error) = sandbox::close_inherited() {
        tracing::debug!(%error, "descriptors that the engine did not mean to pass on stay open");
    }
    #[cfg(debug_assertions)]
    fault::arm();
    let stdin = io::stdin().as_fd().try_clone_to_owned().map_err(WorkerError::Socket)?;
    let hardware = Hardware::prepare(encoder)?;
    let cell = sandbox::enter(hardware::profile(encoder)).map_err(WorkerError::Sandbox)?;
    let options = WorkerOptions { cell: Some(cell), hardware: Some(hardware), ..WorkerOptions::default() };
    run_worker_with(UnixStream::from(stdin), &options)
}

/// Serves the engine at the other end of `socket` until it says `End` or is gone.
///
/// # Errors
/// The engine sent what is no frame, or the process is out of threads or memory. Bad media is no error.
pub fn run_worker(socket: UnixStream) -> Result<(), WorkerError> {
    run_worker_with(socket, &WorkerOptions::default())
}

/// [`run_worker`] with chosen options.
///
/// # Errors
/// As for [`run_worker`].
pub fn run_worker_with(socket: UnixStream, options: &WorkerOptions) -> Result<(), WorkerError> {
    ffmpeg_next::init().map_err(WorkerError::Ffmpeg)?;
    // What libav says about a publisher's media goes to standard error, unlimited in rate. Our own counts do instead.
    ffmpeg_next::log::set_level(ffmpeg_next::log::Level::Quiet);
    session::run(socket, options)
}

fn spawn(name: &str, body: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, WorkerError> {
    let thread = std::thread::Builder::new().name(name.to_owned()).spawn(body);
    thread.map_err(|cause| WorkerError::Thread { name: name.to_owned(), cause })
}

/// A panic is a bug; the worker ends with it, so that the engine starts a whole one.
fn join(thread: JoinHandle<()>) -> Result<(), WorkerError> {
    let name = thread.thread().name().unwrap_or_default().to_owned();
    thread.join().map_err(|_| WorkerError::Panicked { thread: name })
}

/// An error with its causes, in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
