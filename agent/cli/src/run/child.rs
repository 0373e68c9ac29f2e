//! A child process that is started again whenever it ends.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};

use nixcast_reconciler::Backoff;
use tokio::process::Command;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LAST_PAUSE: Duration = Duration::from_secs(5);
/// A child that lived this long was well; its next end is a new story.
const WELL_AFTER: Duration = Duration::from_secs(10);
/// Given to a child to end by itself.
const END_PATIENCE: Duration = Duration::from_secs(3);

/// Handle on a child that is kept running.
pub(super) struct Child {
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

struct Keeper {
    name: &'static str,
    program: PathBuf,
    words: Vec<OsString>,
    log_level: &'static str,
}

enum End {
    /// It ended by itself.
    Exited(std::io::Result<ExitStatus>),
    /// It was asked to.
    Asked,
}

impl Child {
    /// Starts `program` with `words`, and again with back-off whenever it ends.
    pub(super) fn keep(name: &'static str, program: &Path, words: Vec<OsString>, log_level: &'static str) -> Self {
        let (stop, stopped) = oneshot::channel();
        let keeper = Keeper { name, program: program.to_owned(), words, log_level };
        Self { stop, task: tokio::spawn(keeper.run(stopped)) }
    }

    /// Asks the child to end, and makes it if it does not.
    pub(super) async fn end(self) {
        drop(self.stop);
        if let Err(error) = self.task.await {
            tracing::error!(%error, "a child's keeper failed");
        }
    }
}

impl Keeper {
    async fn run(self, mut stopped: oneshot::Receiver<()>) {
        let mut backoff = Backoff::new(FIRST_PAUSE, LAST_PAUSE);
        loop {
            let started = Instant::now();
            match self.live(&mut stopped).await {
                End::Asked => return,
                End::Exited(Ok(status)) => tracing::warn!(child = self.name, %status, "ended; starting it again"),
                End::Exited(Err(error)) => tracing::error!(child = self.name, %error, "could not be started"),
            }
            if started.elapsed() >= WELL_AFTER {
                backoff.reset();
            }
            tokio::select! {
                // A sleep that is dropped has done nothing.
                () = sleep(backoff.next_delay()) => (),
                _ = &mut stopped => return,
            }
        }
    }

    /// One life of the child.
    async fn live(&self, stopped: &mut oneshot::Receiver<()>) -> End {
        let mut command = Command::new(&self.program);
        command
            .args(&self.words)
            .arg("--until-stdin-ends")
            .stdin(Stdio::piped())
            // Out of the terminal's foreground group: Ctrl-C reaches this process alone, which ends them in order.
            .process_group(0)
            .env_remove("NOTIFY_SOCKET")
            .kill_on_drop(true);
        if std::env::var_os("NIXCAST_LOG").is_none() && std::env::var_os("RUST_LOG").is_none() {
            command.env("NIXCAST_LOG", self.log_level);
        }
        let mut child = match command.spawn() {
            Ok(child) => child,
            Err(error) => return End::Exited(Err(error)),
        };
        // Held until the child is to end.
        let lifeline = child.stdin.take();
        tokio::select! {
            // Waiting may be taken up again.
            status = child.wait() => return End::Exited(status),
            _ = stopped => (),
        }
        drop(lifeline);
        if timeout(END_PATIENCE, child.wait()).await.is_err() {
            tracing::warn!(child = self.name, "does not end by itself");
            if let Err(error) = child.kill().await {
                tracing::warn!(child = self.name, %error, "could not be ended");
            }
        }
        End::Asked
    }
}
