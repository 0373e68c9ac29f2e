//! Reading the source beside the loop: a Nix evaluation takes seconds, and orders go on being answered meanwhile.
//!
//! At most one read runs. A newer wish replaces it, so that what comes out is never older than what was asked for.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::Taken;
use crate::report::Refusal;
use crate::source::{Content, Source};

/// A first evaluation fetches nothing, but may read all of nixpkgs from a cold disk.
const NIX_DEADLINE: Duration = Duration::from_secs(180);
const JSON_DEADLINE: Duration = Duration::from_secs(5);

/// What a read gave, and who waits for it.
#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) content: Result<Content, Refusal>,
    pub(super) waiting: Vec<oneshot::Sender<Taken>>,
}

pub(super) struct Reading {
    source: Arc<Source>,
    running: Option<JoinHandle<Result<Content, Refusal>>>,
    waiting: Vec<oneshot::Sender<Taken>>,
    /// What the last finished or running evaluation was made of.
    fingerprint: Option<String>,
    /// Files whose change is a reason to read again, as of the last read.
    inputs: Vec<PathBuf>,
}

impl Reading {
    pub(super) fn new(source: Arc<Source>) -> Self {
        Self { source, running: None, waiting: Vec::new(), fingerprint: None, inputs: Vec::new() }
    }

    pub(super) fn source(&self) -> &Source {
        &self.source
    }

    /// Whether an evaluation runs beside the loop.
    pub(super) fn is_evaluating(&self) -> bool {
        self.running.is_some() && matches!(*self.source, Source::Nix(_))
    }

    /// Whether a read runs whose result is worth waiting for: that of a JSON file, which takes no time.
    pub(super) fn is_nearly_done(&self) -> bool {
        self.running.is_some() && matches!(*self.source, Source::Json(_))
    }

    /// Everything whose change is a reason to read again.
    pub(super) fn files(&self) -> impl Iterator<Item = &Path> {
        self.inputs.iter().map(PathBuf::as_path)
    }

    /// Reads, whatever was read before.
    pub(super) fn start(&mut self) {
        if let Some(stale) = self.running.take() {
            stale.abort();
        }
        self.fingerprint = self.source.fingerprint();
        self.inputs = self.source.inputs();
        let source = Arc::clone(&self.source);
        self.running = Some(tokio::spawn(async move {
            let deadline = if matches!(*source, Source::Nix(_)) { NIX_DEADLINE } else { JSON_DEADLINE };
            let late = || Refusal::unreadable(source.path(), &format!("no result within {} s", deadline.as_secs()));
            timeout(deadline, source.read()).await.unwrap_or_else(|_| Err(late()))
        }));
    }

    /// Reads unless nothing the source is made of has changed.
    pub(super) fn start_if_changed(&mut self) {
        let fingerprint = self.source.fingerprint();
        if fingerprint.is_none() || fingerprint != self.fingerprint {
            self.start();
        }
    }

    /// Reads, and tells the client what became of it.
    pub(super) fn start_for(&mut self, client: oneshot::Sender<Taken>) {
        self.waiting.push(client);
        self.start();
    }

    /// Completes with the running read; never, if there is none. Dropping it half way leaves the read running.
    pub(super) async fn finished(&mut self) -> Outcome {
        let Some(running) = &mut self.running else { return std::future::pending().await };
        let content = running.await.unwrap_or_else(|error| Err(Refusal::of_evaluation(&error)));
        self.running = None;
        Outcome { content, waiting: std::mem::take(&mut self.waiting) }
    }
}
