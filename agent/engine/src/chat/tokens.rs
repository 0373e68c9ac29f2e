//! Access tokens, for programs that take part: bots, overlays, timers. Some are declared, others the operator makes at run
//! time.
//!
//! A token that is made is shown once, to whoever makes it; kept is its hash. What is listed, and names it for deletion, is
//! an id made of the hash. A declared one is known by the option that declares it, and is changed there alone. A declared
//! name belongs to the declared token: one that was made with that name is out of use for as long as it is declared.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use nixcast_core::chat::command::Command;
use nixcast_core::chat::effect::Done;
use nixcast_core::chat::ids::UserId;
use nixcast_core::chat::names;
use nixcast_core::chat::users::User;
use nixcast_core::control::ObjectId;
use nixcast_schema::Scope;
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use super::store::{AccessToken, TokenHash, Write};
use super::{Chat, ChatError, TOKEN_BYTES, USED_MS, hash, random};
use crate::broadcast::unix_millis;
use crate::declared::{AccessTokens, DeclaredToken};

/// Tokens there may be. A bot needs one.
const MOST_TOKENS: usize = 100;

/// Digits of an id: 64 bits of the hash.
const ID_BYTES: usize = 8;

/// Why a token is not made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TokenError {
    #[error("The name {0}.")]
    Name(names::NameError),
    #[error("There is an access token of that name already. Delete it first.")]
    Taken,
    /// The declared one's name.
    #[error("The access token {0} is declared.")]
    Declared(String),
    #[error("A token needs at least one scope of CAN_SEND_MESSAGES, CAN_SEND_SYSTEM_MESSAGES and HAS_ADMIN_ACCESS.")]
    Scopes,
    #[error("There are {MOST_TOKENS} access tokens already. Delete one first.")]
    TooMany,
    #[error(transparent)]
    Chat(#[from] ChatError),
}

/// A token that was just made, with what is never shown again.
pub(crate) struct Made {
    pub(crate) program: Program,
    pub(crate) token: Zeroizing<String>,
}

/// Who has an access token.
pub(crate) struct Program {
    /// Names the token without being it.
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) scopes: Vec<String>,
    /// When the token was made, or this engine was given the declared one; milliseconds since 1970.
    pub(crate) created_ms: i64,
    /// Of a token that was made, to the hour.
    pub(crate) used_ms: Option<i64>,
    pub(crate) standing: Standing,
}

/// By whose word a token lets its program in. The option is the one that declares the name.
pub(crate) enum Standing {
    Declared {
        option: String,
    },
    Made,
    /// It was made, and lets nobody in, since the name is declared.
    Overridden {
        option: String,
    },
}

/// What became of a wish to delete a token.
pub(crate) enum Removal {
    Removed,
    Unknown,
    /// Only this option can take it away.
    Declared {
        option: String,
    },
}

impl Program {
    fn declared(name: &str, held: &DeclaredToken) -> Self {
        let option = option(name);
        Self {
            id: option.clone(),
            name: name.to_owned(),
            scopes: held.access.scopes.iter().map(|scope| scope.name().to_owned()).collect(),
            created_ms: held.since_ms,
            used_ms: held.used_ms(),
            standing: Standing::Declared { option },
        }
    }

    fn made(access: AccessToken, declared: &AccessTokens) -> Self {
        let overridden = declared.named(&access.name).map(|name| Standing::Overridden { option: option(name) });
        Self {
            id: access.id(),
            name: access.name,
            scopes: access.scopes,
            created_ms: access.created_ms,
            used_ms: access.used_ms,
            standing: overridden.unwrap_or(Standing::Made),
        }
    }

    pub(crate) fn may(&self, scope: Scope) -> bool {
        self.scopes.iter().any(|have| have == scope.name())
    }
}

/// The option that declares the token of this name.
pub(crate) fn option(name: &str) -> String {
    ObjectId::AccessToken(name.to_owned()).to_string()
}

fn is_scope(name: &str) -> bool {
    Scope::ALL.iter().any(|scope| scope.name() == name)
}

impl AccessToken {
    /// Names the token without being it; lowercase hex.
    fn id(&self) -> String {
        self.hash.0.iter().take(ID_BYTES).map(|byte| format!("{byte:02x}")).collect()
    }

    fn is_of(&self, hash: &TokenHash) -> bool {
        self.hash.0.ct_eq(&hash.0).into()
    }
}

impl Chat {
    /// Whoever has a token, in order of their names; a declared one before the one that it overrides.
    pub(crate) async fn programs(&self, declared: &AccessTokens) -> Result<Vec<Program>, ChatError> {
        let mut programs: Vec<Program> = declared.0.iter().map(|(name, held)| Program::declared(name, held)).collect();
        let made = self.store().access_tokens().await?;
        programs.extend(made.into_iter().map(|access| Program::made(access, declared)));
        programs.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(programs)
    }

    pub(crate) async fn make_token(
        &self,
        name: &str,
        scopes: Vec<String>,
        declared: &AccessTokens,
    ) -> Result<Made, TokenError> {
        let name = names::clean(name).map_err(TokenError::Name)?;
        if let Some(declared) = declared.named(&name) {
            return Err(TokenError::Declared(declared.to_owned()));
        }
        if scopes.is_empty() || !scopes.iter().all(|scope| is_scope(scope)) {
            return Err(TokenError::Scopes);
        }
        let _one_at_a_time = self.0.token_making.lock().await;
        let tokens = self.store().access_tokens().await.map_err(ChatError::from)?;
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
        Ok(Made { program: Program::made(access, declared), token })
    }

    /// Deletes the token that is `which`, or has it as its id.
    pub(crate) async fn remove_token(&self, which: &str, declared: &AccessTokens) -> Result<Removal, ChatError> {
        let is_id = |name: &&String| option(name) == which;
        if let Some(name) =
            declared.of(which).map(|(name, _)| name).or(declared.0.keys().find(is_id).map(String::as_str))
        {
            return Ok(Removal::Declared { option: option(name) });
        }
        let hash = hash(which);
        let made = self.store().access_tokens().await?;
        let found = made.into_iter().find(|token| token.is_of(&hash) || token.id() == which);
        let Some(AccessToken { name, .. }) = found else { return Ok(Removal::Unknown) };
        tracing::info!(name, "access token deleted");
        self.store().write(Write::RemoveAccessToken { name });
        Ok(Removal::Removed)
    }

    /// Whose token that is, if it is in use.
    pub(crate) async fn program(&self, token: &str, declared: &AccessTokens) -> Result<Option<Program>, ChatError> {
        let now_ms = unix_millis();
        if let Some((name, held)) = declared.of(token) {
            held.note_use(now_ms);
            return Ok(Some(Program::declared(name, held)));
        }
        let hash = hash(token);
        let made = self.store().access_tokens().await?;
        let found = made.into_iter().find(|token| token.is_of(&hash) && declared.named(&token.name).is_none());
        let Some(access) = found else { return Ok(None) };
        if access.used_ms.is_none_or(|used_ms| now_ms.saturating_sub(used_ms) > USED_MS) {
            self.store().write(Write::AccessTokenUsed { name: access.name.clone(), at_ms: now_ms });
        }
        Ok(Some(Program::made(access, declared)))
    }

    /// The user as whom a program speaks: the same for each token of that name.
    pub(crate) async fn bot(&self, program: &Program) -> Result<User, ChatError> {
        let id = UserId::from_random(random()?);
        let (token, scopes) = (program.name.clone(), program.scopes.clone());
        match self.apply(Command::RegisterBot { id, token, scopes }).await? {
            Done::Registered(user) => Ok(*user),
            Done::Done | Done::Sent(_) => Err(ChatError::Unknown),
        }
    }
}
