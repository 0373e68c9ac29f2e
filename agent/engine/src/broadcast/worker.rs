//! The transcoding worker as a child process: spawned, fed without ever waiting for it, and told apart by epoch.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream as StdUnixStream;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use nixcast_core::ladder::LatencyLevel;
use nixcast_core::supervision::Liveness;
use nixcast_media::allowance;
use nixcast_media::protocol::{FrameReader, FromWorker, ToWorker, WorkerControl};
use nixcast_schema::Encoder;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::process::{Child, Command};
use tokio::sync::{mpsc, oneshot};

use super::Input;
use super::orders::video_encoder;
use crate::counts;
use crate::tasks::{self, chain};

/// Units waiting for the worker: three seconds of 30 fps video and 48 kHz sound. Full means the worker cannot keep up.
const QUEUE: usize = 256;

/// Places kept free of media, so that control frames always find room.
const CONTROL_RESERVE: usize = 16;

/// Least time between two keyframes that are decoded for stills alone, 90 kHz: 5 s.
const ALONE_EVERY: i64 = 5 * 90_000;

/// How long a worker that was asked to end may take before it is killed.
const END_DEADLINE: Duration = Duration::from_secs(5);

/// How long a worker whose socket has closed may take to be gone: it has nothing left to do.
const GONE_WITHIN: Duration = Duration::from_secs(1);

/// CPU time that a worker which makes progress may still use, in seconds of the whole machine: longer than the longest
/// silence it is allowed, so that nothing but a busy loop runs out of it.
const CPU_AHEAD_SECONDS: u32 = 15;

/// Least time between two grants of it.
const BETWEEN_GRANTS: Duration = Duration::from_secs(1);

/// What is needed to start a worker.
#[derive(Clone, Debug)]
pub(super) struct Spawner {
    /// The nixcast binary, run as `nixcast transcode`.
    pub(super) program: PathBuf,
    pub(super) inbox: mpsc::WeakSender<Input>,
    /// What the next worker is started for.
    pub(super) encoder: Encoder,
}

/// A running worker. Dropping it closes its socket, which ends it: at once, or after [`END_DEADLINE`] by force.
#[derive(Debug)]
pub(super) struct Worker {
    pub(super) epoch: u64,
    pub(super) pid: u32,
    /// What it was started for.
    pub(super) encoder: Encoder,
    queue: mpsc::Sender<ToWorker>,
    /// Set from the first dropped video unit to the next one decoding can start at.
    is_skipping: bool,
    pub(super) dropped_units: u64,
    /// Of the keyframe that was last given for a still, 90 kHz.
    last_alone: Option<i64>,
    liveness: Liveness,
    /// Sent to: killed; dropped: to end by itself.
    end: oneshot::Sender<()>,
    granted_at: Option<Instant>,
}

impl Spawner {
    /// Starts a worker that waits for its first `VideoSource`. `epoch` marks everything that comes back from it.
    pub(super) fn spawn(&self, epoch: u64) -> io::Result<Worker> {
        let (ours, theirs) = StdUnixStream::pair()?;
        ours.set_nonblocking(true)?;
        let socket = UnixStream::from_std(ours)?;
        let mut command = Command::new(&self.program);
        command.args(["transcode", "--encoder", video_encoder(self.encoder).as_str()]).env_clear();
        #[cfg(debug_assertions)]
        if let Some(file) = std::env::var_os(nixcast_media::FAULT_VARIABLE) {
            command.env(nixcast_media::FAULT_VARIABLE, file);
        }
        let child = command
            .stdin(Stdio::from(OwnedFd::from(theirs)))
            .stdout(Stdio::null())
            .stderr(Stdio::inherit())
            .kill_on_drop(true)
            .spawn()?;
        let pid = child.id().unwrap_or(0);
        let (reader, writer) = socket.into_split();
        let (queue, frames) = mpsc::channel(QUEUE);
        let (end, ending) = oneshot::channel();
        tasks::spawn("worker-writer", write_frames(writer, frames));
        tasks::spawn("worker-reader", attend(Attended { reader, child, ending, epoch, inbox: self.inbox.clone() }));
        let liveness = Liveness::default();
        let mut worker = Worker {
            epoch,
            pid,
            encoder: self.encoder,
            queue,
            is_skipping: true,
            dropped_units: 0,
            last_alone: None,
            liveness,
            end,
            granted_at: None,
        };
        worker.grant_cpu();
        Ok(worker)
    }
}

impl Worker {
    /// Queues a control frame; false when even the reserve is used up, which only a worker that hangs can do.
    pub(super) fn control(&self, control: WorkerControl) -> bool {
        self.queue.try_send(ToWorker::Control(control)).is_ok()
    }

    /// Frames that wait for it, and the most that may.
    pub(super) fn queued(&self) -> (usize, usize) {
        let most = self.queue.max_capacity();
        (most - self.queue.capacity(), most)
    }

    /// Queues a video unit, or drops it and all that follow up to the next one decoding can start at.
    pub(super) fn video(&mut self, unit: nixcast_media::protocol::MediaUnit) {
        let has_room = self.queue.capacity() > CONTROL_RESERVE;
        if self.is_skipping && !(unit.is_sync && has_room) {
            // Before the first keyframe there is nothing to decode: that is no loss of the worker's.
            self.count_dropped(u64::from(!has_room));
            if !has_room {
                self.liveness.fed();
            }
            return;
        }
        self.liveness.fed();
        self.is_skipping = !has_room || self.queue.try_send(ToWorker::Video(unit)).is_err();
        self.count_dropped(u64::from(self.is_skipping));
    }

    /// Queues a video unit that is decoded alone, for stills. Others are left out, as are most keyframes.
    pub(super) fn keyframe(&mut self, unit: nixcast_media::protocol::MediaUnit) {
        // Whatever is decoded again begins at a keyframe.
        self.is_skipping = true;
        let is_due = self.last_alone.is_none_or(|last| !(0..ALONE_EVERY).contains(&unit.dts.saturating_sub(last)));
        if unit.is_sync && is_due && self.queue.capacity() > CONTROL_RESERVE {
            self.last_alone = Some(unit.dts);
            self.liveness.fed();
            self.count_dropped(u64::from(self.queue.try_send(ToWorker::Video(unit)).is_err()));
        }
    }

    /// Queues an audio unit, or drops it when the queue is full.
    pub(super) fn audio(&mut self, unit: nixcast_media::protocol::MediaUnit) {
        if self.queue.capacity() <= CONTROL_RESERVE || self.queue.try_send(ToWorker::Audio(unit)).is_err() {
            self.count_dropped(1);
        }
    }

    /// Something came from it.
    pub(super) fn heard(&mut self) {
        self.liveness.heard();
    }

    /// Looks at it after `elapsed`: true if it hangs. One that does not may go on using the CPU.
    pub(super) fn is_hanging(&mut self, elapsed: Duration, level: LatencyLevel) -> bool {
        // Asked first: a look at a worker that is being fed begins a new silence.
        let has_spoken = !self.liveness.is_silent();
        let is_hanging = self.liveness.looked(elapsed, level);
        if has_spoken && self.granted_at.is_none_or(|at| at.elapsed() >= BETWEEN_GRANTS) {
            self.grant_cpu();
        }
        is_hanging
    }

    fn grant_cpu(&mut self) {
        self.granted_at = Some(Instant::now());
        let cpus = std::thread::available_parallelism().map_or(1, |count| u32::try_from(count.get()).unwrap_or(1));
        if let Err(error) = allowance::grant(self.pid, Duration::from_secs(u64::from(CPU_AHEAD_SECONDS * cpus))) {
            // It is gone already, or may use what it likes; its silence would still be noticed.
            tracing::debug!(pid = self.pid, %error, "the worker's CPU time could not be bounded");
        }
    }

    /// Ends it whatever it is doing.
    pub(super) fn kill(self) {
        // One that has ended by itself need not be told.
        let _is_heard = self.end.send(());
    }

    fn count_dropped(&mut self, units: u64) {
        self.dropped_units += units;
        counts::UNITS_DROPPED.add(units);
    }
}

async fn write_frames(mut writer: OwnedWriteHalf, mut frames: mpsc::Receiver<ToWorker>) {
    let mut bytes = BytesMut::new();
    while let Some(frame) = frames.recv().await {
        bytes.clear();
        if let Err(error) = frame.encode(&mut bytes) {
            tracing::warn!(error = chain(&error), "a unit does not fit the worker's protocol and was left out");
            continue;
        }
        if writer.write_all(&bytes).await.is_err() {
            // The reader sees the end of the socket too, and reports it.
            return;
        }
    }
    // Nobody holds the worker any more: the closed half tells it to finish.
    if let Err(error) = writer.shutdown().await {
        tracing::debug!(error = %error, "the worker's socket was closed already");
    }
}

/// What the task that attends a worker holds.
struct Attended {
    reader: OwnedReadHalf,
    child: Child,
    ending: oneshot::Receiver<()>,
    epoch: u64,
    inbox: mpsc::WeakSender<Input>,
}

async fn attend(attended: Attended) {
    let Attended { mut reader, mut child, ending, epoch, inbox } = attended;
    let why = {
        let forwarding = forward(&mut reader, epoch, &inbox);
        tokio::pin!(forwarding);
        // The second arm takes a single word, and the first is gone on with where it has to be.
        tokio::select! {
            why = &mut forwarding => why,
            order = ending => match order {
                Ok(()) => Ended::Condemned,
                Err(_let_go) => tokio::time::timeout(END_DEADLINE, forwarding).await.unwrap_or(Ended::Condemned),
            },
        }
    };
    drop(reader);
    let must_die = !matches!(why, Ended::Closed(_));
    if must_die && let Err(error) = child.start_kill() {
        tracing::debug!(%error, "the worker is gone already");
    }
    let how = match tokio::time::timeout(GONE_WITHIN, child.wait()).await {
        Ok(Ok(status)) => format!("{why}; it ended with {status}"),
        Ok(Err(error)) => format!("{why}; its status is unknown: {error}"),
        Err(_elapsed) => format!("{why}; it did not end by itself and was killed"),
    };
    if let Some(inbox) = inbox.upgrade() {
        // The channel closes before its worker when the engine goes down.
        let _is_heard = inbox.send(Input::WorkerGone { epoch, how }).await;
    }
}

/// Why nothing more is read from a worker.
enum Ended {
    /// Its end of the socket is closed, or nobody wants to hear from it.
    Closed(String),
    /// It sent what is no frame.
    Nonsense(String),
    /// The engine has given it up.
    Condemned,
}

impl std::fmt::Display for Ended {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Closed(why) => f.write_str(why),
            Self::Nonsense(what) => write!(f, "the worker sent nonsense: {what}"),
            Self::Condemned => f.write_str("the worker was given up"),
        }
    }
}

/// Passes frames on until the socket ends or makes no sense; says which.
async fn forward(reader: &mut OwnedReadHalf, epoch: u64, inbox: &mpsc::WeakSender<Input>) -> Ended {
    let mut frames = FrameReader::new();
    let mut buffer = BytesMut::with_capacity(64 * 1024);
    loop {
        buffer.clear();
        match reader.read_buf(&mut buffer).await {
            Ok(0) => return Ended::Closed("the worker closed its socket".to_owned()),
            Ok(_read) => frames.feed(&buffer),
            Err(error) => return Ended::Closed(format!("the worker's socket failed: {error}")),
        }
        loop {
            match frames.next_frame().and_then(|frame| frame.map(FromWorker::decode).transpose()) {
                Ok(Some(frame)) => {
                    let Some(inbox) = inbox.upgrade() else { return Ended::Closed("the channel is closed".to_owned()) };
                    if inbox.send(Input::Worker { epoch, frame }).await.is_err() {
                        return Ended::Closed("the channel is closed".to_owned());
                    }
                }
                Ok(None) => break,
                Err(error) => return Ended::Nonsense(chain(&error)),
            }
        }
    }
}
