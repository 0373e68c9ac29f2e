//! One chat socket: tells its client what there is to tell, and passes on what the client says.

use std::pin::pin;
use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket};
use nixcast_core::chat::command::{Command, Post};
use nixcast_core::chat::effect::CloseReason;
use nixcast_core::chat::ids::ConnectionId;
use nixcast_core::chat::incoming::Incoming;
use tokio::sync::broadcast::error::{RecvError, TryRecvError};
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::Chat;
use super::host::{Aside, Seat};

/// Bytes of the buffers of one socket: what clients say is short, and thousands of them say nothing.
pub(super) const READ_BUFFER: usize = 512;

/// Longest message that is read at all, bytes.
pub(super) const MOST_BYTES: usize = 32 * 1024;

/// Longest message that is borne, as in Owncast, or twice what may be said, whichever is more: a text grows when it is
/// written as JSON.
const LEAST_LIMIT: usize = 4096;

/// Between two pings, and how long the answer may take, as in Owncast.
const PING: Duration = Duration::from_secs(54);
const PONG: Duration = Duration::from_secs(60);

/// Time for a client to take a message.
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
struct End(u16, &'static str);

/// The client is gone or cannot be reached: there is nobody to be told why.
#[derive(Clone, Copy, Debug)]
struct Lost;

type Step = Result<Option<End>, Lost>;

/// Lasts as long as the socket.
pub(super) async fn talk(chat: Chat, mut socket: WebSocket, seat: Seat) {
    if let Ok(End(code, reason)) = converse(&chat, &mut socket, seat).await {
        close(&mut socket, code, reason).await;
    }
}

/// Says one thing and closes.
pub(super) async fn turn_away(mut socket: WebSocket, text: &'static str) {
    if write(&mut socket, Message::Text(Utf8Bytes::from_static(text))).await.is_ok() {
        close(&mut socket, POLICY, "").await;
    }
}

/// Closes without a word.
pub(super) async fn leave(socket: &mut WebSocket) {
    close(socket, POLICY, "").await;
}

async fn close(socket: &mut WebSocket, code: u16, reason: &'static str) {
    let frame = CloseFrame { code, reason: Utf8Bytes::from_static(reason) };
    // A client that does not take it is cut off all the same.
    let _is_told = write(socket, Message::Close(Some(frame))).await;
}

async fn write(socket: &mut WebSocket, message: Message) -> Result<(), Lost> {
    match timeout(WRITE_DEADLINE, socket.send(message)).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) | Err(_) => Err(Lost),
    }
}

async fn converse(chat: &Chat, socket: &mut WebSocket, seat: Seat) -> Result<End, Lost> {
    let Seat { presence, first, mut all, mut aside } = seat;
    for text in first {
        write(socket, Message::Text(text)).await?;
    }
    let mut pulse = Pulse::new(Instant::now());
    let mut pace = Pace::new(Instant::now());
    // One for all waits, set anew only when they change: thousands of sockets share the runtime's clock.
    let mut alarm = pin!(sleep_until(pulse.next()));
    loop {
        let paused_until = pace.paused_until(Instant::now());
        let next = paused_until.map_or(pulse.next(), |until| until.min(pulse.next()));
        if alarm.deadline() != next {
            alarm.as_mut().reset(next);
        }
        // All arms may be dropped: they take whole messages or only wait.
        let step = tokio::select! {
            biased;
            text = all.recv() => match text {
                Ok(text) => write(socket, Message::Text(text)).await.map(|()| None),
                Err(RecvError::Lagged(_)) => Ok(Some(End(RESYNC, "resync"))),
                Err(RecvError::Closed) => Ok(Some(End(GOING_AWAY, ""))),
            },
            said = aside.recv() => {
                // Everybody was told other things before.
                loop {
                    match all.try_recv() {
                        Ok(text) => write(socket, Message::Text(text)).await?,
                        Err(TryRecvError::Lagged(_)) => return Ok(End(RESYNC, "resync")),
                        Err(TryRecvError::Empty | TryRecvError::Closed) => break,
                    }
                }
                take_aside(socket, said).await
            }
            message = socket.recv(), if paused_until.is_none() => {
                let now = Instant::now();
                pulse.heard();
                match message {
                    Some(Ok(message)) => {
                        pace.read(now);
                        hear(chat, presence.connection, message).await
                    }
                    Some(Err(_)) | None => Err(Lost),
                }
            }
            () = &mut alarm => pulse.beat(socket).await,
        };
        if let Some(end) = step? {
            return Ok(end);
        }
    }
}

async fn take_aside(socket: &mut WebSocket, said: Option<Box<Aside>>) -> Step {
    match said.map(|said| *said) {
        Some(Aside::Text(text)) => write(socket, Message::Text(text)).await.map(|()| None),
        Some(Aside::Close(reason, after)) => {
            sleep(after).await;
            Ok(Some(End(POLICY, told(reason))))
        }
        None => Ok(Some(End(RESYNC, "resync"))),
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

async fn hear(chat: &Chat, connection: ConnectionId, message: Message) -> Step {
    let text = match message {
        Message::Text(text) => text,
        Message::Close(_) => return Err(Lost),
        Message::Binary(_) | Message::Ping(_) | Message::Pong(_) => return Ok(None),
    };
    let rules = chat.rules();
    let may_say = usize::try_from(rules.max_message_bytes).unwrap_or(usize::MAX);
    if text.len() > LEAST_LIMIT.max(may_say.saturating_mul(2)) {
        return Ok(Some(End(TOO_BIG, "message too long")));
    }
    let command = match Incoming::parse(&text) {
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
    if chat.order(command).await { Ok(None) } else { Ok(Some(End(RESYNC, "busy"))) }
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

    /// Does what is due, which may be nothing.
    async fn beat(&mut self, socket: &mut WebSocket) -> Step {
        let now = Instant::now();
        if now < self.next() {
            return Ok(None);
        }
        if self.end_at.is_some_and(|end_at| end_at <= now) {
            return Err(Lost);
        }
        self.end_at.get_or_insert(now + PONG);
        self.ping_at = now + PING;
        write(socket, Message::Ping(bytes::Bytes::new())).await.map(|()| None)
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
