//! The line to one client: what is told goes out at once while the client takes it, and waits in a bounded queue while it
//! does not. Its socket's own task is woken only then.

use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use nixcast_core::chat::effect::CloseReason;
use tokio::net::TcpStream;
use tokio::sync::Notify;

/// Tellings that wait for a client that does not take them: with twenty a second, it may be twelve seconds behind and
/// more. They are the same bytes for everybody.
const MOST_TOLD: usize = 256;

/// And those that are for it alone.
const MOST_ALONE: usize = 32;

/// Bytes that may wait already when something is added. A telling of thousands who leave at once is three times as long,
/// and sends nobody away who has taken what came before it.
const MOST_BYTES: usize = 1024 * 1024;

/// Why nothing more is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// The client has missed something.
    Behind,
    /// After this time.
    Closed(CloseReason, Duration),
    /// Nobody tells anything any more.
    Over,
    /// It cannot be reached.
    Lost,
}

/// Who is told something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Whose {
    Everybodys,
    Its,
}

#[derive(Debug, Default)]
pub(super) struct Line {
    waiting: Mutex<Waiting>,
    nudge: Notify,
}

#[derive(Debug, Default)]
struct Waiting {
    /// None before the socket is open, and after it was closed.
    stream: Option<Arc<TcpStream>>,
    /// Whole frames, the first of which may be written in part.
    frames: VecDeque<(Bytes, Whose)>,
    /// Bytes of the first that are written.
    written: usize,
    end: Option<End>,
}

impl Line {
    /// Whole frames for the client. They are dropped if the line has ended.
    pub(super) fn tell(&self, frames: &Bytes, whose: Whose) {
        let mut waiting = self.waiting();
        if waiting.end.is_none() && !waiting.tell(frames, whose) {
            self.nudge.notify_one();
        }
    }

    /// Tells nothing more after what was told.
    pub(super) fn end(&self, end: End) {
        self.waiting().end.get_or_insert(end);
        self.nudge.notify_one();
    }

    pub(super) fn has_ended(&self) -> Option<End> {
        self.waiting().end
    }

    pub(super) fn open(&self, stream: Arc<TcpStream>) {
        self.waiting().stream = Some(stream);
    }

    /// Lets go of the socket, so that it is closed as soon as nobody else has it.
    pub(super) fn close(&self) {
        let mut waiting = self.waiting();
        waiting.end.get_or_insert(End::Lost);
        (waiting.stream, waiting.frames) = (None, VecDeque::new());
    }

    pub(super) fn has_waiting(&self) -> bool {
        !self.waiting().frames.is_empty()
    }

    /// Writes what waits, as far as the client takes it. Whether it took anything.
    pub(super) fn write(&self) -> io::Result<bool> {
        self.waiting().write()
    }

    /// Frames of its own task, which may be told after the end.
    pub(super) fn add(&self, frames: &[u8]) -> io::Result<()> {
        let mut waiting = self.waiting();
        waiting.push(Bytes::copy_from_slice(frames), Whose::Its);
        waiting.write().map(drop)
    }

    /// Waits until there is something to do for the socket's own task: to write what waits, or to end.
    pub(super) async fn nudged(&self) {
        self.nudge.notified().await;
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    /// Whether all was written.
    fn tell(&mut self, frames: &Bytes, whose: Whose) -> bool {
        if let (true, Some(stream)) = (self.frames.is_empty(), &self.stream) {
            match stream.try_write(frames) {
                Ok(written) if written == frames.len() => return true,
                Ok(written) => self.written = written,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(_gone) => {
                    self.end = Some(End::Lost);
                    return false;
                }
            }
        }
        self.push(frames.clone(), whose);
        false
    }

    /// Who lets too much pile up is told nothing more of it, and has missed something.
    fn push(&mut self, frames: Bytes, whose: Whose) {
        let most = if whose == Whose::Its { MOST_ALONE } else { MOST_TOLD };
        let count = self.frames.iter().filter(|(_, other)| *other == whose).count();
        let bytes: usize = self.frames.iter().map(|(frames, _)| frames.len()).sum();
        self.frames.push_back((frames, whose));
        if count >= most || bytes > MOST_BYTES {
            // Half a frame has to be made whole.
            self.frames.truncate(usize::from(self.written > 0));
            self.end.get_or_insert(End::Behind);
        }
    }

    fn write(&mut self) -> io::Result<bool> {
        let Some(stream) = &self.stream else { return Ok(false) };
        let mut has_taken = false;
        while let Some((first, _)) = self.frames.front() {
            match stream.try_write(&first[self.written..]) {
                Ok(written) => {
                    has_taken = true;
                    self.written += written;
                    if self.written == first.len() {
                        self.frames.pop_front();
                        self.written = 0;
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(has_taken),
                Err(error) => return Err(error),
            }
        }
        // Thousands of lines have nothing waiting.
        drop(mem::take(&mut self.frames));
        Ok(has_taken)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use tokio::io::AsyncReadExt as _;
    use tokio::net::TcpListener;
    use tokio::time::timeout;

    use super::*;

    /// However busy the machine is.
    const PATIENCE: Duration = Duration::from_secs(60);

    /// An open line, its socket and the client's end.
    async fn opened() -> (Line, Arc<TcpStream>, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let stream = Arc::new(listener.accept().await.unwrap().0);
        stream.writable().await.unwrap();
        let line = Line::default();
        line.open(Arc::clone(&stream));
        (line, stream, client)
    }

    async fn heard(client: &mut TcpStream, bytes: usize) -> Vec<u8> {
        let mut heard = vec![0; bytes];
        timeout(PATIENCE, client.read_exact(&mut heard)).await.unwrap().unwrap();
        heard
    }

    async fn drained(line: &Line, stream: &TcpStream) {
        while line.has_waiting() {
            stream.writable().await.unwrap();
            line.write().unwrap();
        }
    }

    fn frames(byte: u8, length: usize) -> Bytes {
        vec![byte; length].into()
    }

    #[tokio::test]
    async fn what_is_told_before_the_socket_is_open_comes_first() {
        let line = Line::default();
        line.tell(&frames(1, 10), Whose::Its);
        line.tell(&frames(2, 10), Whose::Everybodys);
        assert!(line.has_waiting());
        let (_, stream, mut client) = opened().await;
        line.open(Arc::clone(&stream));
        line.tell(&frames(3, 10), Whose::Everybodys);
        drained(&line, &stream).await;
        line.tell(&frames(4, 10), Whose::Everybodys);
        assert!(!line.has_waiting(), "it is written at once");
        assert_eq!(heard(&mut client, 40).await, [[1; 10], [2; 10], [3; 10], [4; 10]].concat());
    }

    #[tokio::test]
    async fn who_takes_nothing_is_told_whole_frames_and_that_something_is_missing() {
        let (line, stream, mut client) = opened().await;
        let long = 64 * 1024;
        let mut told = 0;
        while line.has_ended().is_none() {
            line.tell(&frames(u8::try_from(told % 200).unwrap(), long), Whose::Everybodys);
            told += 1;
        }
        assert_eq!(line.has_ended(), Some(End::Behind));
        timeout(PATIENCE, line.nudged()).await.unwrap();
        line.tell(&frames(0, 10), Whose::Its);
        line.add(&[0xff; 4]).unwrap();
        let mut heard = Vec::new();
        let listen = async {
            while !heard.ends_with(&[0xff; 4]) {
                client.read_buf(&mut heard).await.unwrap();
            }
        };
        timeout(PATIENCE, async { tokio::join!(drained(&line, &stream), listen) }).await.unwrap();
        let whole = heard.chunks(long).take_while(|frame| frame.len() == long);
        let expected = (0..told).map(|number| u8::try_from(number % 200).unwrap());
        let count = whole.zip(expected).filter(|(frame, byte)| frame.iter().all(|it| it == byte)).count();
        assert_eq!(heard.len(), count * long + 4, "{count} whole frames, then the end");
        assert!(count < told);
    }

    #[tokio::test]
    async fn what_waits_for_one_alone_has_a_bound_of_its_own() {
        let line = Line::default();
        for _ in 0..MOST_ALONE {
            line.tell(&frames(1, 10), Whose::Its);
        }
        for _ in 0..MOST_TOLD {
            line.tell(&frames(2, 10), Whose::Everybodys);
        }
        assert_eq!(line.has_ended(), None);
        line.tell(&frames(1, 10), Whose::Its);
        assert_eq!((line.has_ended(), line.has_waiting()), (Some(End::Behind), false));
    }

    #[tokio::test]
    async fn a_closed_line_lets_go_of_its_socket() {
        let (line, stream, mut client) = opened().await;
        line.close();
        line.tell(&frames(1, 10), Whose::Everybodys);
        assert!(!line.has_waiting());
        drop(stream);
        assert_eq!(timeout(PATIENCE, client.read(&mut [0; 10])).await.unwrap().unwrap(), 0);
    }
}
