//! The data plane: sockets, publisher sessions, worker supervision, packaging and the web server.
//!
//! Reads no settings document and no secret file: the agent tells it what to do over the control socket, and it starts
//! with nothing open, which means no listener and no stream key. Lives as long as the machine is up.
#![forbid(unsafe_code)]

mod broadcast;
mod chat;
mod control;
mod counts;
mod declared;
mod descriptors;
mod ingest;
mod listeners;
pub mod logs;
pub mod packager;
mod store;
mod tasks;
mod title;
mod web;
mod webhooks;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use broadcast::Place;
use chat::Chat;
use control::{Applied, Control, ControlSocket};
use declared::Declared;
use ingest::Ingest;
use store::Store;
use web::Site;
use webhooks::Webhooks;

/// What an engine needs to know before the agent speaks to it. Nothing here is a setting.
#[derive(Clone, Debug)]
pub struct EngineOptions {
    /// Unix socket to listen on for the agent.
    pub control_socket: PathBuf,
    /// Program started as `PROGRAM transcode` when a rung must be encoded: this very binary.
    pub worker_program: PathBuf,
    /// Folder for what has to outlive the engine, so that a broadcast goes on in the next one; none: nothing does.
    pub state_dir: Option<PathBuf>,
}

/// Time to write down what has to outlive the engine.
const PARTING_DEADLINE: Duration = Duration::from_secs(2);

/// Why an engine could not start.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    #[error("could not listen on the control socket {path}")]
    ControlSocket {
        path: PathBuf,
        #[source]
        cause: io::Error,
    },
    #[error("could not listen for signals")]
    Signals(#[source] io::Error),
}

/// Runs until SIGTERM or SIGINT. `ready` is called once the agent can connect.
pub async fn run(options: EngineOptions, ready: impl FnOnce()) -> Result<(), EngineError> {
    tasks::log_panics();
    descriptors::raise_limit();
    let mut terminate = signal(SignalKind::terminate()).map_err(EngineError::Signals)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(EngineError::Signals)?;
    let EngineOptions { control_socket, worker_program, state_dir } = options;
    let socket = ControlSocket::bind(&control_socket)
        .await
        .map_err(|cause| EngineError::ControlSocket { path: control_socket, cause })?;
    let (settings, declared) = watch::channel(Arc::new(Declared::default()));
    let store = Store::default();
    let chat_folder = state_dir.clone();
    let disk = state_dir.clone();
    let place = Place { store: store.clone(), worker_program, state_dir };
    let channel = broadcast::start(&settings, place);
    let chat = Chat::start(chat_folder, channel.view.clone());
    let webhooks = Webhooks::default();
    let (applied_writer, applied) = watch::channel(Applied::default());
    let site = Site::new(declared.clone(), channel.clone(), store, webhooks.clone(), applied, chat.clone(), disk);
    webhooks.start(declared, &channel, site.clone());
    let control = Control::new(settings, channel.clone(), Ingest::new(channel.clone()), site, applied_writer);
    tracing::info!(pid = std::process::id(), "engine started");
    ready();
    // Each arm may be dropped: clients of the control socket lose a connection they will open again.
    tokio::select! {
        () = socket.serve(control) => {}
        _signal = terminate.recv() => tracing::info!("engine asked to stop"),
        _signal = interrupt.recv() => tracing::info!("engine interrupted"),
    }
    let parting = async { tokio::join!(channel.remember(), chat.part()) };
    if tokio::time::timeout(PARTING_DEADLINE, parting).await.is_err() {
        tracing::warn!("what was last remembered of the broadcast and the chat has to do");
    }
    Ok(())
}
