//! From one to all: what everybody is told within a moment is joined into one text, made once, in the bytes that go over
//! every socket.

use std::mem;

use bytes::Bytes;
use nixcast_core::chat::events::Event;
use tungstenite::protocol::frame::Frame;
use tungstenite::protocol::frame::coding::{Data, OpCode};

/// A text is not made longer than this by joining another event to it, bytes. A long moment, as when thousands leave at
/// once, becomes more texts.
const MOST_BYTES: usize = 64 * 1024;

/// Between two events in one text frame, as in Owncast.
const BETWEEN: char = '\n';

/// Events that are told together.
#[derive(Debug, Default)]
pub(super) struct Telling(Vec<String>);

impl Telling {
    pub(super) fn push(&mut self, event: &Event) {
        let json = match serde_json::to_string(event) {
            Ok(json) => json,
            Err(error) => return tracing::error!(%error, "an event of the chat cannot be written"),
        };
        match self.0.last_mut() {
            Some(text) if text.len() + json.len() < MOST_BYTES => {
                text.push(BETWEEN);
                text.push_str(&json);
            }
            _ => self.0.push(json),
        }
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What was pushed as WebSocket frames, one behind the other; afterwards there is nothing.
    pub(super) fn take(&mut self) -> Bytes {
        mem::take(&mut self.0).into_iter().map(framed).collect::<Vec<_>>().concat().into()
    }
}

/// A text as a WebSocket frame.
pub(super) fn framed(text: impl Into<Bytes>) -> Vec<u8> {
    let frame = Frame::message(text, OpCode::Data(Data::Text), true);
    let mut bytes = Vec::with_capacity(frame.len());
    if let Err(error) = frame.format(&mut bytes) {
        tracing::error!(%error, "a text of the chat cannot be framed");
    }
    bytes
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::io::Cursor;

    use nixcast_core::chat::events::EventKind;
    use nixcast_core::chat::ids::MessageId;
    use nixcast_core::chat::stamp::Stamp;
    use tungstenite::protocol::{Message, Role, WebSocket};

    use super::*;

    fn event(ms: i64, body: &str) -> Event {
        let kind = EventKind::ChatAction { body: body.to_owned() };
        Event { id: MessageId::first_of(ms), timestamp: Stamp(ms), kind }
    }

    fn texts(told: Bytes) -> Vec<String> {
        let mut socket = WebSocket::from_raw_socket(Cursor::new(told.to_vec()), Role::Client, None);
        let texts = std::iter::from_fn(|| socket.read().ok());
        texts.map(|message| if let Message::Text(text) = message { text.to_string() } else { panic!() }).collect()
    }

    #[test]
    fn one_text_carries_what_happened_in_a_moment() {
        let mut telling = Telling::default();
        telling.push(&event(1, "a\nb"));
        telling.push(&event(2, "c"));
        let texts = texts(telling.take());
        let events: Vec<Event> = texts[0].split('\n').map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!((events, texts.len()), (vec![event(1, "a\nb"), event(2, "c")], 1));
        assert!(telling.is_empty() && telling.take().is_empty());
    }

    #[test]
    fn a_long_moment_is_more_texts() {
        let mut telling = Telling::default();
        for ms in 0..2_000 {
            telling.push(&event(ms, &"x".repeat(150)));
        }
        let texts = texts(telling.take());
        assert!((6..12).contains(&texts.len()), "{}", texts.len());
        assert!(texts.iter().all(|text| text.len() <= MOST_BYTES));
        let told: Vec<Event> =
            texts.iter().flat_map(|text| text.split('\n')).map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(told, (0..2_000).map(|ms| event(ms, &"x".repeat(150))).collect::<Vec<_>>());
    }
}
