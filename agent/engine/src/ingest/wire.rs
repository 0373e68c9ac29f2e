//! The connection under a session, with or without TLS, and what the kernel knows of it.

use std::os::fd::{AsFd, BorrowedFd};

use nixcast_core::facts::{NetworkFacts, rounded};
use nixcast_media::round_trip::round_trip;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

pub(super) trait Wire: AsyncRead + AsyncWrite + Unpin {
    fn socket(&self) -> BorrowedFd<'_>;

    /// None: the kernel would not say.
    fn network(&self) -> Option<NetworkFacts> {
        let socket = self.socket();
        Some(NetworkFacts {
            round_trip_ms: rounded(round_trip(socket).ok()?.as_secs_f64() * 1000.0),
            waiting_bytes: rustix::io::ioctl_fionread(socket).ok()?,
        })
    }
}

impl Wire for TcpStream {
    fn socket(&self) -> BorrowedFd<'_> {
        self.as_fd()
    }
}

impl Wire for TlsStream<TcpStream> {
    fn socket(&self) -> BorrowedFd<'_> {
        self.get_ref().0.as_fd()
    }
}
