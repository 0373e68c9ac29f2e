//! A kept HTTP/1.1 connection, as browsers and reverse proxies hold them: what was accepted before a listener moved is
//! served on.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use crate::http::{self, Reply};

/// Longest silence within a reply.
const PATIENCE: Duration = Duration::from_secs(10);

/// A client that sends one request after the other over one connection, and opens another only when the server has
/// closed that one between two requests.
#[derive(Debug)]
pub struct Connection {
    address: SocketAddr,
    stream: Option<TcpStream>,
    opened: u32,
}

impl Connection {
    /// Nothing is opened before the first request.
    pub fn to(address: SocketAddr) -> Self {
        Self { address, stream: None, opened: 0 }
    }

    pub fn to_port(port: u16) -> Self {
        Self::to(SocketAddr::from(([127, 0, 0, 1], port)))
    }

    /// How many connections it took so far.
    pub fn opened(&self) -> u32 {
        self.opened
    }

    /// Where the next connection goes, should one be needed; the open one is kept.
    pub fn point_to(&mut self, address: SocketAddr) {
        self.address = address;
    }

    pub fn get(&mut self, path: &str) -> io::Result<Reply> {
        if let Some(stream) = self.stream.take() {
            match self.exchange(stream, path) {
                // A connection that was closed while nobody asked for anything: RFC 9112, section 9.3.1.
                Err(error) if is_closed(&error) => (),
                other => return other,
            }
        }
        let stream = TcpStream::connect_timeout(&self.address, PATIENCE)?;
        self.opened += 1;
        self.exchange(stream, path)
    }

    fn exchange(&mut self, mut stream: TcpStream, path: &str) -> io::Result<Reply> {
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        write!(stream, "GET {path} HTTP/1.1\r\nhost: {}\r\n\r\n", self.address)?;
        let mut raw = Vec::new();
        let mut buffer = vec![0; 64 * 1024];
        loop {
            let read = stream.read(&mut buffer)?;
            if read == 0 {
                let kind = if raw.is_empty() { io::ErrorKind::ConnectionAborted } else { io::ErrorKind::UnexpectedEof };
                return Err(io::Error::new(kind, format!("GET {path}: closed after {} bytes", raw.len())));
            }
            raw.extend_from_slice(&buffer[..read]);
            if let Some(reply) = http::parse(&raw) {
                if reply.header("connection").is_none_or(|value| !value.eq_ignore_ascii_case("close")) {
                    self.stream = Some(stream);
                }
                return Ok(reply);
            }
        }
    }
}

/// Whether the other side had closed before it read the request.
fn is_closed(error: &io::Error) -> bool {
    let kinds = [io::ErrorKind::ConnectionAborted, io::ErrorKind::ConnectionReset, io::ErrorKind::BrokenPipe];
    kinds.contains(&error.kind())
}
