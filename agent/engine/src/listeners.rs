//! Listening sockets: bound before the old one goes, and deaf to what happens on the connections they accepted.

use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
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
        let accepting = tasks::spawn(name, accept(listener, permits, serve));
        Ok(Self { address, accepting })
    }

    /// Where it really listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Closes the port and waits until the kernel has let go of it, so that it can be bound again.
    pub(crate) async fn close(mut self) {
        self.accepting.abort();
        // The only way to end is the abort just asked for, so the result says nothing.
        let _ended = (&mut self.accepting).await;
    }
}

impl Drop for Port {
    fn drop(&mut self) {
        self.accepting.abort();
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

async fn accept<S>(listener: TcpListener, permits: Arc<Semaphore>, serve: S)
where
    S: Fn(TcpStream, OwnedSemaphorePermit) + Send + 'static,
{
    loop {
        let Ok(permit) = Arc::clone(&permits).acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, _peer)) => {
                // Small answers should not wait for more bytes. Without it they are late, not wrong.
                let _is_set = stream.set_nodelay(true);
                serve(stream, permit);
            }
            Err(error) => {
                tracing::warn!(error = %error, "could not accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}
