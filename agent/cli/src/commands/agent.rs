use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use nixcast_reconciler::nix::NixSource;
use nixcast_reconciler::{AgentOptions, Source, Status, run_agent_until};
use sd_notify::NotifyState;
use tokio::signal::unix::{SignalKind, signal};

use crate::args::{Agent, SourceArgs};
use crate::output::{self, GOOD, REFUSED, summary};
use crate::{lifeline, memory, service};

/// Keeps the engine at the declared settings until it is told to stop.
pub(crate) async fn execute(args: Agent) -> ExitCode {
    memory::keep_private();
    let (mut terminate, mut interrupt) = match (signal(SignalKind::terminate()), signal(SignalKind::interrupt())) {
        (Ok(terminate), Ok(interrupt)) => (terminate, interrupt),
        (Err(error), _) | (_, Err(error)) => return output::fail(false, REFUSED, &error),
    };
    let stop = async {
        tokio::select! {
            // Whichever comes first ends the agent; the others no longer matter.
            _signal = terminate.recv() => (),
            _signal = interrupt.recv() => (),
            () = lifeline::ended(args.until_stdin_ends) => (),
        }
        service::stopping();
    };
    let options = AgentOptions {
        source: source(&args.source),
        engine_socket: args.engine_socket,
        socket: args.socket,
        state_dir: args.state_dir,
        on_status: Box::new(announcer()),
    };
    match run_agent_until(options, stop).await {
        Ok(()) => ExitCode::from(GOOD),
        Err(error) => output::fail(false, REFUSED, &error),
    }
}

/// Where the arguments say settings come from; clap has made sure that they name one place.
pub(crate) fn source(args: &SourceArgs) -> Source {
    let SourceArgs { settings, nix, nixpkgs } = args.clone();
    // Reported and remembered, where a path relative to some folder of the past would say nothing.
    let whole = |path: PathBuf| std::path::absolute(&path).unwrap_or(path);
    match (settings, nix) {
        (Some(path), _) => Source::Json(whole(path)),
        (None, file) => Source::Nix(NixSource { file: whole(file.unwrap_or_default()), nixpkgs }),
    }
}

/// Tells the service manager what is new. Ready with the first status: the source was read and the engine tried.
fn announcer() -> impl Fn(&Status) + Send + Sync {
    let is_ready = AtomicBool::new(false);
    let last = Mutex::new(String::new());
    move |status| {
        let line = summary(status);
        let mut last = last.lock().unwrap_or_else(PoisonError::into_inner);
        if !is_ready.swap(true, Ordering::Relaxed) {
            service::ready(&line);
        } else if *last != line {
            service::notify(&[NotifyState::Status(&line)]);
        }
        *last = line;
    }
}
