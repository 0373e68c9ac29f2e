//! What people who watch may say to each other, and who keeps order.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What people who watch may say to each other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Chat {
    /// Whether there is a chat. Turning it off closes it for everybody and forgets nothing.
    #[schemars(extend("x-effect" = "live"))]
    pub enable: bool,
    /// Whether everybody is told who comes and goes while the stream is live.
    #[schemars(extend("x-effect" = "live"))]
    pub join_messages: bool,
    /// What somebody who comes into the chat is told first, alone, in the Markdown of messages; at most 2500 characters.
    /// Empty: nothing.
    #[schemars(length(max = 2500), extend("x-effect" = "live"))]
    pub welcome_message: String,
    /// Whether only those may write who have been known for "establishedAfterMinutes". Moderators may always.
    #[schemars(extend("x-effect" = "live"))]
    pub established_users_only: bool,
    /// Minutes after which somebody counts as established, 1 to 10080 (a week).
    #[schemars(range(min = 1, max = 10080), extend("x-effect" = "live"))]
    pub established_after_minutes: u32,
    /// Names nobody may take, nor one that looks like them or has them as a word; at most 200 of 1 to 30 characters.
    #[schemars(length(max = 200), inner(length(min = 1, max = 30)), extend("x-effect" = "live"))]
    pub forbidden_names: Vec<String>,
    /// Names for those who bring none, 10 to 500 of 1 to 30 characters; empty: names are made up.
    #[schemars(length(max = 500), inner(length(min = 1, max = 30)), extend("x-effect" = "live"))]
    pub suggested_names: Vec<String>,
    /// Whether whoever floods the chat is muted for a while, and an address that many write from is slowed down.
    #[schemars(extend("x-effect" = "live"))]
    pub spam_protection: bool,
    /// Least number of seconds between two messages of one person, 0 (any) to 3600. Moderators need not wait.
    #[schemars(range(min = 0, max = 3600), extend("x-effect" = "live"))]
    pub slow_mode_seconds: u32,
    /// Longest message as typed, in bytes of UTF-8, 64 to 8192.
    #[schemars(range(min = 64, max = 8192), extend("x-effect" = "live"))]
    pub max_message_bytes: u32,
    /// How many of the last messages a newcomer is shown, 0 to 500.
    #[schemars(range(min = 0, max = 500), extend("x-effect" = "live"))]
    pub history_messages: u32,
    /// Hours after which a message is deleted, 1 to 720 (thirty days).
    #[schemars(range(min = 1, max = 720), extend("x-effect" = "live"))]
    pub history_hours: u32,
    /// Whether a message can be marked as a question for the speaker, and voted for.
    #[schemars(extend("x-effect" = "live"))]
    pub questions: bool,
    /// Folder with pictures (PNG, GIF, JPEG, WebP or SVG) that stand for ":name:" in messages, the name being that of the
    /// file without its ending: at most 200 files of 512 KiB, 16 MiB in all; null: none.
    #[schemars(extend("x-effect" = "live", "format" = "absolute-path"))]
    pub emoji_folder: Option<String>,
    /// Who keeps order, ordered by name. At most 64.
    #[schemars(length(max = 64))]
    pub moderators: Vec<Moderator>,
}

/// Somebody who keeps order in the chat.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Moderator {
    /// Name to log in with, and in the chat: 1 to 30 letters, digits, ".", "_" or "-".
    #[schemars(length(min = 1, max = 30), extend("x-effect" = "live", "format" = "name"))]
    pub name: String,
    /// Absolute path, outside the Nix store, of the file that holds the secret to log in with. One trailing newline is
    /// ignored.
    #[schemars(extend("x-effect" = "live", "format" = "secret-path"))]
    pub secret_file: String,
}

impl Default for Chat {
    fn default() -> Self {
        Self {
            enable: true,
            join_messages: true,
            welcome_message: String::new(),
            established_users_only: false,
            established_after_minutes: 15,
            forbidden_names: ["owncast", "operator", "admin", "system"].map(str::to_owned).into(),
            suggested_names: Vec::new(),
            spam_protection: true,
            slow_mode_seconds: 0,
            max_message_bytes: 2048,
            history_messages: 50,
            history_hours: 2,
            questions: true,
            emoji_folder: None,
            moderators: Vec::new(),
        }
    }
}
