//! An open page without its looks: the event socket, read as the page's script reads it.

use std::io::ErrorKind;
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use serde_json::Value;
use tungstenite::{Message, WebSocket, client};

use crate::wait;

/// How often the reading thread looks whether it should stop.
const LOOK: Duration = Duration::from_millis(100);
const PATIENCE: Duration = Duration::from_secs(10);

/// What the page shows now.
#[derive(Clone, Debug, Default)]
pub struct Shown {
    pub page: Value,
    pub title: Value,
    pub broadcast: Value,
    pub viewers: Value,
    /// Messages since it was opened.
    pub messages: u64,
    /// Why the connection is over.
    pub ended: Option<String>,
}

/// A page that stays open until it is dropped.
#[derive(Debug)]
pub struct OpenPage {
    shown: Arc<Mutex<Shown>>,
    stop: Arc<AtomicBool>,
    to_say: Sender<String>,
    thread: Option<JoinHandle<()>>,
}

impl OpenPage {
    /// Opens the event socket of the server on this loopback port and waits for its greeting.
    #[track_caller]
    pub fn open(port: u16) -> Self {
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let stream = TcpStream::connect_timeout(&address, PATIENCE).expect("the page's port is open");
        stream.set_read_timeout(Some(PATIENCE)).expect("a socket takes a timeout");
        stream.set_write_timeout(Some(PATIENCE)).expect("a socket takes a timeout");
        let (mut socket, _) =
            client(format!("ws://{address}/api/events"), stream).expect("the event socket takes an upgrade");
        let shown = Arc::new(Mutex::new(Shown::default()));
        take(socket.read().expect("an event socket greets"), &mut shown.lock().unwrap());
        assert_eq!(shown.lock().unwrap().messages, 1, "the greeting is a message");
        socket.get_mut().set_read_timeout(Some(LOOK)).expect("a socket takes a timeout");
        let stop = Arc::new(AtomicBool::new(false));
        let (to_say, said) = mpsc::channel();
        let thread = thread::spawn({
            let (shown, stop) = (Arc::clone(&shown), Arc::clone(&stop));
            move || follow(socket, &shown, &stop, &said)
        });
        Self { shown, stop, to_say, thread: Some(thread) }
    }

    /// Sends a text, as the page's script does.
    pub fn say(&self, text: &str) {
        self.to_say.send(text.to_owned()).expect("the page is open");
    }

    pub fn shown(&self) -> Shown {
        self.shown.lock().unwrap().clone()
    }

    /// Looks until what is shown answers.
    pub fn within<T>(&self, limit: Duration, mut probe: impl FnMut(&Shown) -> Option<T>) -> Option<T> {
        wait::within(limit, || probe(&self.shown()))
    }
}

impl Drop for OpenPage {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.join().ok();
        }
    }
}

fn follow(mut socket: WebSocket<TcpStream>, shown: &Mutex<Shown>, stop: &AtomicBool, said: &Receiver<String>) {
    while !stop.load(Ordering::Relaxed) {
        for text in said.try_iter() {
            socket.send(Message::text(text)).ok();
        }
        match socket.read() {
            Ok(message) => take(message, &mut shown.lock().unwrap()),
            Err(tungstenite::Error::Io(error))
                if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted) => {}
            Err(error) => {
                shown.lock().unwrap().ended = Some(error.to_string());
                return;
            }
        }
    }
    socket.close(None).ok();
}

fn take(message: Message, shown: &mut Shown) {
    let Message::Text(text) = message else { return };
    shown.messages += 1;
    let Ok(mut event) = serde_json::from_str::<Value>(&text) else {
        shown.ended = Some(format!("a message that is no JSON: {text}"));
        return;
    };
    for (name, place) in [
        ("page", &mut shown.page),
        ("title", &mut shown.title),
        ("broadcast", &mut shown.broadcast),
        ("viewers", &mut shown.viewers),
    ] {
        if let Some(value) = event.get_mut(name) {
            *place = value.take();
        }
    }
}
