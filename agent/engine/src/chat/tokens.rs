//! Access tokens that the operator makes at run time, for programs that take part: bots, overlays, timers.
//!
//! A token is shown once, to whoever makes it; kept is its hash. What is listed, and names it for deletion, is an id made
//! of the hash.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use nixcast_core::chat::command::Command;
use nixcast_core::chat::effect::Done;
use nixcast_core::chat::ids::UserId;
use nixcast_core::chat::names;
use nixcast_core::chat::users::User;
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use super::store::{AccessToken, TokenHash, Write};
use super::{Chat, ChatError, TOKEN_BYTES, USED_MS, hash, random};
use crate::broadcast::unix_millis;

/// Tokens there may be. A bot needs one.
const MOST_TOKENS: usize = 100;

/// Digits of an id: 64 bits of the hash.
const ID_BYTES: usize = 8;

/// What a program may do, by Owncast's names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    SendMessages,
    SendSystemMessages,
    Admin,
}

impl Scope {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::SendMessages => "CAN_SEND_MESSAGES",
            Self::SendSystemMessages => "CAN_SEND_SYSTEM_MESSAGES",
            Self::Admin => "HAS_ADMIN_ACCESS",
        }
    }

    fn is_name(name: &str) -> bool {
        [Self::SendMessages, Self::SendSystemMessages, Self::Admin].iter().any(|scope| scope.name() == name)
    }
}

/// Why a token is not made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TokenError {
    #[error("The name {0}.")]
    Name(names::NameError),
    #[error("There is an access token of that name already. Delete it first.")]
    Taken,
    #[error("A token needs at least one scope of CAN_SEND_MESSAGES, CAN_SEND_SYSTEM_MESSAGES and HAS_ADMIN_ACCESS.")]
    Scopes,
    #[error("There are {MOST_TOKENS} access tokens already. Delete one first.")]
    TooMany,
    #[error(transparent)]
    Chat(#[from] ChatError),
}

/// A token that was just made, with what is never shown again.
pub(crate) struct Made {
    pub(crate) access: AccessToken,
    pub(crate) token: Zeroizing<String>,
}

impl AccessToken {
    /// Names the token without being it; lowercase hex.
    pub(crate) fn id(&self) -> String {
        self.hash.0.iter().take(ID_BYTES).map(|byte| format!("{byte:02x}")).collect()
    }

    pub(crate) fn may(&self, scope: Scope) -> bool {
        self.scopes.iter().any(|have| have == scope.name())
    }

    fn is_of(&self, hash: &TokenHash) -> bool {
        self.hash.0.ct_eq(&hash.0).into()
    }
}

impl Chat {
    /// In order of their names.
    pub(crate) async fn tokens(&self) -> Result<Vec<AccessToken>, ChatError> {
        Ok(self.store().access_tokens().await?)
    }

    pub(crate) async fn make_token(&self, name: &str, scopes: Vec<String>) -> Result<Made, TokenError> {
        let name = names::clean(name).map_err(TokenError::Name)?;
        if scopes.is_empty() || !scopes.iter().all(|scope| Scope::is_name(scope)) {
            return Err(TokenError::Scopes);
        }
        let _one_at_a_time = self.0.token_making.lock().await;
        let tokens = self.tokens().await?;
        if tokens.iter().any(|token| token.name == name) {
            return Err(TokenError::Taken);
        }
        if tokens.len() >= MOST_TOKENS {
            return Err(TokenError::TooMany);
        }
        let token = Zeroizing::new(URL_SAFE_NO_PAD.encode(Zeroizing::new(random::<TOKEN_BYTES>()?)));
        let access = AccessToken { name, hash: hash(&token), scopes, created_ms: unix_millis(), used_ms: None };
        self.store().write(Write::AccessToken(access.clone()));
        tracing::info!(name = access.name, scopes = ?access.scopes, "access token made");
        Ok(Made { access, token })
    }

    /// Deletes the token that is `which`, or has it as its id. Whether there was one.
    pub(crate) async fn remove_token(&self, which: &str) -> Result<bool, ChatError> {
        let hash = hash(which);
        let found = self.tokens().await?.into_iter().find(|token| token.is_of(&hash) || token.id() == which);
        let Some(AccessToken { name, .. }) = found else { return Ok(false) };
        tracing::info!(name, "access token deleted");
        self.store().write(Write::RemoveAccessToken { name });
        Ok(true)
    }

    /// Whose token that is.
    pub(crate) async fn program(&self, token: &str) -> Result<Option<AccessToken>, ChatError> {
        let hash = hash(token);
        let found = self.tokens().await?.into_iter().find(|token| token.is_of(&hash));
        if let Some(token) = &found {
            let now_ms = unix_millis();
            if token.used_ms.is_none_or(|used_ms| now_ms.saturating_sub(used_ms) > USED_MS) {
                self.store().write(Write::AccessTokenUsed { name: token.name.clone(), at_ms: now_ms });
            }
        }
        Ok(found)
    }

    /// The user as whom a program speaks: the same for each token of that name.
    pub(crate) async fn bot(&self, access: &AccessToken) -> Result<User, ChatError> {
        let id = UserId::from_random(random()?);
        let (token, scopes) = (access.name.clone(), access.scopes.clone());
        match self.apply(Command::RegisterBot { id, token, scopes }).await? {
            Done::Registered(user) => Ok(*user),
            Done::Done | Done::Sent(_) => Err(ChatError::Unknown),
        }
    }
}
