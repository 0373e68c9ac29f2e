//! What the operator declares about the chat, apart from who moderates.

use serde::{Deserialize, Serialize};

/// The most that can be declared: thirty days.
const MOST_HISTORY_HOURS: u32 = 720;

/// `services.nixcast.chat`, as the room keeps to it. Every field takes hold at once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ChatRules {
    pub enable: bool,
    /// Whether everybody is told who comes and goes.
    pub join_messages: bool,
    /// What a newcomer is told first, in the Markdown of messages; empty: nothing.
    pub welcome_message: String,
    /// Whether only those may take part whose account is old enough.
    pub established_users_only: bool,
    pub established_after_minutes: u32,
    pub forbidden_names: Vec<String>,
    /// Used when there are ten at least, as in Owncast.
    pub suggested_names: Vec<String>,
    /// Whether floods are stopped, of a user and of an address.
    pub spam_protection: bool,
    /// Least time between two messages of one user; 0: none.
    pub slow_mode_seconds: u32,
    /// Of a message as typed.
    pub max_message_bytes: u32,
    /// What a newcomer is shown.
    pub history_messages: u32,
    pub history_hours: u32,
    /// Whether a message can be marked as a question.
    pub questions: bool,
}

impl ChatRules {
    /// Until the operator's rules are known: nobody is let in, and nothing is forgotten that may have to be kept.
    #[must_use]
    pub fn unspoken() -> Self {
        Self { enable: false, history_hours: MOST_HISTORY_HOURS, ..Self::default() }
    }
}

impl Default for ChatRules {
    fn default() -> Self {
        Self {
            enable: true,
            join_messages: true,
            welcome_message: String::new(),
            established_users_only: false,
            established_after_minutes: 15,
            forbidden_names: ["owncast", "operator", "admin", "system"].map(str::to_owned).to_vec(),
            suggested_names: Vec::new(),
            spam_protection: true,
            slow_mode_seconds: 0,
            max_message_bytes: 2_048,
            history_messages: 50,
            history_hours: 2,
            questions: true,
        }
    }
}
