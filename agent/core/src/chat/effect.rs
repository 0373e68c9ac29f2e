//! What the room wants done.

use super::audit::AuditEntry;
use super::events::Event;
use super::ids::{ConnectionId, MessageId};
use super::records::Record;
use super::refusal::Refusal;
use super::users::User;
use super::webhooks::WebhookEvent;

/// Carried out in the order given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// To every connection that has joined and was not asked to close.
    Broadcast(Event),
    Send {
        connection: ConnectionId,
        event: Event,
    },
    /// The connection is no longer in the room and gets nothing more. The socket is closed after this time, so that what
    /// was sent arrives.
    Close {
        connection: ConnectionId,
        reason: CloseReason,
        after_ms: u32,
    },
    Store(Record),
    Audit(AuditEntry),
    Webhook(WebhookEvent),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CloseReason {
    /// The user is banned or deleted.
    UserDisabled,
    NetworkBanned,
    ChatOff,
    /// The moderator's secret is another than the one that this login was made with.
    LoginEnded,
}

/// What became of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    pub effects: Vec<Effect>,
    pub result: Result<Done, Refusal>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Done {
    Done,
    /// The user, new or known.
    Registered(Box<User>),
    /// Sent now, or taken before under the same nonce.
    Sent(MessageId),
}
