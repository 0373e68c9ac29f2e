//! The one writer of the socket. Encoders hand it messages and wait when the engine reads slowly.

use std::io::Write;
use std::os::unix::net::UnixStream;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;

use bytes::BytesMut;

use crate::protocol::{FromWorker, WorkerReport};

use super::WorkerError;

/// Messages kept for an engine that reads slowly: about a second of a three-rung ladder with sound.
/// When it is full the encoders wait, then their queues fill, then rungs skip to their next grid point.
const QUEUE_MESSAGES: usize = 128;

/// A handle for sending to the engine. The writer ends when the last one is dropped.
#[derive(Clone, Debug)]
pub(super) struct Output(SyncSender<FromWorker>);

/// The engine no longer reads; there is nobody left to work for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct EngineGone;

impl Output {
    /// Starts the writer on its own thread.
    pub(super) fn start(socket: UnixStream) -> Result<(Self, JoinHandle<()>), WorkerError> {
        let (sender, receiver) = sync_channel(QUEUE_MESSAGES);
        let writer = super::spawn("writer", move || write_all(socket, &receiver))?;
        Ok((Self(sender), writer))
    }

    /// Sends, waiting for room.
    pub(super) fn send(&self, message: FromWorker) -> Result<(), EngineGone> {
        self.0.send(message).map_err(|_| EngineGone)
    }

    /// Sends a report, waiting for room.
    pub(super) fn report(&self, report: WorkerReport) -> Result<(), EngineGone> {
        self.send(FromWorker::Report(report))
    }

    /// Sends a report that may be lost when there is no room, so that the reader of units never waits for it.
    pub(super) fn hint(&self, report: WorkerReport) -> Result<(), EngineGone> {
        match self.0.try_send(FromWorker::Report(report)) {
            Ok(()) | Err(TrySendError::Full(_)) => Ok(()),
            Err(TrySendError::Disconnected(_)) => Err(EngineGone),
        }
    }
}

fn write_all(mut socket: UnixStream, messages: &Receiver<FromWorker>) {
    let mut bytes = BytesMut::new();
    for message in messages {
        bytes.clear();
        if let Err(error) = message.encode(&mut bytes) {
            tracing::error!(%error, "an encoded unit does not fit into a frame and is lost");
            continue;
        }
        if let Err(error) = socket.write_all(&bytes) {
            tracing::debug!(%error, "engine no longer reads");
            return;
        }
    }
}
