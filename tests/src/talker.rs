//! Somebody in the chat, as the page does it: talks, hears, comes back with the last id heard, and says again under its
//! mark what nobody confirmed.

use std::collections::VecDeque;
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tungstenite::{ClientRequestBuilder, Message, WebSocket, client};

use crate::{http, wait};

const PATIENCE: Duration = Duration::from_secs(10);

/// Longest a read waits, so that a talker can do something else.
const LOOK: Duration = Duration::from_millis(20);

/// Between two tries to come back.
const PAUSE: Duration = Duration::from_millis(200);

/// A message as it was heard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    pub id: String,
    pub user: String,
    pub nonce: Option<String>,
    pub body: String,
}

/// One person with one socket, which is opened again whenever it is lost.
#[derive(Debug)]
pub struct Talker {
    port: u16,
    /// As a proxy names it: nobody shares a rate with another.
    address: String,
    pub id: String,
    token: String,
    socket: Option<WebSocket<TcpStream>>,
    /// Every message, in the order it came, each time it came.
    pub heard: Vec<Said>,
    /// What each `RESUMED` said: whether it was all.
    pub resumed: Vec<bool>,
    /// Why a message was not taken.
    pub refused: Vec<String>,
    /// Nonce and text of what was said and is not confirmed.
    unconfirmed: VecDeque<(String, String)>,
    said: u32,
    tried: Option<Instant>,
    /// How often the socket was lost.
    pub lost: u32,
}

impl Talker {
    /// Registers and opens a socket. The server has to trust 127.0.0.1 as a proxy.
    #[track_caller]
    pub fn enter(port: u16, address: &str) -> Self {
        let headers = [("x-forwarded-for", address)];
        let reply = http::post(port, "/api/chat/register", &headers, "{}").expect("the chat answers");
        let user: Value = serde_json::from_slice(&reply.body).expect("the chat answers with JSON");
        let text = |name: &str| match user[name].as_str() {
            Some(text) => text.to_owned(),
            None => panic!("nobody was registered: {user}"),
        };
        let mut talker = Self {
            port,
            address: address.to_owned(),
            id: text("id"),
            token: text("accessToken"),
            socket: None,
            heard: Vec::new(),
            resumed: Vec::new(),
            refused: Vec::new(),
            unconfirmed: VecDeque::new(),
            said: 0,
            tried: None,
            lost: 0,
        };
        wait::until("a socket of the chat", PATIENCE, || {
            talker.listen();
            talker.socket.is_some().then_some(())
        });
        talker
    }

    /// Says it until it is confirmed.
    pub fn say(&mut self, text: &str) {
        let nonce = format!("n{}", self.said);
        self.said += 1;
        self.unconfirmed.push_back((nonce.clone(), text.to_owned()));
        self.send(&nonce, text);
    }

    pub fn is_confirmed(&self) -> bool {
        self.unconfirmed.is_empty()
    }

    pub fn is_connected(&self) -> bool {
        self.socket.is_some()
    }

    /// The connection itself, for who wants to misuse it.
    pub fn stream(&mut self) -> Option<&mut TcpStream> {
        self.socket.as_mut().map(WebSocket::get_mut)
    }

    /// Takes what there is within a moment, and comes back when the socket is lost.
    pub fn listen(&mut self) {
        let Some(socket) = &mut self.socket else { return self.come_back() };
        match socket.read() {
            Ok(Message::Text(text)) => text.split('\n').for_each(|event| self.take(event)),
            Ok(_) => (),
            Err(tungstenite::Error::Io(error))
                if matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut) => {}
            Err(_) => {
                self.socket = None;
                self.lost += 1;
            }
        }
    }

    fn come_back(&mut self) {
        if let Some(tried) = self.tried {
            std::thread::sleep(PAUSE.saturating_sub(tried.elapsed()));
        }
        self.tried = Some(Instant::now());
        let since = self.heard.last().map(|said| format!("&since={}", said.id)).unwrap_or_default();
        self.socket = self.open(&format!("accessToken={}{since}", self.token));
        for (nonce, text) in self.unconfirmed.clone() {
            self.send(&nonce, &text);
        }
    }

    fn open(&self, query: &str) -> Option<WebSocket<TcpStream>> {
        let address = SocketAddr::from(([127, 0, 0, 1], self.port));
        let stream = TcpStream::connect_timeout(&address, PATIENCE).ok()?;
        stream.set_read_timeout(Some(PATIENCE)).ok()?;
        stream.set_write_timeout(Some(PATIENCE)).ok()?;
        let url = format!("ws://{address}/ws?{query}").parse().ok()?;
        let request = ClientRequestBuilder::new(url).with_header("x-forwarded-for", &self.address);
        let (mut socket, _) = client(request, stream).ok()?;
        socket.get_mut().set_read_timeout(Some(LOOK)).ok()?;
        Some(socket)
    }

    fn send(&mut self, nonce: &str, text: &str) {
        let message = json!({ "type": "CHAT", "body": text, "nonce": nonce }).to_string();
        if let Some(socket) = &mut self.socket {
            // If it is lost on the way, it is said again after coming back.
            socket.send(Message::text(message)).ok();
        }
    }

    fn take(&mut self, event: &str) {
        let event: Value = serde_json::from_str(event).expect("an event is JSON");
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let nonce = event["nonce"].as_str();
        match event["type"].as_str() {
            Some("CHAT") => {
                let user = text(&event["user"]["id"]);
                if user == self.id {
                    self.confirm(nonce);
                }
                let (id, body) = (text(&event["id"]), text(&event["body"]));
                // Who says again what was taken already is answered, alone, with the message as it is.
                if user == self.id && nonce.is_some() && self.heard.iter().any(|said| said.id == id) {
                    return;
                }
                self.heard.push(Said { id, user, nonce: nonce.map(str::to_owned), body });
            }
            Some("TAKEN") => self.confirm(nonce),
            Some("REFUSED") => {
                self.confirm(nonce);
                self.refused.push(text(&event["body"]));
            }
            Some("RESUMED") => self.resumed.push(event["complete"] == true),
            _ => (),
        }
    }

    fn confirm(&mut self, nonce: Option<&str>) {
        self.unconfirmed.retain(|(said, _)| Some(said.as_str()) != nonce);
    }
}
