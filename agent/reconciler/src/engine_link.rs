//! The agent's line to the engine: one persistent connection to its control socket.
//!
//! A task owns the connection, reconnects with back-off and tells through a `watch` when the engine comes or goes, so
//! that a restarted engine is noticed at once. Requests are answered one at a time and never wait without a deadline;
//! an answer that comes late costs the connection, because it could be taken for the next one.

use std::path::PathBuf;
use std::time::Duration;

use nixcast_core::control::{MAX_LINE_BYTES, Observed, Outcome, Request, Response, Step, Word};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use crate::backoff::Backoff;
use crate::crash::{self, Point};
use crate::line::{LineError, read_line};

const CONNECT_DEADLINE: Duration = Duration::from_secs(2);
const OBSERVE_DEADLINE: Duration = Duration::from_secs(5);
/// Binding and preparing encoders may take a while on a loaded machine.
const APPLY_DEADLINE: Duration = Duration::from_secs(30);
const FIRST_RETRY: Duration = Duration::from_millis(20);
const LAST_RETRY: Duration = Duration::from_secs(1);

/// Why the engine did not answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EngineError {
    #[error("the engine is unreachable: {reason}")]
    Unreachable { reason: String },
    #[error("the engine did not answer within {} s", waited.as_secs())]
    TimedOut { waited: Duration },
    #[error("the engine closed the connection")]
    Closed,
    #[error("the engine sent something else than an answer: {reason}")]
    Garbled { reason: String },
    #[error("the engine rejected the request: {reason}")]
    Rejected { reason: String },
}

/// Whether there is an engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum LinkState {
    Down {
        reason: String,
    },
    /// `connection` counts from 1 with each new connection.
    Up {
        connection: u64,
    },
}

struct Call {
    request: Request,
    deadline: Duration,
    answer: oneshot::Sender<Result<Response, EngineError>>,
}

/// Handle on the link; dropping it ends the link.
#[derive(Debug)]
pub(crate) struct EngineLink {
    calls: mpsc::Sender<Call>,
    state: watch::Receiver<LinkState>,
    task: JoinHandle<()>,
}

impl EngineLink {
    /// Starts to connect to the control socket at `path`.
    pub(crate) fn open(path: PathBuf) -> Self {
        let (calls, incoming) = mpsc::channel(1);
        let (tell, state) = watch::channel(LinkState::Down { reason: "not connected yet".to_owned() });
        let task = tokio::spawn(Connector { path, incoming, tell, connections: 0 }.run());
        Self { calls, state, task }
    }

    /// Follows the engine's coming and going.
    pub(crate) fn state(&self) -> watch::Receiver<LinkState> {
        self.state.clone()
    }

    pub(crate) async fn observe(&self) -> Result<Observed, EngineError> {
        match self.call(Request::Observe, OBSERVE_DEADLINE).await? {
            Response::Observed(observed) => Ok(*observed),
            other => Err(unexpected(other)),
        }
    }

    pub(crate) async fn apply(
        &self,
        generation: u64,
        digest: String,
        steps: Vec<Step>,
    ) -> Result<Vec<Outcome>, EngineError> {
        match self.call(Request::Apply { generation, digest, steps }, APPLY_DEADLINE).await? {
            Response::Applied { outcomes } => Ok(outcomes),
            other => Err(unexpected(other)),
        }
    }

    /// An engine of an older build knows no such request, and refuses it.
    pub(crate) async fn tell(&self, word: Word) -> Result<(), EngineError> {
        match self.call(Request::Tell(Box::new(word)), OBSERVE_DEADLINE).await? {
            Response::Told => Ok(()),
            other => Err(unexpected(other)),
        }
    }

    async fn call(&self, request: Request, deadline: Duration) -> Result<Response, EngineError> {
        let (answer, answered) = oneshot::channel();
        let gone = |_| EngineError::Unreachable { reason: "the link has ended".to_owned() };
        self.calls.send(Call { request, deadline, answer }).await.map_err(|_| EngineError::Closed)?;
        answered.await.map_err(gone)?
    }
}

impl Drop for EngineLink {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn unexpected(response: Response) -> EngineError {
    match response {
        Response::Rejected { reason } => EngineError::Rejected { reason },
        Response::Observed(_) | Response::Applied { .. } | Response::Told => {
            EngineError::Garbled { reason: "the answer to another question".to_owned() }
        }
    }
}

struct Connector {
    path: PathBuf,
    incoming: mpsc::Receiver<Call>,
    tell: watch::Sender<LinkState>,
    connections: u64,
}

impl Connector {
    async fn run(mut self) {
        let mut backoff = Backoff::new(FIRST_RETRY, LAST_RETRY);
        loop {
            let reason = match timeout(CONNECT_DEADLINE, UnixStream::connect(&self.path)).await {
                Ok(Ok(stream)) => {
                    self.connections += 1;
                    self.tell.send_replace(LinkState::Up { connection: self.connections });
                    tracing::info!(connection = self.connections, "connected to the engine");
                    let Some(error) = self.serve(stream).await else { return };
                    backoff.reset();
                    tracing::warn!(%error, "lost the engine");
                    error.to_string()
                }
                Ok(Err(cause)) => format!("{}: {cause}", self.path.display()),
                Err(_) => format!("{} does not take connections", self.path.display()),
            };
            self.tell.send_if_modified(|state| {
                let down = LinkState::Down { reason: reason.clone() };
                let is_news = *state != down;
                *state = down;
                is_news
            });
            if !self.pause(backoff.next_delay(), &reason).await {
                return;
            }
        }
    }

    /// Waits, turning calls away. False when nobody holds the link any more.
    async fn pause(&mut self, delay: Duration, reason: &str) -> bool {
        let waited = sleep(delay);
        tokio::pin!(waited);
        loop {
            tokio::select! {
                // Dropping a half-done sleep or receive loses nothing.
                () = &mut waited => return true,
                call = self.incoming.recv() => {
                    let Some(call) = call else { return false };
                    let refusal = EngineError::Unreachable { reason: reason.to_owned() };
                    // A caller that has gone needs no answer.
                    drop(call.answer.send(Err(refusal)));
                }
            }
        }
    }

    /// Serves calls until the connection is lost (and says why) or the link is dropped (none).
    async fn serve(&mut self, stream: UnixStream) -> Option<EngineError> {
        let (read, mut write) = stream.into_split();
        let mut read = BufReader::new(read);
        loop {
            let call = tokio::select! {
                // Both may be dropped half way: neither takes anything before it is ready.
                call = self.incoming.recv() => call?,
                idle = read.fill_buf() => return Some(match idle {
                    Ok([]) | Err(_) => EngineError::Closed,
                    Ok(_) => EngineError::Garbled { reason: "an answer nobody asked for".to_owned() },
                }),
            };
            let Call { request, deadline, answer } = call;
            let result = match timeout(deadline, exchange(&mut read, &mut write, &request)).await {
                Ok(result) => result,
                Err(_) => Err(EngineError::TimedOut { waited: deadline }),
            };
            let lost = match &result {
                Ok(_) => None,
                Err(error) => Some(EngineError::Unreachable { reason: error.to_string() }),
            };
            drop(answer.send(result));
            if lost.is_some() {
                return lost;
            }
        }
    }
}

async fn exchange(
    read: &mut BufReader<OwnedReadHalf>,
    write: &mut OwnedWriteHalf,
    request: &Request,
) -> Result<Response, EngineError> {
    let mut line = serde_json::to_vec(request).map_err(|cause| EngineError::Garbled { reason: cause.to_string() })?;
    line.push(b'\n');
    let is_apply = matches!(request, Request::Apply { .. });
    let (first, second) = line.split_at(line.len() / 2);
    write.write_all(first).await.map_err(|_| EngineError::Closed)?;
    crash::reached_if(is_apply, Point::RequestHalfSent);
    write.write_all(second).await.map_err(|_| EngineError::Closed)?;
    crash::reached_if(is_apply, Point::RequestSent);
    let line = match read_line(read, MAX_LINE_BYTES).await {
        Ok(Some(line)) => line,
        Ok(None) | Err(LineError::Lost { .. }) => return Err(EngineError::Closed),
        Err(error @ LineError::TooLong { .. }) => return Err(EngineError::Garbled { reason: error.to_string() }),
    };
    crash::reached_if(is_apply, Point::RequestAnswered);
    serde_json::from_slice(&line).map_err(|cause| EngineError::Garbled { reason: cause.to_string() })
}
