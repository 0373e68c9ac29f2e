//! From one to all: what everybody is told within a moment is joined into one text, made once and handed to every socket.
//!
//! A socket that does not keep up is not waited for: the ring goes round and it learns that it has missed something.

use axum::extract::ws::Utf8Bytes;
use nixcast_core::chat::events::Event;
use tokio::sync::broadcast;

/// Texts in the ring: with twenty a second, a client may be twelve seconds behind and more.
const TEXTS: usize = 256;

/// A text is not made longer than this by joining another event to it, bytes. Each socket keeps a buffer of the longest
/// text that it was told, so 5,000 clients would keep a hundred megabytes of a lively moment with texts of 20 kB. Nine
/// messages fit, which is what is said in a telling when it is lively.
const SHORT: usize = 4 * 1024;

/// When that is not enough, as when thousands leave at once, texts become long, so that the ring does not go round.
const MOST_SHORT: usize = 8;
const LONG: usize = 64 * 1024;

/// Between two events in one text frame, as in Owncast.
const BETWEEN: char = '\n';

#[derive(Debug)]
pub(super) struct Ring {
    sender: broadcast::Sender<Utf8Bytes>,
    texts: Vec<String>,
}

pub(super) type Follower = broadcast::Receiver<Utf8Bytes>;

impl Default for Ring {
    fn default() -> Self {
        Self { sender: broadcast::Sender::new(TEXTS), texts: Vec::new() }
    }
}

impl Ring {
    pub(super) fn push(&mut self, event: &Event) {
        join(&mut self.texts, event);
    }

    pub(super) fn has_news(&self) -> bool {
        !self.texts.is_empty()
    }

    /// Hands out what was pushed.
    pub(super) fn turn(&mut self) {
        for text in self.texts.drain(..) {
            // With nobody in the room nobody is told.
            let _followers = self.sender.send(text.into());
        }
    }

    /// Follows from now on: what waits to be handed out is still to come.
    pub(super) fn follow(&self) -> Follower {
        self.sender.subscribe()
    }
}

/// Adds an event to the last of `texts`, or begins another one.
pub(super) fn join(texts: &mut Vec<String>, event: &Event) {
    let json = match serde_json::to_string(event) {
        Ok(json) => json,
        Err(error) => return tracing::error!(%error, "an event of the chat cannot be written"),
    };
    let most = if texts.len() <= MOST_SHORT { SHORT } else { LONG };
    match texts.last_mut() {
        Some(text) if text.len() + json.len() < most => {
            text.push(BETWEEN);
            text.push_str(&json);
        }
        _ => texts.push(json),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use nixcast_core::chat::events::EventKind;
    use nixcast_core::chat::ids::MessageId;
    use nixcast_core::chat::stamp::Stamp;
    use tokio::sync::broadcast::error::TryRecvError;

    use super::*;

    fn event(ms: i64, body: &str) -> Event {
        let kind = EventKind::ChatAction { body: body.to_owned() };
        Event { id: MessageId::first_of(ms), timestamp: Stamp(ms), kind }
    }

    #[test]
    fn one_text_carries_what_happened_in_a_moment() {
        let mut ring = Ring::default();
        let mut follower = ring.follow();
        ring.push(&event(1, "a\nb"));
        ring.push(&event(2, "c"));
        assert_eq!(follower.try_recv(), Err(TryRecvError::Empty));
        ring.turn();
        let text = follower.try_recv().unwrap();
        let bodies: Vec<Event> = text.split('\n').map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(bodies, [event(1, "a\nb"), event(2, "c")]);
        assert!(!ring.has_news() && follower.is_empty());
    }

    #[test]
    fn thousands_who_leave_at_once_do_not_send_those_away_who_stay() {
        let mut ring = Ring::default();
        let follower = ring.follow();
        for ms in 0..20_000 {
            ring.push(&event(ms, &"x".repeat(150)));
        }
        ring.turn();
        assert!((8..TEXTS / 2).contains(&follower.len()), "{}", follower.len());
    }

    #[test]
    fn texts_stay_short_and_who_is_far_behind_is_told() {
        let mut ring = Ring::default();
        let mut follower = ring.follow();
        for ms in 0..10 {
            ring.push(&event(ms, &"x".repeat(1_900)));
        }
        ring.turn();
        assert_eq!(follower.len(), 5);
        for ms in 0..328 {
            ring.push(&event(ms, "x"));
            ring.turn();
        }
        assert!(matches!(follower.try_recv(), Err(TryRecvError::Lagged(77))));
    }
}
