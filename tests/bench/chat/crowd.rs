//! `bench crowd PORT KIND CLIENTS`: thousands of chat clients in one process with one thread, which costs so little
//! that two cores have room for the server beside it.
//!
//! It says [`IN`] when all are connected, and then takes one order a line: messages a second and seconds, answered with
//! one line of JSON. It ends with its input.

use std::io::{self, BufRead, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use rustix::buffer::spare_capacity;
use rustix::event::{Timespec, epoll};
use rustix::fd::OwnedFd;
use serde_json::{Value, json};

use super::frames::{Frames, STAMP};

pub(crate) const NAME: &str = "crowd";
pub(super) const IN: &str = "in";

/// Clients that talk, in turns: one person alone may not say fifty things a second.
const TALKERS: usize = 100;

/// One of so many clients reads the moment out of each message; the others count.
const SAMPLED: usize = 20;

/// Connections opened at once.
const AT_ONCE: usize = 100;

/// Bytes of what is said.
const SAID_BYTES: usize = 120;

/// Given up when nothing was heard for so long.
const SILENCE: Duration = Duration::from_secs(10);
const PATIENCE: Duration = Duration::from_secs(30);
const MOST_EVENTS: usize = 1024;

/// A text frame and a pong from a client, of at most 125 bytes, masked with zero: RFC 6455, section 5.2.
const MASKED: u8 = 0x80;
const TEXT: u8 = 0x81;
const PONG: [u8; 6] = [0x8a, MASKED, 0, 0, 0, 0];

pub(crate) fn run(arguments: &[String]) {
    let [port, kind, clients] = arguments else { panic!("crowd PORT KIND CLIENTS") };
    let mut crowd = Crowd::new(clients.parse().unwrap());
    crowd.connect(port.parse().unwrap(), kind == super::OURS);
    println!("{IN}");
    let orders = orders();
    loop {
        match orders.try_recv() {
            Ok(order) => {
                let (rate, seconds) = order.split_once(' ').unwrap();
                println!("{}", crowd.talk(rate.parse().unwrap(), seconds.parse().unwrap()));
            }
            Err(mpsc::TryRecvError::Empty) => crowd.listen(Duration::from_millis(50)),
            Err(mpsc::TryRecvError::Disconnected) => return,
        }
    }
}

fn orders() -> Receiver<String> {
    let (sender, orders) = mpsc::channel();
    thread::spawn(move || io::stdin().lock().lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
    orders
}

struct Client {
    stream: TcpStream,
    frames: Frames,
}

struct Crowd {
    /// In the order they came in; none for one that the server has closed.
    clients: Vec<Option<Client>>,
    wanted: usize,
    epoll: OwnedFd,
    events: Vec<epoll::Event>,
    buffer: Vec<u8>,
    began: Instant,
    /// Microseconds that messages took to the sampled clients.
    took: Vec<u32>,
}

impl Crowd {
    fn new(wanted: usize) -> Self {
        Self {
            clients: Vec::with_capacity(wanted),
            wanted,
            epoll: epoll::create(epoll::CreateFlags::CLOEXEC).unwrap(),
            events: Vec::with_capacity(MOST_EVENTS),
            buffer: vec![0; 256 * 1024],
            began: Instant::now(),
            took: Vec::new(),
        }
    }

    fn connect(&mut self, port: u16, is_ours: bool) {
        let mut counter = is_ours.then(|| connected(port));
        while self.clients.len() < self.wanted {
            let first = self.clients.len();
            let group = first..self.wanted.min(first + AT_ONCE);
            let streams: Vec<TcpStream> = group
                .map(|index| {
                    let token = counter.as_mut().map(|counter| register(counter, index)).unwrap_or_default();
                    let mut stream = connected(port);
                    write!(
                        stream,
                        "GET /ws?accessToken={token} HTTP/1.1\r\nhost: 127.0.0.1\r\nupgrade: websocket\r\nconnection: \
                         upgrade\r\nsec-websocket-version: 13\r\nsec-websocket-key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n\
                         x-forwarded-for: {}\r\n\r\n",
                        home(index)
                    )
                    .unwrap();
                    stream
                })
                .collect();
            for mut stream in streams {
                let head = head(&mut stream);
                assert!(head.starts_with("HTTP/1.1 101 "), "no WebSocket: {head}");
                stream.set_nonblocking(true).unwrap();
                let index = self.clients.len();
                let data = epoll::EventData::new_u64(index as u64);
                epoll::add(&self.epoll, &stream, data, epoll::EventFlags::IN).unwrap();
                let frames = Frames::new(index.is_multiple_of(SAMPLED));
                self.clients.push(Some(Client { stream, frames }));
            }
            self.listen(Duration::from_millis(1));
        }
        // Who came in is still being told to everybody.
        let mut quiet_since = Instant::now();
        let mut heard = self.heard();
        while quiet_since.elapsed() < Duration::from_secs(1) {
            self.listen(Duration::from_millis(20));
            if heard != self.heard() {
                (heard, quiet_since) = (self.heard(), Instant::now());
            }
        }
    }

    fn heard(&self) -> u64 {
        self.clients.iter().flatten().map(|client| client.frames.heard).sum()
    }

    /// Takes what there is, waiting for it for at most `wait`.
    fn listen(&mut self, wait: Duration) {
        let wait = Timespec { tv_sec: wait.as_secs().cast_signed(), tv_nsec: wait.subsec_nanos().into() };
        self.events.clear();
        epoll::wait(&self.epoll, spare_capacity(&mut self.events), Some(&wait)).unwrap();
        for event in &self.events {
            let index = usize::try_from(event.data.u64()).unwrap();
            let Some(client) = &mut self.clients[index] else { continue };
            let read = match client.stream.read(&mut self.buffer) {
                Ok(0) => Err(ErrorKind::UnexpectedEof),
                Ok(read) => Ok(read),
                Err(error) if error.kind() == ErrorKind::WouldBlock => continue,
                Err(error) => Err(error.kind()),
            };
            let Ok(read) = read else {
                self.clients[index] = None;
                continue;
            };
            let pings = client.frames.pings;
            let now = self.began.elapsed().as_micros();
            client.frames.feed(&self.buffer[..read], |stamp| {
                self.took.push(u32::try_from(now.saturating_sub(u128::from(stamp))).unwrap_or(u32::MAX));
            });
            if client.frames.pings > pings {
                client.stream.write_all(&PONG).unwrap();
            }
        }
    }

    /// Says `rate` messages a second in all, evenly, and listens until everybody has heard everything or nothing comes
    /// any more. A message is stamped with the moment it was due, so that a late sender makes nothing look better.
    fn talk(&mut self, rate: u32, seconds: u32) -> Value {
        self.took.clear();
        for client in self.clients.iter_mut().flatten() {
            client.frames.heard = 0;
        }
        let (all, began) = (rate * seconds, Instant::now());
        let listeners = self.clients.iter().flatten().count();
        let most = u64::from(all) * listeners as u64;
        let mut said = 0;
        let mut progress = (0, Instant::now());
        let mut last_said_at = began;
        loop {
            let due = |said: u32| began + Duration::from_secs(1) * said / rate;
            while said < all && due(said) <= Instant::now() {
                self.say(said, due(said));
                said += 1;
                last_said_at = Instant::now();
            }
            self.listen(Duration::from_millis(1));
            if said < all {
                progress.1 = Instant::now();
                continue;
            }
            let heard = self.heard();
            if heard > progress.0 {
                progress = (heard, Instant::now());
            }
            if heard >= most || progress.1.elapsed() > SILENCE {
                break;
            }
        }
        self.took.sort_unstable();
        let took = |percent: usize| self.took.get((self.took.len() * percent).div_ceil(100).max(1) - 1).copied();
        let counts = || self.clients.iter().flatten().map(|client| client.frames.heard);
        json!({
            "said": said,
            "delivered": self.heard(),
            "lost": counts().map(|heard| u64::from(said).saturating_sub(heard)).sum::<u64>(),
            "doubled": counts().map(|heard| heard.saturating_sub(said.into())).sum::<u64>(),
            "closed": self.wanted - self.clients.iter().flatten().count(),
            "talked_seconds": last_said_at.duration_since(began).as_secs_f64(),
            "seconds": progress.1.duration_since(began).as_secs_f64(),
            "p50_us": took(50),
            "p99_us": took(99),
            "most_us": took(100),
        })
    }

    fn say(&mut self, number: u32, due: Instant) {
        let talker = number as usize % TALKERS.min(self.clients.len());
        let Some(client) = &mut self.clients[talker] else { return };
        let stamp = due.duration_since(self.began).as_micros();
        let body = format!("{STAMP}{stamp} ");
        let text = format!(r#"{{"type":"CHAT","body":"{body:x<width$}"}}"#, width = SAID_BYTES - 26);
        let length = u8::try_from(text.len()).unwrap();
        let mut frame = vec![TEXT, MASKED | length, 0, 0, 0, 0];
        frame.extend_from_slice(text.as_bytes());
        client.stream.write_all(&frame).unwrap();
    }
}

fn connected(port: u16) -> TcpStream {
    let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

/// The address that the proxy of this test names for a client: nobody shares one.
fn home(index: usize) -> String {
    format!("10.0.{}.{}", index / 250, index % 250 + 1)
}

fn register(counter: &mut TcpStream, index: usize) -> String {
    write!(
        counter,
        "POST /api/chat/register HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\ncontent-length: \
         2\r\nx-forwarded-for: {}\r\n\r\n{{}}",
        home(index)
    )
    .unwrap();
    let head = head(counter);
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
    let mut body = vec![0; length.parse().unwrap()];
    counter.read_exact(&mut body).unwrap();
    let answer: Value = serde_json::from_slice(&body).unwrap();
    answer["accessToken"].as_str().unwrap_or_else(|| panic!("no token: {answer}")).to_owned()
}

/// The head of a reply, and not a byte of what follows it.
fn head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    String::from_utf8(head).unwrap().to_lowercase().replacen("http/1.1", "HTTP/1.1", 1)
}
