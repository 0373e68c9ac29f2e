//! One client of the agent's socket.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::{Shared, waiting};
use crate::agent::{Order, PlanFor};
use crate::crash::{self, Point};
use crate::line::read_line;
use crate::protocol::{AgentRequest, AgentResponse, HandedIn, MAX_REQUEST_BYTES};
use crate::report::{ApplyReport, ApplyVerdict};

/// A client that is silent for this long is let go.
const IDLE_DEADLINE: Duration = Duration::from_secs(60);
/// A client that does not take its answer for this long is let go.
const WRITE_DEADLINE: Duration = Duration::from_secs(10);
/// Longer than any comparison with its deadlines, and than a Nix evaluation.
const ORDER_DEADLINE: Duration = Duration::from_secs(240);
/// A status is answered from memory when the loop is busy for longer.
const REFRESH_DEADLINE: Duration = Duration::from_secs(2);

pub(super) struct Client {
    read: BufReader<OwnedReadHalf>,
    write: OwnedWriteHalf,
    shared: Shared,
}

impl Client {
    pub(super) fn new(stream: UnixStream, shared: Shared) -> Self {
        let (read, write) = stream.into_split();
        Self { read: BufReader::new(read), write, shared }
    }

    pub(super) async fn turn_away(mut self, limit: usize) {
        self.send(&rejected(format!("more than {limit} clients at once"))).await;
    }

    /// Answers until the client goes, falls silent or talks nonsense.
    pub(super) async fn serve(mut self) {
        loop {
            let line = match timeout(IDLE_DEADLINE, read_line(&mut self.read, MAX_REQUEST_BYTES)).await {
                Ok(Ok(Some(line))) => line,
                Ok(Ok(None)) | Err(_) => return,
                Ok(Err(error)) => {
                    self.send(&rejected(error.to_string())).await;
                    return;
                }
            };
            let request = match serde_json::from_slice(&line) {
                Ok(AgentRequest::Watch) => return self.watch().await,
                Ok(request) => request,
                Err(error) => {
                    self.send(&rejected(format!("not a request: {error}"))).await;
                    return;
                }
            };
            let response = self.answer(request).await;
            if !self.send(&response).await {
                return;
            }
        }
    }

    async fn answer(&self, request: AgentRequest) -> AgentResponse {
        match request {
            AgentRequest::Plan { settings } => self.plan(settings).await,
            AgentRequest::Apply { settings, wait_seconds } => self.apply(settings, wait_seconds).await,
            AgentRequest::Status | AgentRequest::Watch => self.status().await,
            AgentRequest::History => self.order(Order::History).await.unwrap_or_else(stopping),
            AgentRequest::Document { generation } => {
                self.order(|answer| Order::Document(generation, answer)).await.unwrap_or_else(stopping)
            }
        }
    }

    async fn plan(&self, settings: Option<HandedIn>) -> AgentResponse {
        let text = match settings {
            Some(handed_in) => PlanFor::HandedIn(handed_in.text),
            None => match timeout(ORDER_DEADLINE, self.shared.source.read()).await {
                Ok(Ok(content)) => PlanFor::Source(content.text),
                Ok(Err(refusal)) => return AgentResponse::Refused(refusal),
                Err(_) => return rejected("reading the source takes too long".to_owned()),
            },
        };
        let planned = self.order(|answer| Order::Plan(text, answer)).await;
        planned.unwrap_or_else(stopping)
    }

    async fn apply(&self, settings: Option<HandedIn>, wait_seconds: Option<u32>) -> AgentResponse {
        let taken = match settings {
            Some(handed_in) => self.order(|answer| Order::ApplyHandedIn(handed_in, answer)).await,
            None => self.order(Order::ApplySource).await,
        };
        let taken = match taken {
            Some(Ok(taken)) => taken,
            Some(Err(refusal)) => return AgentResponse::Refused(refusal),
            None => return stopping(),
        };
        let report = waiting::wait(self.shared.statuses.clone(), taken, wait_seconds).await;
        AgentResponse::Applied(Box::new(report.unwrap_or_else(|| self.unfinished())))
    }

    /// The loop ended while its work was waited for.
    fn unfinished(&self) -> ApplyReport {
        let status = self.shared.statuses.borrow().as_ref().clone();
        ApplyReport { verdict: ApplyVerdict::NotConverged, status }
    }

    async fn status(&self) -> AgentResponse {
        // Too late or stopping: the last known status is the answer.
        drop(timeout(REFRESH_DEADLINE, self.order(Order::Refresh)).await);
        AgentResponse::Status(Box::new(self.shared.statuses.borrow().as_ref().clone()))
    }

    /// Sends the status now and after each change. What comes too fast for the client is skipped, never queued.
    async fn watch(mut self) {
        let mut statuses = self.shared.statuses.clone();
        loop {
            let status = statuses.borrow_and_update().as_ref().clone();
            if status.passes > 0 && !self.send(&AgentResponse::Status(Box::new(status))).await {
                return;
            }
            let mut byte = [0];
            tokio::select! {
                // Neither loses anything: a change stays marked, and a byte only tells that the client is not silent.
                changed = statuses.changed() => if changed.is_err() { return },
                _ = self.read.read(&mut byte) => return,
            }
        }
    }

    async fn order<T>(&self, order: impl FnOnce(oneshot::Sender<T>) -> Order) -> Option<T> {
        let (answer, answered) = oneshot::channel();
        let ordered = async {
            self.shared.orders.send(order(answer)).await.ok()?;
            answered.await.ok()
        };
        timeout(ORDER_DEADLINE, ordered).await.ok().flatten()
    }

    async fn send(&mut self, response: &AgentResponse) -> bool {
        let mut line = match serde_json::to_vec(response) {
            Ok(line) => line,
            Err(error) => {
                tracing::error!(%error, "a response cannot be written as JSON");
                return false;
            }
        };
        line.push(b'\n');
        let is_sent = matches!(timeout(WRITE_DEADLINE, self.write.write_all(&line)).await, Ok(Ok(())));
        crash::reached(Point::ClientAnswered);
        is_sent
    }
}

fn stopping() -> AgentResponse {
    rejected("the agent is busy or stopping".to_owned())
}

fn rejected(reason: String) -> AgentResponse {
    AgentResponse::Rejected { reason }
}
