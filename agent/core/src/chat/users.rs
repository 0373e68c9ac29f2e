//! A chatter, as stored and as shown to others.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::ids::UserId;
use super::stamp::Stamp;
use crate::control::Fingerprint;

/// Greatest number of a colour; the theme says what each is (Owncast).
pub const MAX_COLOUR: u8 = 7;
/// What a moderator's user says in `scopes` (Owncast).
pub const MODERATOR: &str = "MODERATOR";

/// Tells one secret of a moderator from the next, and is of no use for guessing it without the salt that the agent keeps:
/// the first 128 bits of SHA-256 of the secret's fingerprint, lowercase hex.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SecretId(pub String);

impl SecretId {
    #[must_use]
    pub fn of(Fingerprint { salt, hash }: &Fingerprint) -> Self {
        let digest = Sha256::new().chain_update(salt).chain_update(hash).finalize();
        Self(digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect())
    }
}

/// The declared moderators, each with the secret of this moment.
pub type DeclaredModerators = BTreeMap<String, SecretId>;

/// What somebody is in the chat.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "camelCase")]
pub enum Role {
    Viewer,
    /// Promoted at run time.
    Moderator,
    /// Came in with the secret of `services.nixcast.chat.moderators.<name>`. Moderates for as long as that is declared
    /// with this secret.
    Declared {
        name: String,
        /// With which secret all logins of this user were made.
        #[serde(default)]
        secret: SecretId,
    },
    /// Speaks with the access token of that name.
    Bot {
        token: String,
        scopes: Vec<String>,
    },
}

/// A chatter, as stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct User {
    pub id: UserId,
    pub name: String,
    /// 0 to 7.
    pub colour: u8,
    pub created_ms: i64,
    /// Every name until now, the present one last (Owncast).
    pub previous_names: Vec<String>,
    pub name_changed_ms: Option<i64>,
    /// Since when banned.
    pub disabled_ms: Option<i64>,
    /// Not heard until then.
    pub timed_out_until_ms: Option<i64>,
    pub role: Role,
    pub authenticated: bool,
}

/// A chatter, as everybody is shown: Owncast's user object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UserView {
    pub id: UserId,
    pub display_name: String,
    pub display_color: u8,
    pub created_at: Stamp,
    pub previous_names: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name_changed_at: Option<Stamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disabled_at: Option<Stamp>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scopes: Vec<String>,
    pub is_bot: bool,
    pub authenticated: bool,
}

impl UserView {
    /// `moderates`, because the operator's word on declared moderators is not the user's own.
    #[must_use]
    pub fn of(user: &User, moderates: bool) -> Self {
        let mut scopes = match &user.role {
            Role::Bot { scopes, .. } => scopes.clone(),
            _ => Vec::new(),
        };
        scopes.extend(moderates.then(|| MODERATOR.to_owned()));
        Self {
            id: user.id.clone(),
            display_name: user.name.clone(),
            display_color: user.colour,
            created_at: Stamp(user.created_ms),
            previous_names: user.previous_names.clone(),
            name_changed_at: user.name_changed_ms.map(Stamp),
            disabled_at: user.disabled_ms.map(Stamp),
            scopes,
            is_bot: matches!(user.role, Role::Bot { .. }),
            authenticated: user.authenticated,
        }
    }

    /// For a message whose author is gone from the store.
    #[must_use]
    pub fn unknown(id: &UserId) -> Self {
        Self {
            id: id.clone(),
            display_name: "somebody".to_owned(),
            display_color: 0,
            created_at: Stamp(0),
            previous_names: Vec::new(),
            name_changed_at: None,
            disabled_at: None,
            scopes: Vec::new(),
            is_bot: false,
            authenticated: false,
        }
    }
}
