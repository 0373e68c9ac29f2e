//! A plain HTTP/1.1 client, one connection for each request: what is under test is the other side.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// Longest silence a request puts up with. Nothing the server sends takes a fraction of it.
const PATIENCE: Duration = Duration::from_secs(10);

/// What came back.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    /// Names in lowercase.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Reply {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(have, _)| have == name).map(|(_, value)| value.as_str())
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// Gets `path` from the server on a loopback port.
pub fn get(port: u16, path: &str) -> io::Result<Reply> {
    get_with(port, path, &[])
}

/// Gets `path` with more headers, each a name and a value.
pub fn get_with(port: u16, path: &str, headers: &[(&str, &str)]) -> io::Result<Reply> {
    ask(port, "GET", path, headers, "")
}

/// Posts a JSON text to `path`.
pub fn post(port: u16, path: &str, headers: &[(&str, &str)], json: &str) -> io::Result<Reply> {
    let length = json.len().to_string();
    let about = [("content-type", "application/json"), ("content-length", length.as_str())];
    ask(port, "POST", path, &[headers, &about].concat(), json)
}

/// Asks which methods `path` knows.
pub fn options(port: u16, path: &str) -> io::Result<Reply> {
    ask(port, "OPTIONS", path, &[], "")
}

fn ask(port: u16, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> io::Result<Reply> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let more: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    write!(stream, "{method} {path} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\nconnection: close\r\n{more}\r\n{body}")?;
    let mut raw = Vec::new();
    stream.read_to_end(&mut raw)?;
    parse(&raw).ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, format!("no HTTP reply to {method} {path}")))
}

/// A whole reply; none while a part of it is missing.
pub(crate) fn parse(raw: &[u8]) -> Option<Reply> {
    let end = raw.windows(4).position(|window| window == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&raw[..end]).ok()?;
    let body = &raw[end + 4..];
    let mut lines = head.split("\r\n");
    let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let reply = Reply { status, headers, body: Vec::new() };
    let body = match (reply.header("transfer-encoding"), reply.header("content-length")) {
        (Some("chunked"), _) => join_chunks(body)?,
        // A body cut short is no reply at all.
        (_, Some(length)) => body.get(..length.parse().ok()?)?.to_vec(),
        _ => body.to_vec(),
    };
    Some(Reply { body, ..reply })
}

/// RFC 9112, section 7.1, without extensions or trailers.
fn join_chunks(mut raw: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let end = raw.windows(2).position(|window| window == b"\r\n")?;
        let size = usize::from_str_radix(std::str::from_utf8(&raw[..end]).ok()?.trim(), 16).ok()?;
        raw = &raw[end + 2..];
        if size == 0 {
            return Some(body);
        }
        body.extend_from_slice(raw.get(..size)?);
        raw = raw.get(size + 2..)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_is_read_whole_or_not_at_all() {
        let sized = parse(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc").unwrap();
        assert_eq!((sized.status, sized.body.as_slice()), (200, b"abc".as_slice()));
        let chunked =
            parse(b"HTTP/1.1 404 Not Found\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n");
        assert_eq!(chunked.unwrap().text(), "abc");
        assert!(parse(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nabc").is_none(), "cut short");
    }
}
