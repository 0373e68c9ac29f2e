//! Listening sockets: bound before the old one goes, and deaf to what happens on the connections they accepted.
//!
//! A port that closes first takes whoever the kernel has already connected to it: closing with clients in the backlog
//! would reset them.

use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::task::JoinHandle;

use crate::tasks;

/// Connections the kernel keeps for us while all permits are out.
const BACKLOG: i32 = 1024;

/// Pause after an accept error, most of all "too many open files", which would otherwise spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// A bound port with its accept loop. Dropping it closes the port; accepted connections live on.
#[derive(Debug)]
pub(crate) struct Port {
    address: SocketAddr,
    accepting: JoinHandle<()>,
    /// The accept loop ends when this is dropped.
    open: oneshot::Sender<()>,
}

impl Port {
    /// Binds `address` and hands every connection to `serve` together with its permit.
    ///
    /// At most the semaphore's permits are served at once; further clients wait in the kernel's backlog.
    pub(crate) fn open<S>(
        name: &'static str,
        address: SocketAddr,
        permits: Arc<Semaphore>,
        serve: S,
    ) -> io::Result<Self>
    where
        S: Fn(TcpStream, OwnedSemaphorePermit) + Send + 'static,
    {
        let listener = bind(address)?;
        let address = listener.local_addr()?;
        let (open, closing) = oneshot::channel();
        let accepting = tasks::spawn(name, accept(listener, permits, serve, closing));
        Ok(Self { address, accepting, open })
    }

    /// Where it really listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Closes the port and waits until the kernel has let go of it, so that it can be bound again.
    pub(crate) async fn close(self) {
        let Self { address: _, accepting, open } = self;
        drop(open);
        // A loop that panicked has closed the port as well.
        let _ended = accepting.await;
    }
}

fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // Connections of an earlier engine in TIME_WAIT must not keep the port from us.
    socket.set_reuse_address(true)?;
    if address.ip() == IpAddr::V6(Ipv6Addr::UNSPECIFIED) {
        // "::" means every address of the machine, IPv4 included, whatever the machine's default.
        socket.set_only_v6(false)?;
    }
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

async fn accept<S>(listener: TcpListener, permits: Arc<Semaphore>, serve: S, mut closing: oneshot::Receiver<()>)
where
    S: Fn(TcpStream, OwnedSemaphorePermit) + Send + 'static,
{
    loop {
        // An arm that loses has taken nothing: no permit, no connection.
        let permit = tokio::select! {
            permit = Arc::clone(&permits).acquire_owned() => permit,
            _closing = &mut closing => break,
        };
        let Ok(permit) = permit else { return };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _closing = &mut closing => break,
        };
        match accepted {
            Ok((stream, _peer)) => hand_over(stream, permit, &serve),
            Err(error) => {
                tracing::warn!(error = %error, "could not accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    empty_backlog(listener, &permits, &serve);
}

/// Serves everybody the kernel has connected so far, asking it directly: tokio may not know of the last ones yet.
fn empty_backlog<S>(listener: TcpListener, permits: &Arc<Semaphore>, serve: &S)
where
    S: Fn(TcpStream, OwnedSemaphorePermit),
{
    let Ok(listener) = listener.into_std() else { return };
    while let (Ok(permit), Ok((stream, _peer))) = (Arc::clone(permits).try_acquire_owned(), listener.accept()) {
        let stream = stream.set_nonblocking(true).and_then(|()| TcpStream::from_std(stream));
        match stream {
            Ok(stream) => hand_over(stream, permit, serve),
            Err(error) => tracing::warn!(error = %error, "could not take a connection of a port that closes"),
        }
    }
}

fn hand_over<S>(stream: TcpStream, permit: OwnedSemaphorePermit, serve: &S)
where
    S: Fn(TcpStream, OwnedSemaphorePermit),
{
    // Small answers should not wait for more bytes. Without it they are late, not wrong.
    let _is_set = stream.set_nodelay(true);
    serve(stream, permit);
}
