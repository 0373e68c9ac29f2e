//! Who comes in with a token: a viewer with their own, or a program with its access token, whom Owncast knows at the same
//! doors. A bot that hears through a socket and answers through `/api/integrations` is one user in both places.

use std::net::IpAddr;
use std::time::Duration;

use nixcast_core::chat::users::User;
use nixcast_schema::Scope;
use tokio::time::sleep;
use zeroize::Zeroizing;

use super::tokens::Program;
use super::{Chat, ChatError};
use crate::web::Site;

/// Between two looks whether a program's token is still in use.
const LOOK: Duration = Duration::from_secs(30);

/// Who shows a token that is in use.
pub(super) enum Guest {
    Viewer(User),
    Program(Program),
}

/// A program's right to be here, which can be withdrawn.
pub(super) struct Pass {
    site: Site,
    token: Zeroizing<String>,
}

impl Guest {
    pub(super) async fn of(site: &Site, token: &str, address: IpAddr) -> Result<Self, ChatError> {
        match site.chat().admit(token, address).await {
            Err(ChatError::Unknown) if !token.is_empty() => {}
            admitted => return admitted.map(Self::Viewer),
        }
        let program = site.chat().program(token, &site.declared().access_tokens).await?;
        program.map(Self::Program).ok_or(ChatError::Unknown)
    }

    /// As whom they talk; none: they only read along.
    pub(super) async fn speaker(&self, chat: &Chat, address: IpAddr) -> Result<Option<User>, ChatError> {
        match self {
            Self::Viewer(user) => Ok(Some(user.clone())),
            Self::Program(program) if program.may(Scope::CanSendMessages) => {
                let user = chat.bot(program).await?;
                chat.look(move |room, _now_ms| room.admit(address, Some(&user)).map(|()| Some(user)))
                    .await?
                    .map_err(Into::into)
            }
            Self::Program(_) => Ok(None),
        }
    }
}

impl Pass {
    pub(super) fn new(site: Site, token: String) -> Self {
        Self { site, token: Zeroizing::new(token) }
    }

    /// Waits until the token lets nobody in any more, and some seconds longer.
    pub(super) async fn is_withdrawn(&self) {
        loop {
            sleep(LOOK).await;
            let declared = self.site.declared();
            if matches!(self.site.chat().program(&self.token, &declared.access_tokens).await, Ok(None)) {
                return;
            }
        }
    }
}
