//! Somebody in the chat: registered, with an open socket, whose events are read one by one.

use std::collections::VecDeque;
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use tungstenite::{Message, WebSocket, client};

use crate::http;

/// Longest silence while something is waited for, on a machine that also encodes.
const PATIENCE: Duration = Duration::from_secs(30);

/// Messages so far: each has a mark of its own, by which its answer is known.
static SAID: AtomicU64 = AtomicU64::new(0);

#[derive(Debug)]
pub struct Chatter {
    pub id: String,
    pub token: String,
    pub name: String,
    socket: WebSocket<TcpStream>,
    events: VecDeque<Value>,
}

/// A new account of the server on this loopback port: what `POST /api/chat/register` says. Without a name: one that the
/// server gives.
pub fn register(port: u16, name: &str) -> Result<Value, String> {
    let wish = if name.is_empty() { json!({}) } else { json!({ "displayName": name }) };
    let reply = http::post(port, "/api/chat/register", &[], &wish.to_string()).map_err(|error| error.to_string())?;
    match reply.status {
        200 => serde_json::from_slice(&reply.body).map_err(|error| error.to_string()),
        status => Err(format!("not registered: status {status}, {}", reply.text())),
    }
}

impl Chatter {
    /// A new account, and its socket.
    pub fn enter(port: u16, name: &str) -> Result<Self, String> {
        Self::open(port, &register(port, name)?)
    }

    /// A socket of an account.
    pub fn open(port: u16, account: &Value) -> Result<Self, String> {
        let text = |field: &str| account[field].as_str().unwrap_or_default().to_owned();
        let (id, token, name) = (text("id"), text("accessToken"), text("displayName"));
        Ok(Self { socket: connect(port, &token)?, id, token, name, events: VecDeque::new() })
    }

    /// Sends one command.
    pub fn send(&mut self, command: &Value) -> Result<(), String> {
        self.socket.send(Message::text(command.to_string())).map_err(|error| error.to_string())
    }

    /// Says something and reads until it, or a refusal, has come back. All events on the way, the answer last.
    pub fn say(&mut self, body: &str) -> Result<Vec<Value>, String> {
        self.post(json!({ "type": "CHAT", "body": body }))
    }

    /// Sends a message with more to it than its body, as [`Self::say`] does.
    pub fn post(&mut self, mut message: Value) -> Result<Vec<Value>, String> {
        let nonce = SAID.fetch_add(1, Ordering::Relaxed).to_string();
        message["nonce"] = json!(nonce);
        self.send(&message)?;
        self.until(|event| event["nonce"] == *nonce)
    }

    /// Reads until an event is the one. All events on the way, that one last.
    pub fn until(&mut self, is_it: impl Fn(&Value) -> bool) -> Result<Vec<Value>, String> {
        let mut heard = Vec::new();
        loop {
            while let Some(event) = self.events.pop_front() {
                let is_last = is_it(&event);
                heard.push(event);
                if is_last {
                    return Ok(heard);
                }
            }
            match self.socket.read().map_err(|error| format!("{error}, after {heard:?}"))? {
                Message::Text(text) => {
                    self.events.extend(text.lines().filter_map(|line| serde_json::from_str(line).ok()))
                }
                Message::Close(frame) => return Err(format!("closed: {frame:?}, after {heard:?}")),
                _ => {}
            }
        }
    }

    /// Reads to the end: the code of the close frame, and what was heard before.
    pub fn closed(mut self) -> Result<(u16, Vec<Value>), String> {
        let mut heard: Vec<Value> = self.events.drain(..).collect();
        loop {
            match self.socket.read().map_err(|error| format!("{error}, after {heard:?}"))? {
                Message::Text(text) => heard.extend(text.lines().filter_map(|line| serde_json::from_str(line).ok())),
                Message::Close(frame) => return Ok((frame.map_or(1005, |frame| frame.code.into()), heard)),
                _ => {}
            }
        }
    }
}

fn connect(port: u16, token: &str) -> Result<WebSocket<TcpStream>, String> {
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    let stream = TcpStream::connect_timeout(&address, PATIENCE).map_err(|error| error.to_string())?;
    for set in [TcpStream::set_read_timeout, TcpStream::set_write_timeout] {
        set(&stream, Some(PATIENCE)).map_err(|error| error.to_string())?;
    }
    match client(format!("ws://{address}/ws?accessToken={token}"), stream) {
        Ok((socket, _)) => Ok(socket),
        Err(tungstenite::HandshakeError::Failure(tungstenite::Error::Http(response))) => {
            let said = response.body().clone().unwrap_or_default();
            Err(format!("no socket: {} {}", response.status(), String::from_utf8_lossy(&said)))
        }
        Err(error) => Err(error.to_string()),
    }
}
