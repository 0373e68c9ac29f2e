//! What can be asked of the room.

use std::net::IpAddr;

use super::audit::By;
use super::ids::{ConnectionId, MessageId, UserId};
use super::rules::ChatRules;
use super::users::{DeclaredModerators, SecretId, User};

/// A message on its way in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Post {
    /// As typed.
    pub raw: String,
    /// The same as HTML that is safe to show.
    pub body: String,
    pub nonce: Option<String>,
    pub reply_to: Option<MessageId>,
    pub is_question: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// A new chatter under a fresh id. A name that cannot be taken is replaced by a suggested one.
    Register {
        id: UserId,
        name: Option<String>,
        address: IpAddr,
    },
    /// Whoever showed this secret of a declared moderator. Gives the same user each time.
    RegisterModerator {
        id: UserId,
        name: String,
        secret: SecretId,
    },
    /// Whoever showed an access token. Gives the same user each time.
    RegisterBot {
        id: UserId,
        token: String,
        scopes: Vec<String>,
    },
    /// A user from the store, for what comes next. One who is known already stays as known.
    Know {
        user: User,
    },
    /// A socket has opened. `since`: the id of the last message that the client has.
    Join {
        connection: ConnectionId,
        user: UserId,
        address: IpAddr,
        since: Option<MessageId>,
    },
    /// A socket has opened that only reads along: nobody is told of it, and nothing is taken from it.
    Observe {
        connection: ConnectionId,
        address: IpAddr,
        since: Option<MessageId>,
    },
    /// A socket has closed. Also one that the room asked to close.
    Leave {
        connection: ConnectionId,
    },
    Say {
        connection: ConnectionId,
        post: Post,
    },
    /// A bot's message, which keeps to length alone.
    SayAs {
        user: UserId,
        post: Post,
    },
    Rename {
        connection: ConnectionId,
        name: String,
    },
    Recolour {
        connection: ConnectionId,
        colour: i64,
    },
    /// `given` or taken back.
    Vote {
        connection: ConnectionId,
        question: MessageId,
        given: bool,
    },
    /// Marks a message as a question, or withdraws it: its author may, and moderators.
    SetQuestion {
        by: By,
        message: MessageId,
        is_question: bool,
    },
    Answer {
        by: By,
        question: MessageId,
        is_answered: bool,
    },
    SetVisibility {
        by: By,
        ids: Vec<MessageId>,
        visible: bool,
    },
    /// 0 seconds: ends a time-out.
    TimeOut {
        by: By,
        user: UserId,
        seconds: u32,
    },
    /// Also hides what the user wrote.
    Ban {
        by: By,
        user: UserId,
    },
    /// Also shows again what the ban hid.
    Unban {
        by: By,
        user: UserId,
    },
    /// An address or a network. A moderator cannot ban their own.
    BanNetwork {
        by: By,
        network: String,
        /// Whence the moderator asks; their sockets are known already.
        from: Option<IpAddr>,
        /// None: for good.
        seconds: Option<u32>,
        note: String,
    },
    UnbanNetwork {
        by: By,
        network: String,
    },
    /// Hides all that the user wrote.
    RemoveAllOf {
        by: By,
        user: UserId,
    },
    Promote {
        by: By,
        user: UserId,
    },
    Demote {
        by: By,
        user: UserId,
    },
    /// Deletes the user and what they wrote.
    Delete {
        by: By,
        user: UserId,
    },
    /// From the host, under the stream's name; to one connection or to all.
    System {
        author: String,
        body: String,
        to: Option<ConnectionId>,
    },
    Action {
        body: String,
    },
    SetRules {
        rules: ChatRules,
    },
    /// What a newcomer is told first, under the name of the server. Empty: nothing.
    SetWelcome {
        author: String,
        body: String,
    },
    /// The declared moderators. Logins made with another secret than the one of now end.
    SetModerators {
        declared: DeclaredModerators,
    },
    StreamStarted,
    StreamEnded,
    /// Time goes on: several times a second.
    Tick,
}

impl Command {
    /// Who is told if it is refused.
    pub(super) const fn connection(&self) -> Option<ConnectionId> {
        match self {
            Self::Say { connection, .. }
            | Self::Rename { connection, .. }
            | Self::Recolour { connection, .. }
            | Self::Vote { connection, .. } => Some(*connection),
            _ => None,
        }
    }
}
