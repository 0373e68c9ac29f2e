//! What the kernel knows of a TCP connection's way to the other side and back.
//!
//! Here because no safe library asks for it, and this crate has what little `unsafe` there is.

use std::io;
use std::mem::{self, MaybeUninit};
use std::os::fd::{AsFd, AsRawFd};
use std::time::Duration;

/// The smoothed round-trip time (tcp(7), `TCP_INFO`); zero before anything was acknowledged.
///
/// # Errors
/// It is no TCP socket.
#[allow(unsafe_code)]
pub fn round_trip(socket: impl AsFd) -> io::Result<Duration> {
    let mut info = MaybeUninit::<libc::tcp_info>::zeroed();
    let size = u32::try_from(mem::size_of::<libc::tcp_info>()).map_err(|_| io::ErrorKind::InvalidData)?;
    let mut length: libc::socklen_t = size;
    let number = socket.as_fd().as_raw_fd();
    // SAFETY: the kernel writes at most `length` bytes, which is the size of the place, and then `length` itself; both
    // live on this stack. Every pattern of bits is a `tcp_info`, so what an older kernel leaves out is 0.
    let info = unsafe {
        let place = info.as_mut_ptr().cast::<libc::c_void>();
        if libc::getsockopt(number, libc::IPPROTO_TCP, libc::TCP_INFO, place, &raw mut length) != 0 {
            return Err(io::Error::last_os_error());
        }
        info.assume_init()
    };
    Ok(Duration::from_micros(u64::from(info.tcpi_rtt)))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::io::{Read, Write};
    use std::net::{TcpListener, TcpStream};
    use std::os::unix::net::UnixStream;

    use super::*;

    #[test]
    fn a_connection_on_this_machine_is_short_and_other_sockets_have_none() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (mut server, _) = listener.accept().unwrap();
        client.write_all(b"there").unwrap();
        server.read_exact(&mut [0; 5]).unwrap();
        server.write_all(b"and back").unwrap();
        client.read_exact(&mut [0; 8]).unwrap();
        for socket in [&client, &server] {
            let took = round_trip(socket).unwrap();
            assert!(!took.is_zero() && took < Duration::from_secs(1), "{took:?}");
        }
        assert!(round_trip(UnixStream::pair().unwrap().0).is_err());
    }
}
