//! An engine that remembers what it was told and nothing else.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use nixcast_core::control::{Action, ObjectId, Observed, Outcome, OutcomeResult, Request, Response, Step};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::task::JoinHandle;

#[derive(Default)]
pub(super) struct State {
    pub(super) observed: Observed,
    pub(super) applies: u64,
    /// Objects whose steps are held, with the reason.
    pub(super) held: Option<(ObjectId, String)>,
    /// Whether rungs wait for a segment boundary.
    pub(super) is_live: bool,
}

pub(super) struct ModelEngine {
    pub(super) state: Arc<Mutex<State>>,
    task: JoinHandle<()>,
    socket: PathBuf,
}

impl ModelEngine {
    pub(super) fn start(socket: &Path, pid: u32) -> Self {
        drop(std::fs::remove_file(socket));
        let listener = UnixListener::bind(socket).unwrap();
        let state = Arc::new(Mutex::new(State::default()));
        state.lock().unwrap().observed.engine_pid = pid;
        let shared = Arc::clone(&state);
        let task = tokio::spawn(async move {
            let mut clients = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                clients.spawn(serve(stream, Arc::clone(&shared)));
            }
        });
        Self { state, task, socket: socket.to_owned() }
    }

    pub(super) fn observed(&self) -> Observed {
        self.state.lock().unwrap().observed.clone()
    }

    /// Ends all connections, as a crash would.
    pub(super) async fn stop(self) {
        self.task.abort();
        drop(self.task.await);
        drop(std::fs::remove_file(self.socket));
    }
}

async fn serve(stream: UnixStream, state: Arc<Mutex<State>>) {
    let (read, mut write) = stream.into_split();
    let mut lines = BufReader::new(read).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        let response = match serde_json::from_str(&line).unwrap() {
            Request::Observe => Response::Observed(Box::new(state.lock().unwrap().observed.clone())),
            Request::Tell(_) => Response::Told,
            Request::Apply { generation, digest: _, steps } => {
                let mut state = state.lock().unwrap();
                state.observed.generation = generation;
                state.applies += 1;
                Response::Applied { outcomes: steps.into_iter().map(|step| perform(&mut state, step)).collect() }
            }
        };
        let mut line = serde_json::to_vec(&response).unwrap();
        line.push(b'\n');
        if write.write_all(&line).await.is_err() {
            return;
        }
    }
}

fn perform(state: &mut State, step: Step) -> Outcome {
    let object = step.object;
    if let Some((held, reason)) = &state.held
        && *held == object
    {
        return Outcome { object, result: OutcomeResult::Held { reason: reason.clone() } };
    }
    if state.is_live && matches!(step.action, Action::PutRung { .. }) {
        state.observed.pending.push(object.clone());
        return Outcome { object, result: OutcomeResult::Pending };
    }
    let observed = &mut state.observed;
    match step.action {
        Action::Bind { listener, address } => drop(observed.listeners.insert(listener, address)),
        Action::Unbind { listener } => drop(observed.listeners.remove(&listener)),
        Action::SetCertificate { certificate, .. } => observed.certificate = Some(certificate),
        Action::RemoveCertificate => observed.certificate = None,
        Action::PutStreamKey { name, grant } => drop(observed.stream_keys.insert(name, grant)),
        Action::RemoveStreamKey { name } => drop(observed.stream_keys.remove(&name)),
        Action::PutPage { page, .. } => observed.page = Some(page),
        Action::SetEncoder { encoder } => observed.encoder = Some(encoder),
        Action::SetOverload { policy } => observed.when_overloaded = Some(policy),
        Action::SetStills { enabled } => observed.stills = Some(enabled),
        Action::SetBroadcastRules { rules } => observed.broadcast_rules = Some(rules),
        Action::SetChat { rules } => observed.chat = Some(rules),
        Action::SetEmoji { emoji, .. } => observed.emoji = Some(emoji),
        Action::PutModerator { name, grant } => drop(observed.moderators.insert(name, grant)),
        Action::RemoveModerator { name } => drop(observed.moderators.remove(&name)),
        Action::SetLatency { level } => observed.latency_level = Some(level),
        Action::PutRung { rung } => drop(observed.ladder.insert(rung.name.clone(), rung)),
        Action::SetTrustedProxies { networks } => observed.trusted_proxies = Some(networks),
        Action::SetAdmin { grant } => observed.admin = grant,
        Action::PutWebhook { name, webhook, .. } => drop(observed.webhooks.insert(name, webhook)),
        Action::RemoveWebhook { name } => drop(observed.webhooks.remove(&name)),
        Action::PutAccessToken { name, access } => drop(observed.access_tokens.insert(name, access)),
        Action::RemoveAccessToken { name } => drop(observed.access_tokens.remove(&name)),
        Action::SetMetrics { metrics } => observed.metrics = Some(metrics),
        Action::RemoveRung { name } => drop(observed.ladder.remove(&name)),
    }
    Outcome { object, result: OutcomeResult::Applied }
}
