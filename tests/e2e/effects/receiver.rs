//! Somebody who is told by webhook: takes every POST, and says "try again later" until it is asked to accept.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

/// A message as it came.
#[derive(Clone, Debug)]
pub(super) struct Message {
    pub(super) at: Instant,
    /// Names in lowercase.
    headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

impl Message {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(have, _)| have == name).map(|(_, value)| value.as_str())
    }

    /// What it is about: "STREAM_STARTED".
    pub(super) fn event(&self) -> String {
        let body: Value = serde_json::from_slice(&self.body).unwrap_or(Value::Null);
        body["type"].as_str().unwrap_or_default().to_owned()
    }
}

/// A receiver for as long as the test process lives: its thread waits for connections, and holds nothing else.
#[derive(Debug)]
pub(super) struct Receiver {
    port: u16,
    accepts: Arc<AtomicBool>,
    taken: Arc<Mutex<Vec<Message>>>,
}

impl Receiver {
    pub(super) fn open() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let (accepts, taken) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(Vec::new())));
        thread::spawn({
            let (accepts, taken) = (Arc::clone(&accepts), Arc::clone(&taken));
            move || {
                for stream in listener.incoming().map_while(Result::ok) {
                    let status = if accepts.load(Ordering::Relaxed) { "204 No Content" } else { "503 Try Later" };
                    if let Some(message) = take(&stream, status) {
                        taken.lock().unwrap().push(message);
                    }
                }
            }
        });
        Self { port, accepts, taken }
    }

    pub(super) fn url(&self) -> String {
        format!("http://127.0.0.1:{}/told", self.port)
    }

    /// From now on messages are accepted.
    pub(super) fn accept(&self) {
        self.accepts.store(true, Ordering::Relaxed);
    }

    pub(super) fn taken(&self) -> Vec<Message> {
        self.taken.lock().unwrap().clone()
    }
}

fn take(mut stream: &TcpStream, status: &str) -> Option<Message> {
    stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
    let mut reader = BufReader::new(stream);
    let mut headers = Vec::new();
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    loop {
        line.clear();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let length = headers.iter().find(|(name, _)| name == "content-length")?.1.parse().ok()?;
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    write!(stream, "HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").ok()?;
    Some(Message { at: Instant::now(), headers, body })
}
