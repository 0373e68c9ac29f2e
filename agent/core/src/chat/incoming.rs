//! What chat clients send.

use serde::Deserialize;

use super::ids::MessageId;

/// One text frame. Whatever else a client sends is [`Incoming::Other`] and passed over, as Owncast does.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(tag = "type", rename_all = "SCREAMING_SNAKE_CASE", rename_all_fields = "camelCase")]
pub enum Incoming {
    Chat {
        body: String,
        /// Ours: at most [`super::bounds::MAX_NONCE_CHARS`] characters, the client's own choice.
        #[serde(default)]
        nonce: Option<String>,
        /// Ours.
        #[serde(default)]
        reply_to: Option<MessageId>,
        /// Ours.
        #[serde(default)]
        question: bool,
    },
    NameChange {
        new_name: String,
    },
    ColorChange {
        new_color: i64,
    },
    /// Ours. `withdraw`: takes the vote back.
    Upvote {
        id: MessageId,
        #[serde(default)]
        withdraw: bool,
    },
    Pong,
    #[serde(other)]
    Other,
}

impl Incoming {
    /// None if it is no such object at all.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn owncasts_commands_and_ours_are_read() {
        let id = MessageId::first_of(1);
        let chat = |body: &str| Incoming::Chat { body: body.to_owned(), nonce: None, reply_to: None, question: false };
        for (text, incoming) in [
            (r#"{"type":"CHAT","body":"hi"}"#.to_owned(), Some(chat("hi"))),
            (r#"{"body":"hi","type":"CHAT","id":"x","nonce":null}"#.to_owned(), Some(chat("hi"))),
            (
                format!(r#"{{"type":"CHAT","body":"hi","nonce":"n","replyTo":"{id}","question":true}}"#),
                Some(Incoming::Chat {
                    body: "hi".to_owned(),
                    nonce: Some("n".to_owned()),
                    reply_to: Some(id),
                    question: true,
                }),
            ),
            (
                r#"{"type":"NAME_CHANGE","newName":"Anna"}"#.to_owned(),
                Some(Incoming::NameChange { new_name: "Anna".to_owned() }),
            ),
            (r#"{"type":"COLOR_CHANGE","newColor":3}"#.to_owned(), Some(Incoming::ColorChange { new_color: 3 })),
            (format!(r#"{{"type":"UPVOTE","id":"{id}"}}"#), Some(Incoming::Upvote { id, withdraw: false })),
            (r#"{"type":"PONG"}"#.to_owned(), Some(Incoming::Pong)),
            (r#"{"type":"SOMETHING_NEW","x":1}"#.to_owned(), Some(Incoming::Other)),
            (r#"{"type":"CHAT"}"#.to_owned(), None),
            ("[]".to_owned(), None),
            ("nonsense".to_owned(), None),
        ] {
            assert_eq!(Incoming::parse(&text), incoming, "{text}");
        }
    }
}
