//! What is remembered: what the engine writes down, in the order given, and what a room starts from.

use serde::{Deserialize, Serialize};

use super::bans::NetworkBan;
use super::ids::{MessageId, UserId};
use super::stream::Stream;
use super::users::User;

/// A message, as stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Message {
    pub id: MessageId,
    pub at_ms: i64,
    /// HTML.
    pub body: String,
    pub content: Content,
    pub hidden: Option<Hidden>,
    /// The event that last hid it or showed it again: who resumes from before is told.
    pub revised: Option<MessageId>,
}

impl Message {
    /// Who wrote it, if it is a viewer's or a bot's.
    #[must_use]
    pub const fn author(&self) -> Option<&UserId> {
        match &self.content {
            Content::Chat { user, .. } => Some(user),
            Content::System { .. } | Content::Action => None,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Content {
    Chat {
        user: UserId,
        /// As typed.
        raw: String,
        nonce: Option<String>,
        reply_to: Option<MessageId>,
    },
    /// From the host, under the stream's name of that time.
    System {
        author: String,
    },
    Action,
}

/// Since when and why a message is hidden.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Hidden {
    pub at_ms: i64,
    pub because: HiddenBecause,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum HiddenBecause {
    /// A moderator hid it.
    Message,
    /// Its author was banned; it comes back with the author.
    Ban,
}

/// A question with its votes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StoredQuestion {
    pub message: Message,
    pub answered_ms: Option<i64>,
    pub voters: Vec<UserId>,
}

/// A nonce that was taken, with its message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TakenNonce {
    pub at_ms: i64,
    pub user: UserId,
    pub nonce: String,
    pub message: MessageId,
}

/// What a room starts from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Snapshot {
    /// Moderators, bots, the banned, and the authors of what follows.
    pub users: Vec<User>,
    /// The newest [`super::bounds::MAX_HISTORY`], in any order, hidden ones too.
    pub messages: Vec<Message>,
    /// Those that the store knows, whose message is in no `messages` perhaps.
    pub questions: Vec<StoredQuestion>,
    /// Of the last [`super::room::NONCE_MS`].
    pub nonces: Vec<TakenNonce>,
    pub bans: Vec<NetworkBan>,
    /// The greatest id ever given; what comes is above it.
    pub last_id: Option<MessageId>,
    /// The greatest id of a message that is stored and not in `messages`, or was deleted.
    pub dropped: Option<MessageId>,
    pub stream: Stream,
}

/// One change to what is stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "record", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Record {
    /// New or changed.
    User {
        user: User,
    },
    DeleteUser {
        user: UserId,
    },
    /// Every token that the user was given until now opens nothing any more.
    EndLogins {
        user: UserId,
    },
    Message {
        message: Message,
    },
    /// May name messages that the room has dropped, and ids that never were. `hidden` is none when they are shown again.
    Visibility {
        ids: Vec<MessageId>,
        hidden: Option<Hidden>,
        revised: MessageId,
    },
    /// All that the user wrote, in the room's memory or not. A message that a moderator hid stays as it is.
    HideAllOf {
        user: UserId,
        hidden: Hidden,
    },
    /// All that was hidden because its author was banned.
    ShowAllOf {
        user: UserId,
    },
    /// A message became a question, or is none any more, and its votes are void.
    Question {
        message: MessageId,
        is_question: bool,
    },
    /// `given` or taken back.
    Vote {
        question: MessageId,
        user: UserId,
        given: bool,
    },
    Answered {
        question: MessageId,
        at_ms: Option<i64>,
    },
    Ban {
        ban: NetworkBan,
    },
    Unban {
        network: String,
    },
    Stream {
        stream: Stream,
    },
    /// Messages below this id may be deleted, except those that are questions.
    Prune {
        before: MessageId,
    },
}
