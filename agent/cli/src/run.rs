//! `nixcast run`: engine and agent in the foreground, with everything they keep in one folder.
//!
//! Two child processes, as under systemd, so that the agent may die or be killed without touching a stream. Children
//! end when their standard input does, that is, with this process, however it goes.

mod child;
mod news;

use std::io::{self, IsTerminal as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::args::{Run, SourceArgs};
use crate::output::{self, GOOD, REFUSED};
use child::Child;

/// Where `run` keeps its state unless told otherwise.
pub(crate) const DEFAULT_STATE_DIR: &str = ".nixcast";

/// Longest path of a unix socket (unix(7): 108 bytes with the final zero).
const MAX_SOCKET_PATH_BYTES: usize = 107;

/// Why nothing could be started.
#[derive(Debug, thiserror::Error)]
enum RunError {
    #[error("could not prepare the state folder {}", path.display())]
    State {
        path: PathBuf,
        #[source]
        cause: io::Error,
    },
    #[error("the state folder's path is too long for sockets ({} bytes at most): {}", MAX_SOCKET_PATH_BYTES, path.display())]
    PathTooLong { path: PathBuf },
    #[error("signals cannot be listened to")]
    Signals(#[source] io::Error),
    #[error("this program cannot find itself")]
    Program(#[source] io::Error),
}

/// Runs until SIGTERM or SIGINT.
pub(crate) async fn execute(args: Run) -> ExitCode {
    match run(args).await {
        Ok(()) => ExitCode::from(GOOD),
        Err(error) => output::fail(false, REFUSED, &error),
    }
}

async fn run(args: Run) -> Result<(), RunError> {
    let stop = (listen(SignalKind::terminate())?, listen(SignalKind::interrupt())?);
    let state = prepare(&args.state_dir)?;
    let engine_socket = state.join("engine.sock");
    let agent_socket = state.join("agent.sock");
    let program = std::env::current_exe().map_err(RunError::Program)?;
    let level = if io::stderr().is_terminal() { "warn" } else { "info" };
    let engine = Child::keep(
        "engine",
        &program,
        vec![
            "engine".into(),
            "--control-socket".into(),
            engine_socket.clone().into(),
            "--state-dir".into(),
            state.clone().into(),
        ],
        level,
    );
    let mut words = vec!["agent".into()];
    words.extend(source_words(&args.source));
    words.extend(["--engine-socket".into(), engine_socket.into(), "--socket".into(), agent_socket.clone().into()]);
    words.extend(["--state-dir".into(), state.into()]);
    let agent = Child::keep("agent", &program, words, level);
    let (mut terminate, mut interrupt): (Signal, Signal) = stop;
    tokio::select! {
        // The process is ending: whatever is dropped here has no further use.
        _signal = terminate.recv() => (),
        _signal = interrupt.recv() => (),
        () = news::tell(&agent_socket, args.json) => (),
    }
    // The agent first, so that it does not report an engine that was asked to go.
    agent.end().await;
    engine.end().await;
    Ok(())
}

fn listen(kind: SignalKind) -> Result<Signal, RunError> {
    signal(kind).map_err(RunError::Signals)
}

/// Creates the folder, for its owner alone.
fn prepare(path: &Path) -> Result<PathBuf, RunError> {
    let failed = |cause| RunError::State { path: path.to_owned(), cause };
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(failed)?;
    let path = path.canonicalize().map_err(failed)?;
    if path.join("engine.sock").as_os_str().len() > MAX_SOCKET_PATH_BYTES {
        return Err(RunError::PathTooLong { path });
    }
    Ok(path)
}

fn source_words(source: &SourceArgs) -> Vec<std::ffi::OsString> {
    let SourceArgs { settings, nix, nixpkgs } = source.clone();
    [("--settings", settings), ("--nix", nix), ("--nixpkgs", nixpkgs)]
        .into_iter()
        .filter_map(|(word, path)| Some([word.into(), path?.into_os_string()]))
        .flatten()
        .collect()
}
