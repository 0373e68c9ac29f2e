//! The agent's socket: one JSON object a line, asked over a kept connection or watched.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// Longest an answer is waited for: an apply may wait for a segment boundary.
const PATIENCE: Duration = Duration::from_secs(60);

/// A client that asks one thing after the other.
#[derive(Debug)]
pub struct Agent {
    path: PathBuf,
    stream: Option<BufReader<UnixStream>>,
}

impl Agent {
    pub fn at(path: &Path) -> Self {
        Self { path: path.to_owned(), stream: None }
    }

    /// Asks over the kept connection. The agent closes it after a request that makes no sense; the next one opens
    /// another.
    pub fn ask(&mut self, request: &Value) -> Result<Value, String> {
        let mut answer = String::new();
        let mut exchange = || -> std::io::Result<()> {
            let mut stream = match self.stream.take() {
                Some(stream) => stream,
                None => connect(&self.path)?,
            };
            let mut line = request.to_string();
            line.push('\n');
            // An agent that closes while it is still being written to has answered: the answer is there to be read.
            let written = stream.get_mut().write_all(line.as_bytes());
            let read = stream.read_line(&mut answer);
            if answer.is_empty() {
                written?;
                read?;
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
            if written.is_ok() {
                self.stream = Some(stream);
            }
            Ok(())
        };
        exchange().map_err(|error| format!("{}: {error}", self.path.display()))?;
        let answer: Value = serde_json::from_str(&answer).map_err(|error| format!("{error}: {answer}"))?;
        if answer["response"] == "rejected" {
            self.stream = None;
        }
        Ok(answer)
    }

    /// Hands in a document's text and waits this long for convergence; 0: only until the engine was told.
    pub fn apply(&mut self, text: &str, wait_seconds: u32) -> Result<Value, String> {
        self.ask(&json!({ "request": "apply", "settings": handed_in(text), "waitSeconds": wait_seconds }))
    }

    /// What applying a document would change.
    pub fn plan(&mut self, text: &str) -> Result<Value, String> {
        self.ask(&json!({ "request": "plan", "settings": handed_in(text) }))
    }

    pub fn status(&mut self) -> Result<Value, String> {
        self.ask(&json!({ "request": "status" }))
    }
}

fn handed_in(text: &str) -> Value {
    json!({ "text": text, "path": null, "storePath": null })
}

fn connect(path: &Path) -> std::io::Result<BufReader<UnixStream>> {
    let stream = UnixStream::connect(path)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    Ok(BufReader::new(stream))
}

/// Every status the agent publishes, with the moment it came: watching costs the agent nothing, where asking makes
/// it observe the engine.
#[derive(Debug)]
pub struct Statuses {
    received: Receiver<(Instant, Value)>,
}

impl Statuses {
    /// The watching thread ends with the agent's connection, or when this is dropped and another status comes.
    #[track_caller]
    pub fn watch(path: &Path) -> Self {
        let stream = UnixStream::connect(path).expect("the agent's socket is open");
        (&stream).write_all(b"{\"request\":\"watch\"}\n").expect("the agent reads");
        let (send, received) = mpsc::channel();
        thread::spawn(move || {
            for line in BufReader::new(stream).lines().map_while(Result::ok) {
                let Ok(status) = serde_json::from_str(&line) else { return };
                if send.send((Instant::now(), status)).is_err() {
                    return;
                }
            }
        });
        Self { received }
    }

    /// The next status, if one comes within `limit`.
    pub fn next(&self, limit: Duration) -> Option<(Instant, Value)> {
        self.received.recv_timeout(limit).ok()
    }

    /// Takes statuses until one answers; none if `limit` has passed.
    pub fn within<T>(&self, limit: Duration, mut probe: impl FnMut(&Value) -> Option<T>) -> Option<(Instant, T)> {
        let end = Instant::now() + limit;
        loop {
            let (at, status) = self.next(end.saturating_duration_since(Instant::now()))?;
            if let Some(answer) = probe(&status) {
                return Some((at, answer));
            }
        }
    }
}
