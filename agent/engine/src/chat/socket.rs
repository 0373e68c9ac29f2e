//! One chat socket: tells its client what there is to tell, and passes on what the client says.

use std::io::{self, ErrorKind, Read, Write};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use nixcast_core::chat::command::{Command, Post};
use nixcast_core::chat::effect::CloseReason;
use nixcast_core::chat::ids::ConnectionId;
use nixcast_core::chat::incoming::Incoming;
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tungstenite::{Bytes, Error, Message, Utf8Bytes, WebSocket};

use super::Chat;
use super::host::Presence;
use super::line::{End, Line, Whose};
use super::telling::framed;

/// Bytes of the buffer of one socket: what clients say is short, and thousands of them say nothing.
const READ_BUFFER: usize = 512;

/// Longest message that is read at all, bytes.
const MOST_BYTES: usize = 32 * 1024;

/// Longest message that is borne, as in Owncast, or twice what may be said, whichever is more: a text grows when it is
/// written as JSON.
const LEAST_LIMIT: usize = 4096;

/// Between two pings, and how long the answer may take, as in Owncast.
const PING: Duration = Duration::from_secs(54);
const PONG: Duration = Duration::from_secs(60);

/// Time for a client to take anything of what waits for it.
const WRITE_DEADLINE: Duration = Duration::from_secs(10);

/// Messages read at once, and the time until another may be read. More wait in the client's own buffers.
const MOST_AT_ONCE: u32 = 20;
const ANOTHER: Duration = Duration::from_millis(200);

/// Told to a client that missed something: it comes back and says up to where it has heard.
const RESYNC: u16 = 4000;
const GOING_AWAY: u16 = 1001;
const POLICY: u16 = 1008;
const TOO_BIG: u16 = 1009;

/// Why a conversation ends: the code of the close frame, and a reason for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Farewell(u16, &'static str);

/// The client is gone or cannot be reached: there is nobody to be told why.
#[derive(Clone, Copy, Debug)]
struct Lost;

type Step = Result<Option<Farewell>, Lost>;

impl From<io::Error> for Lost {
    fn from(_gone: io::Error) -> Self {
        Self
    }
}

/// The bytes of a client, as the WebSocket protocol reads and writes them: never waiting.
#[derive(Debug)]
struct Wire {
    stream: Arc<TcpStream>,
    line: Arc<Line>,
}

impl Read for Wire {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.stream.try_read(buffer)
    }
}

impl Write for Wire {
    /// Takes whole frames, which wait behind what was told.
    fn write(&mut self, frames: &[u8]) -> io::Result<usize> {
        self.line.add(frames).map(|()| frames.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A client's socket. Closed when it is dropped.
#[derive(Debug)]
pub(super) struct Socket {
    protocol: WebSocket<Wire>,
    stream: Arc<TcpStream>,
    line: Arc<Line>,
}

impl Drop for Socket {
    fn drop(&mut self) {
        self.line.close();
    }
}

impl Socket {
    /// A connection that was upgraded, of which `read` was read before.
    pub(super) fn new(stream: TcpStream, read: &[u8], line: Arc<Line>) -> Self {
        let stream = Arc::new(stream);
        line.open(Arc::clone(&stream));
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER)
            .write_buffer_size(0)
            .max_message_size(Some(MOST_BYTES))
            .max_frame_size(Some(MOST_BYTES));
        let wire = Wire { stream: Arc::clone(&stream), line: Arc::clone(&line) };
        let protocol = WebSocket::from_partially_read(wire, read.to_vec(), Role::Server, Some(config));
        Self { protocol, stream, line }
    }

    /// Lasts as long as the socket.
    pub(super) async fn talk(mut self, chat: Chat, presence: Presence) {
        if let Ok(farewell) = self.converse(&chat, presence).await {
            self.close(farewell).await;
        }
    }

    /// Says one thing and closes.
    pub(super) async fn turn_away(self, text: &'static str) {
        self.line.tell(&framed(text).into(), Whose::Its);
        self.leave().await;
    }

    /// Closes without a word.
    pub(super) async fn leave(mut self) {
        self.close(Farewell(POLICY, "")).await;
    }

    /// A client that does not take it is cut off all the same.
    async fn close(&mut self, Farewell(code, reason): Farewell) {
        // Nothing is told after a close frame.
        self.line.end(End::Over);
        let frame = CloseFrame { code: code.into(), reason: Utf8Bytes::from_static(reason) };
        let _is_open = self.protocol.close(Some(frame));
        let _is_told = self.drain().await;
    }

    /// Waits until everything is written.
    async fn drain(&self) -> Result<(), Lost> {
        let all = async {
            while self.line.has_waiting() {
                self.stream.writable().await?;
                self.line.write()?;
            }
            Ok(())
        };
        timeout(WRITE_DEADLINE, all).await.map_err(|_late| Lost)?
    }

    async fn converse(&mut self, chat: &Chat, presence: Presence) -> Result<Farewell, Lost> {
        let (line, stream) = (Arc::clone(&self.line), Arc::clone(&self.stream));
        let mut pulse = Pulse::new(Instant::now());
        let mut pace = Pace::new(Instant::now());
        // What came with the request is there already.
        let mut may_have_come = true;
        let mut taken_until = None;
        // One for all waits, set anew only when they change: thousands of sockets share the runtime's clock.
        let mut alarm = pin!(sleep_until(pulse.next()));
        loop {
            if let Some(end) = line.has_ended() {
                return self.farewell(end).await;
            }
            let now = Instant::now();
            let paused_until = pace.paused_until(now);
            if may_have_come && paused_until.is_none() {
                match self.protocol.read() {
                    Ok(message) => {
                        pulse.heard();
                        pace.read(now);
                        if let Some(farewell) = self.hear(chat, presence.connection, message).await? {
                            return Ok(farewell);
                        }
                        continue;
                    }
                    Err(Error::Io(error)) if error.kind() == ErrorKind::WouldBlock => may_have_come = false,
                    Err(_) => return Err(Lost),
                }
            }
            let has_waiting = line.has_waiting();
            taken_until = has_waiting.then(|| taken_until.unwrap_or(now + WRITE_DEADLINE));
            let next = [paused_until, taken_until].into_iter().flatten().fold(pulse.next(), Instant::min);
            if alarm.deadline() != next {
                alarm.as_mut().reset(next);
            }
            // All arms may be dropped: they only wait.
            tokio::select! {
                () = line.nudged() => {}
                readable = stream.readable(), if !may_have_come => {
                    readable?;
                    may_have_come = true;
                }
                writable = stream.writable(), if has_waiting => {
                    writable?;
                    if line.write()? {
                        taken_until = None;
                    }
                }
                () = &mut alarm => {
                    let now = Instant::now();
                    if taken_until.is_some_and(|until| until <= now) {
                        return Err(Lost);
                    }
                    self.beat(&mut pulse, now)?;
                }
            }
        }
    }

    async fn farewell(&self, end: End) -> Result<Farewell, Lost> {
        match end {
            End::Behind => Ok(Farewell(RESYNC, "resync")),
            End::Over => Ok(Farewell(GOING_AWAY, "")),
            End::Closed(reason, after) => {
                self.drain().await?;
                sleep(after).await;
                Ok(Farewell(POLICY, told(reason)))
            }
            End::Lost => Err(Lost),
        }
    }

    /// Does what is due, which may be nothing.
    fn beat(&mut self, pulse: &mut Pulse, now: Instant) -> Result<(), Lost> {
        if pulse.is_over(now) {
            return Err(Lost);
        }
        if pulse.beat(now) {
            self.protocol.send(Message::Ping(Bytes::new())).map_err(|_gone| Lost)?;
        }
        Ok(())
    }

    async fn hear(&mut self, chat: &Chat, connection: ConnectionId, message: Message) -> Step {
        match message {
            Message::Text(text) => hear(chat, connection, &text).await,
            Message::Close(_) => {
                // It is told that this was heard, and nothing after that.
                self.line.end(End::Over);
                let _is_open = self.protocol.flush();
                self.drain().await?;
                Err(Lost)
            }
            Message::Binary(_) | Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => Ok(None),
        }
    }
}

const fn told(reason: CloseReason) -> &'static str {
    match reason {
        CloseReason::UserDisabled => "banned",
        CloseReason::NetworkBanned => "network banned",
        CloseReason::ChatOff => "chat off",
        CloseReason::LoginEnded => "login ended",
    }
}

async fn hear(chat: &Chat, connection: ConnectionId, text: &str) -> Step {
    let rules = chat.rules();
    let may_say = usize::try_from(rules.max_message_bytes).unwrap_or(usize::MAX);
    if text.len() > LEAST_LIMIT.max(may_say.saturating_mul(2)) {
        return Ok(Some(Farewell(TOO_BIG, "message too long")));
    }
    let command = match Incoming::parse(text) {
        Some(Incoming::Chat { body: raw, nonce, reply_to, question }) => {
            // One that is too long is refused by the room, so nothing is made of it.
            let body = if raw.len() > may_say { "<p></p>".to_owned() } else { chat.render(&raw) };
            Command::Say { connection, post: Post { raw, body, nonce, reply_to, is_question: question } }
        }
        Some(Incoming::NameChange { new_name }) => Command::Rename { connection, name: new_name },
        Some(Incoming::ColorChange { new_color }) => Command::Recolour { connection, colour: new_color },
        Some(Incoming::Upvote { id, withdraw }) => Command::Vote { connection, question: id, given: !withdraw },
        Some(Incoming::Pong | Incoming::Other) | None => return Ok(None),
    };
    // What becomes of it the client is told over the socket.
    if chat.order(command).await { Ok(None) } else { Ok(Some(Farewell(RESYNC, "busy"))) }
}

/// Whether the client is alive.
#[derive(Clone, Copy, Debug)]
struct Pulse {
    ping_at: Instant,
    /// When it must have been heard of.
    end_at: Option<Instant>,
}

impl Pulse {
    fn new(now: Instant) -> Self {
        Self { ping_at: now + PING, end_at: None }
    }

    const fn heard(&mut self) {
        self.end_at = None;
    }

    fn next(&self) -> Instant {
        self.end_at.map_or(self.ping_at, |end_at| end_at.min(self.ping_at))
    }

    /// Whether the client has not answered in time.
    fn is_over(&self, now: Instant) -> bool {
        self.end_at.is_some_and(|end_at| end_at <= now)
    }

    /// Whether the client is to be asked now.
    fn beat(&mut self, now: Instant) -> bool {
        let is_due = self.ping_at <= now;
        if is_due {
            self.end_at.get_or_insert(now + PONG);
            self.ping_at = now + PING;
        }
        is_due
    }
}

/// How fast a client is listened to.
#[derive(Clone, Copy, Debug)]
struct Pace {
    left: u32,
    since: Instant,
}

impl Pace {
    const fn new(now: Instant) -> Self {
        Self { left: MOST_AT_ONCE, since: now }
    }

    fn read(&mut self, now: Instant) {
        self.refill(now);
        if self.left == MOST_AT_ONCE {
            self.since = now;
        }
        self.left = self.left.saturating_sub(1);
    }

    /// Until when nothing is read.
    fn paused_until(&mut self, now: Instant) -> Option<Instant> {
        self.refill(now);
        (self.left == 0).then(|| self.since + ANOTHER)
    }

    fn refill(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(self.since).as_millis() / ANOTHER.as_millis();
        let earned = u32::try_from(passed).unwrap_or(u32::MAX);
        if earned > 0 {
            self.left = self.left.saturating_add(earned).min(MOST_AT_ONCE);
            self.since = now;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_says_too_much_at_once_is_listened_to_more_slowly() {
        let begin = Instant::now();
        let later = begin + ANOTHER;
        let mut pace = Pace::new(begin);
        for _ in 0..MOST_AT_ONCE {
            assert_eq!(pace.paused_until(begin), None);
            pace.read(begin);
        }
        assert_eq!(pace.paused_until(begin), Some(later));
        assert_eq!(pace.paused_until(later), None);
        pace.read(later);
        assert_eq!(pace.paused_until(later), Some(later + ANOTHER));
        let much_later = begin + ANOTHER * 100;
        for _ in 0..MOST_AT_ONCE {
            assert_eq!(pace.paused_until(much_later), None);
            pace.read(much_later);
        }
        assert!(pace.paused_until(much_later).is_some());
    }

    #[test]
    fn a_silent_client_is_given_up_a_minute_after_a_ping() {
        let begin = Instant::now();
        let mut pulse = Pulse::new(begin);
        assert_eq!(pulse.next(), begin + PING);
        pulse.end_at = Some(begin + PING + PONG);
        pulse.ping_at = begin + PING * 2;
        assert_eq!(pulse.next(), begin + PING * 2);
        pulse.ping_at = begin + PING * 3;
        assert_eq!(pulse.next(), begin + PING + PONG);
        pulse.heard();
        assert_eq!(pulse.next(), begin + PING * 3);
    }
}
