//! The agent's own socket: where commands ask.
//!
//! One task per client, a bounded number of them, each with deadlines; what a client sends can only end that client.
//! Who may connect is decided by the file's mode, 0660. Only translates between lines and the loop's orders.

mod client_task;
mod waiting;

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream as StdUnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::UnixListener;
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::task::{JoinHandle, JoinSet};

use crate::agent::Order;
use crate::report::Status;
use crate::source::Source;
use client_task::Client;

/// Owner and group may connect.
const MODE: u32 = 0o660;
/// Commands are run by people and units, so that this many at once is already a fault.
const MAX_CLIENTS: usize = 64;
/// After a failed accept (too many open files), so that the loop does not spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Why the socket cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SocketError {
    #[error("another agent answers at {}", path.display())]
    InUse { path: PathBuf },
    #[error("could not listen at {}", path.display())]
    Listen {
        path: PathBuf,
        #[source]
        cause: io::Error,
    },
}

/// The running server.
pub(crate) struct Server {
    path: PathBuf,
    task: JoinHandle<()>,
}

/// What every client's task shares.
#[derive(Clone)]
struct Shared {
    source: Arc<Source>,
    orders: mpsc::Sender<Order>,
    statuses: watch::Receiver<Arc<Status>>,
}

/// Listens at `path`, taking the place of a socket nobody answers at.
pub(crate) fn serve(
    path: &Path,
    source: Arc<Source>,
    orders: mpsc::Sender<Order>,
    statuses: watch::Receiver<Arc<Status>>,
) -> Result<Server, SocketError> {
    let listener = listen(path)?;
    let task = tokio::spawn(accept(listener, Shared { source, orders, statuses }));
    Ok(Server { path: path.to_owned(), task })
}

impl Server {
    /// Ends every client and removes the socket.
    pub(crate) async fn close(self) {
        self.task.abort();
        // The task ends by being aborted; its clients go with it.
        drop(self.task.await);
        if let Err(cause) = fs::remove_file(&self.path) {
            tracing::debug!(path = %self.path.display(), %cause, "could not remove the socket");
        }
    }
}

fn listen(path: &Path) -> Result<UnixListener, SocketError> {
    let failed = |cause| SocketError::Listen { path: path.to_owned(), cause };
    if StdUnixStream::connect(path).is_ok() {
        return Err(SocketError::InUse { path: path.to_owned() });
    }
    match fs::remove_file(path) {
        Err(cause) if cause.kind() != io::ErrorKind::NotFound => return Err(failed(cause)),
        _ => (),
    }
    let listener = UnixListener::bind(path).map_err(failed)?;
    fs::set_permissions(path, Permissions::from_mode(MODE)).map_err(failed)?;
    Ok(listener)
}

async fn accept(listener: UnixListener, shared: Shared) {
    let room = Arc::new(Semaphore::new(MAX_CLIENTS));
    let mut clients = JoinSet::new();
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let permit = Arc::clone(&room).try_acquire_owned().ok();
                let client = Client::new(stream, shared.clone());
                clients.spawn(async move {
                    match &permit {
                        Some(_) => client.serve().await,
                        None => client.turn_away(MAX_CLIENTS).await,
                    }
                    drop(permit);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "could not accept a client");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
        while clients.try_join_next().is_some() {}
    }
}
