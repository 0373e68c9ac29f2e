//! Programs: those that are told what happens, and those that take part.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A web address that is told what happens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Webhook {
    /// Name by which status and logs speak of this webhook: 1 to 64 letters, digits, ".", "_" or "-".
    #[schemars(length(min = 1, max = 64), extend("x-effect" = "live", "format" = "name"))]
    pub name: String,
    /// Whether the address is told anything.
    #[schemars(extend("x-effect" = "live"))]
    pub enable: bool,
    /// Where events are sent by POST, http or https. The address is no secret: everyone on the machine can read it.
    #[schemars(extend("x-effect" = "live", "format" = "web-url"))]
    pub url: String,
    /// Which events are sent: "STREAM_STARTED" when a broadcast went on air, "STREAM_STOPPED" when it ended,
    /// "STREAM_TITLE_UPDATED" when its title changed; of the chat "CHAT" for each message, "NAME_CHANGE", "USER_JOINED",
    /// "USER_PARTED", and "VISIBILITY-UPDATE" when messages were hidden or shown again.
    #[schemars(length(max = 16), extend("x-effect" = "live"))]
    pub events: Vec<WebhookEvent>,
    /// Absolute path, outside the Nix store, of the file that holds the secret with which each message is signed
    /// (HMAC-SHA-256); null: messages are not signed.
    #[schemars(extend("x-effect" = "live", "format" = "secret-path"))]
    pub secret_file: Option<String>,
}

/// What a webhook can be told; the names are Owncast's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[schemars(inline)]
pub enum WebhookEvent {
    StreamStarted,
    StreamStopped,
    StreamTitleUpdated,
    Chat,
    NameChange,
    UserJoined,
    UserParted,
    #[serde(rename = "VISIBILITY-UPDATE")]
    VisibilityUpdate,
}

/// Programs that take part.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Integrations {
    /// What programs show to be let in, ordered by name. At most 32.
    #[schemars(length(max = 32))]
    pub access_tokens: Vec<AccessToken>,
}

/// What one program shows to be let in: a bot, an overlay, a timer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AccessToken {
    /// Name by which status and logs speak of this token, and under which its program talks in the chat: 1 to 30 letters,
    /// digits, ".", "_" or "-".
    #[schemars(length(min = 1, max = 30), extend("x-effect" = "live", "format" = "name"))]
    pub name: String,
    /// Absolute path, outside the Nix store, of the file that holds the token. One trailing newline is ignored.
    #[schemars(extend("x-effect" = "live", "format" = "secret-path"))]
    pub token_file: String,
    /// What the program may do, each once and at least one: "CAN_SEND_MESSAGES" talk under its own name,
    /// "CAN_SEND_SYSTEM_MESSAGES" talk in the name of the server, "HAS_ADMIN_ACCESS" read what the operator is told, hide
    /// messages and name the stream.
    #[schemars(length(max = 3), extend("x-effect" = "live"))]
    pub scopes: Vec<Scope>,
}

/// What a program may do; the names are Owncast's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[schemars(inline)]
pub enum Scope {
    CanSendMessages,
    CanSendSystemMessages,
    HasAdminAccess,
}

impl WebhookEvent {
    pub const ALL: [Self; 8] = [
        Self::StreamStarted,
        Self::StreamStopped,
        Self::StreamTitleUpdated,
        Self::Chat,
        Self::NameChange,
        Self::UserJoined,
        Self::UserParted,
        Self::VisibilityUpdate,
    ];

    /// As the settings and Owncast name it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::StreamStarted => "STREAM_STARTED",
            Self::StreamStopped => "STREAM_STOPPED",
            Self::StreamTitleUpdated => "STREAM_TITLE_UPDATED",
            Self::Chat => "CHAT",
            Self::NameChange => "NAME_CHANGE",
            Self::UserJoined => "USER_JOINED",
            Self::UserParted => "USER_PARTED",
            Self::VisibilityUpdate => "VISIBILITY-UPDATE",
        }
    }
}

impl Scope {
    pub const ALL: [Self; 3] = [Self::CanSendMessages, Self::CanSendSystemMessages, Self::HasAdminAccess];

    /// As the settings and Owncast name it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::CanSendMessages => "CAN_SEND_MESSAGES",
            Self::CanSendSystemMessages => "CAN_SEND_SYSTEM_MESSAGES",
            Self::HasAdminAccess => "HAS_ADMIN_ACCESS",
        }
    }
}
