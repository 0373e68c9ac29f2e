//! Who moderated what, in words for the operator.

use serde::{Deserialize, Serialize};

use super::ids::UserId;
use super::stamp::Stamp;

/// On whose word something is done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "by", content = "who", rename_all = "camelCase")]
pub enum By {
    User(UserId),
    /// Whoever knows the operator's password.
    Operator,
    /// An access token with the scope `HAS_ADMIN_ACCESS`, by its name.
    Token(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum AuditAction {
    Hide,
    Restore,
    TimeOut,
    EndTimeOut,
    Ban,
    Unban,
    BanNetwork,
    UnbanNetwork,
    RemoveAll,
    Promote,
    Demote,
    Delete,
    Answer,
    Reopen,
    MarkQuestion,
    WithdrawQuestion,
}

/// A line of the audit log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AuditEntry {
    pub at: Stamp,
    #[serde(flatten)]
    pub by: By,
    /// The name of that moment.
    pub by_name: String,
    pub action: AuditAction,
    /// The user, the network or the first message it was done to.
    pub target: String,
    /// The whole of it as a sentence: `anna timed "bob" out for 60 seconds`.
    pub text: String,
}
