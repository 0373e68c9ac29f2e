//! The agent process: one loop that owns everything, woken by whatever may have changed.
//!
//! Level-triggered: each wake compares what is declared with what runs; no event is ever replayed. Requests of
//! commands come in over `socket` as orders; the status goes out through a `watch`.

mod acceptance;
mod conditions;
mod drift;
mod orders;
mod pass;
mod reading;
mod status;
mod word;

#[cfg(test)]
mod tests;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, mpsc, watch};
use tokio::time::{Instant, sleep, sleep_until};

use crate::backoff::Backoff;
use crate::crash::{self, Point};
use crate::engine_link::{EngineLink, LinkState};
use crate::ledger::{Ledger, LedgerError};
use crate::report::Status;
use crate::socket::{self, SocketError};
use crate::source::Source;
use crate::watch::Hints;
use acceptance::Acceptance;
pub(crate) use orders::{Order, PlanFor, Taken, TakenIn};
use pass::Comparer;
use reading::Reading;
pub(crate) use status::ENGINE_UNREACHABLE;
use word::Teller;

/// Files are often replaced in several steps; they are looked at once these have passed.
const SETTLE_TIME: Duration = Duration::from_millis(10);
/// A change that waits for a segment boundary is looked after this often.
const PENDING_INTERVAL: Duration = Duration::from_millis(200);
const FIRST_RETRY: Duration = Duration::from_millis(500);
const LAST_RETRY: Duration = Duration::from_secs(30);
/// Orders waiting for the loop. Clients wait for room; their own deadlines bound how long.
const MAX_WAITING_ORDERS: usize = 16;

/// What an agent needs to know.
pub struct AgentOptions {
    pub source: Source,
    /// The engine's control socket.
    pub engine_socket: PathBuf,
    /// Where commands reach the agent.
    pub socket: PathBuf,
    /// Holds the ledger.
    pub state_dir: PathBuf,
    /// Told of each new status; the first one comes once the source was read and the engine was tried.
    pub on_status: Box<dyn Fn(&Status) + Send + Sync>,
}

impl std::fmt::Debug for AgentOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AgentOptions")
            .field("source", &self.source)
            .field("socket", &self.socket)
            .finish_non_exhaustive()
    }
}

/// Why an agent cannot run at all. Everything else is a line in its status.
#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    /// Debug builds only.
    #[error("{reason}")]
    CrashAt { reason: String },
    #[error("the ledger cannot be used")]
    Ledger(#[source] LedgerError),
    #[error("the agent's socket cannot be used")]
    Socket(#[source] SocketError),
    #[error("signals cannot be listened to")]
    Signals(#[source] io::Error),
}

/// Runs an agent until SIGTERM or SIGINT.
pub async fn run_agent(options: AgentOptions) -> Result<(), AgentError> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate()).map_err(AgentError::Signals)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(AgentError::Signals)?;
    let stop = async move {
        tokio::select! {
            // Signals that come again are still waiting for the next `recv`.
            _ = terminate.recv() => (),
            _ = interrupt.recv() => (),
        }
    };
    run_agent_until(options, stop).await
}

/// Runs an agent until `stop` completes. A comparison under way is finished first.
pub async fn run_agent_until(options: AgentOptions, stop: impl Future<Output = ()>) -> Result<(), AgentError> {
    let AgentOptions { source, engine_socket, socket, state_dir, on_status } = options;
    crash::arm().map_err(|reason| AgentError::CrashAt { reason })?;
    let ledger = Ledger::open(&state_dir.join("ledger")).map_err(AgentError::Ledger)?;
    let acceptance = Acceptance::boot(ledger).map_err(AgentError::Ledger)?;
    let source = Arc::new(source);
    let (orders, incoming) = mpsc::channel(MAX_WAITING_ORDERS);
    let (publish, statuses) = watch::channel(Arc::new(Status::default()));
    let server = socket::serve(&socket, Arc::clone(&source), orders, statuses).map_err(AgentError::Socket)?;
    let hints = Hints::new();
    let link = EngineLink::open(engine_socket);
    let agent = Agent {
        hinted: hints.changed(),
        hints,
        reading: Reading::new(source),
        comparer: Comparer::new(crate::material::Reader::new(&state_dir), link.state(), acceptance.ran_whole()),
        acceptance,
        link,
        incoming,
        publish,
        on_status,
        teller: Teller::default(),
        backoff: Backoff::new(FIRST_RETRY, LAST_RETRY),
        next_look: Instant::now(),
    };
    tokio::pin!(stop);
    let ended = agent.run(stop).await;
    server.close().await;
    ended
}

/// What woke the loop. `Debug` is the `reason` in the log.
#[derive(Debug)]
enum Wake {
    Order(Order),
    FileHint,
    SourceRead(reading::Outcome),
    EngineChanged,
    Timer,
}

struct Agent {
    hints: Hints,
    hinted: Arc<Notify>,
    reading: Reading,
    acceptance: Acceptance,
    comparer: Comparer,
    link: EngineLink,
    incoming: mpsc::Receiver<Order>,
    publish: watch::Sender<Arc<Status>>,
    on_status: Box<dyn Fn(&Status) + Send + Sync>,
    teller: Teller,
    backoff: Backoff,
    next_look: Instant,
}

impl Agent {
    async fn run(mut self, mut stop: impl Future<Output = ()> + Unpin) -> Result<(), AgentError> {
        let mut link_state = self.link.state();
        self.reading.start();
        self.read_first().await;
        self.follow_files();
        loop {
            let wake = tokio::select! {
                // Each arm either yields whole or has taken nothing when it is dropped.
                () = &mut stop => return Ok(()),
                Some(order) = self.incoming.recv() => Wake::Order(order),
                outcome = self.reading.finished() => Wake::SourceRead(outcome),
                () = self.hinted.notified() => Wake::FileHint,
                Ok(()) = link_state.changed() => Wake::EngineChanged,
                () = sleep_until(self.next_look) => Wake::Timer,
            };
            self.handle(wake).await;
        }
    }

    /// Takes in a JSON file before anything is compared, so that settings replaced while the agent was away do not come
    /// back for a moment. A Nix file may take its time: the last good settings run meanwhile.
    async fn read_first(&mut self) {
        if self.reading.is_nearly_done() {
            let reading::Outcome { content, .. } = self.reading.finished().await;
            self.acceptance.take_source(content, self.reading.source());
        }
    }

    async fn handle(&mut self, wake: Wake) {
        match wake {
            Wake::Order(order) => self.obey(order).await,
            Wake::FileHint => {
                sleep(SETTLE_TIME).await;
                self.backoff.reset();
                self.look("FileHint").await;
            }
            Wake::SourceRead(outcome) => self.take_source(outcome).await,
            Wake::EngineChanged => {
                self.backoff.reset();
                self.compare("EngineChanged", false).await;
            }
            Wake::Timer => self.look("Timer").await,
        }
    }

    /// Looks at everything. A JSON file is simply read first, so that one comparison does for it and the secrets; a
    /// Nix file is evaluated beside the loop, and only if one of its inputs changed.
    async fn look(&mut self, reason: &'static str) {
        if self.acceptance.wants_source_again() {
            self.reading.start();
        } else {
            self.reading.start_if_changed();
        }
        if self.reading.is_nearly_done() {
            let reading::Outcome { content, waiting } = self.reading.finished().await;
            self.acceptance.take_source(content, self.reading.source());
            let taken = self.taken();
            self.compare(reason, !waiting.is_empty()).await;
            answer(waiting, &taken);
        } else {
            self.compare(reason, false).await;
        }
    }

    async fn take_source(&mut self, outcome: reading::Outcome) {
        let reading::Outcome { content, waiting } = outcome;
        let is_news = self.acceptance.take_source(content, self.reading.source());
        if is_news {
            self.backoff.reset();
        }
        let taken = self.taken();
        if is_news || !waiting.is_empty() {
            self.compare("SettingsRead", !waiting.is_empty()).await;
        } else {
            self.follow_files();
        }
        answer(waiting, &taken);
    }

    /// One comparison, and when to make the next.
    async fn compare(&mut self, reason: &'static str, is_forced: bool) {
        let accepted = self.acceptance.accepted();
        self.comparer.pass(accepted, &self.link, reason, is_forced).await;
        self.follow_files();
        self.publish_status();
        let document = self.acceptance.accepted().map(|(_, document)| document);
        let status = Arc::clone(&self.publish.borrow());
        self.teller.tell(&self.link, &status, document).await;
        self.acceptance.note_progress(self.comparer.progress());
        self.next_look = Instant::now() + self.pause();
    }

    fn pause(&mut self) -> Duration {
        let interval = self.acceptance.interval();
        if self.comparer.is_pending() {
            return PENDING_INTERVAL;
        }
        let is_quiet = self.comparer.is_settled() || matches!(*self.link.state().borrow(), LinkState::Down { .. });
        if is_quiet && !self.acceptance.wants_source_again() {
            self.backoff.reset();
            return interval;
        }
        self.backoff.next_delay().min(interval)
    }

    fn follow_files(&mut self) {
        let accepted = self.acceptance.accepted().map(|(_, document)| &document.settings);
        let material: Vec<PathBuf> = accepted.into_iter().flat_map(crate::material::files).collect();
        self.hints.follow(self.reading.files().chain(material.iter().map(PathBuf::as_path)));
    }

    fn publish_status(&mut self) {
        let status = status::of(&self.acceptance, &mut self.comparer, &self.reading);
        (self.on_status)(&status);
        self.publish.send_replace(Arc::new(status));
        crash::reached(Point::StatusPublished);
    }
}

/// A client that has gone needs no answer.
fn answer(waiting: Vec<tokio::sync::oneshot::Sender<Taken>>, taken: &Taken) {
    for client in waiting {
        drop(client.send(taken.clone()));
    }
}
