//! The chat: one room that everybody who watches can talk in.
//!
//! What happens is decided by [`nixcast_core::chat`]; here are its memory on disk, the HTML of messages, the sockets and
//! the task that owns the room. Everything else asks through [`Chat`].

mod body;
mod emoji;
mod guest;
mod host;
pub(crate) mod http;
mod line;
pub(crate) mod moderation;
mod socket;
pub(crate) mod store;
mod tellers;
mod telling;
pub(crate) mod tokens;

#[cfg(test)]
mod tests;

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use nixcast_core::chat::bounds::MAX_CONNECTIONS;
use nixcast_core::chat::command::Command;
use nixcast_core::chat::effect::Done;
use nixcast_core::chat::ids::{MessageId, UserId};
use nixcast_core::chat::records::Snapshot;
use nixcast_core::chat::refusal::Refusal;
use nixcast_core::chat::room::Room;
use nixcast_core::chat::rules::ChatRules;
use nixcast_core::chat::users::{DeclaredModerators, SecretId, User};
use nixcast_core::chat::webhooks::WebhookEvent;
use nixcast_core::control::Condition;
use sha2::{Digest, Sha256};
use tokio::sync::{Mutex, Semaphore, broadcast, mpsc, oneshot, watch};
use tokio::time::timeout;
use zeroize::Zeroizing;

use crate::broadcast::unix_millis;
use crate::descriptors;
use crate::tasks::{self, chain};
use crate::web::LoginError;
use crate::web::view::BroadcastView;
use host::{Answer, Host, Newcomer, Order, Seat};
use store::{Bearer, ChatStore, TokenHash, Write};

pub(crate) use emoji::{DeclaredEmoji, EmojiError, EmojiSet};
pub(crate) use http::{preflight, routes};

/// Orders that wait for the room. Who finds no place waits.
const ORDERS: usize = 4096;

/// Events that a slow teller of webhooks may be behind; beyond that it misses the oldest.
const WEBHOOK_EVENTS: usize = 256;

/// How long anybody waits for the room: it is never busy for longer than some milliseconds, unless its store is slow to
/// be opened.
const DEADLINE: Duration = Duration::from_secs(10);

/// Share of the file descriptors that chat may take, as in Owncast: publishers and players need some too.
const DESCRIPTORS_PERCENT: u64 = 70;

/// Bytes of a viewer's token.
const TOKEN_BYTES: usize = 32;

/// After this a token that is shown again is noted as used again.
const USED_MS: i64 = 3_600_000;

/// Why the chat has no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ChatError {
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Nobody has that token.
    #[error("there is no such access token")]
    Unknown,
    #[error(transparent)]
    Login(#[from] LoginError),
    /// What was asked cannot be read; says which part of it.
    #[error("{0}")]
    Unread(String),
    #[error("the chat is busy")]
    Busy,
    #[error("the chat's store has no answer")]
    Store(#[from] store::StoreError),
    #[error("this machine has no randomness")]
    NoRandomness,
}

/// Who came in anew. The token is their own; only its hash is kept.
pub(crate) struct Registration {
    pub(crate) user: User,
    pub(crate) token: Zeroizing<String>,
}

impl fmt::Debug for Registration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registration").field("user", &self.user.id).finish_non_exhaustive()
    }
}

/// The chat. Clones are the same chat.
#[derive(Clone, Debug)]
pub(crate) struct Chat(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    orders: mpsc::Sender<Order>,
    store: ChatStore,
    rules: watch::Receiver<Arc<ChatRules>>,
    emoji: watch::Sender<Arc<EmojiSet>>,
    webhooks: broadcast::Sender<WebhookEvent>,
    /// One for each socket.
    places: Arc<Semaphore>,
    /// Held while a token is made, so that no two get one name.
    token_making: Mutex<()>,
}

impl Chat {
    /// Opens the store in `folder`, or one that lasts as long as the engine, and starts the room from it. Nobody is let in
    /// until rules are declared.
    pub(crate) fn start(folder: Option<PathBuf>, broadcast: watch::Receiver<Option<BroadcastView>>) -> Self {
        let store = ChatStore::open(folder);
        let (orders, ordered) = mpsc::channel(ORDERS);
        let (rules_sender, rules) = watch::channel(Arc::new(ChatRules::unspoken()));
        let webhooks = broadcast::Sender::new(WEBHOOK_EVENTS);
        let opened = (store.clone(), webhooks.clone());
        tasks::spawn("chat", async move {
            let (store, webhooks) = opened;
            let room = Room::new(ChatRules::unspoken(), remembered(&store).await);
            let room = if store.knows_bans() { room } else { room.without_bans() };
            Host::new(room, store, rules_sender, webhooks).run(ordered, broadcast).await;
        });
        let emoji = watch::Sender::new(Arc::new(EmojiSet::default()));
        let places = Arc::new(Semaphore::new(most_sockets()));
        Self(Arc::new(Shared { orders, store, rules, emoji, webhooks, places, token_making: Mutex::default() }))
    }

    /// Puts the declared rules and moderators in force.
    pub(crate) async fn declare(&self, rules: ChatRules, moderators: DeclaredModerators) -> Result<(), ChatError> {
        self.declare_moderators(moderators).await?;
        self.apply(Command::SetRules { rules }).await?;
        Ok(())
    }

    /// These moderate from now on, and nobody else whose secret was shown before. Logins with an older secret end.
    pub(crate) async fn declare_moderators(&self, declared: DeclaredModerators) -> Result<(), ChatError> {
        self.apply(Command::SetModerators { declared }).await?;
        Ok(())
    }

    /// What a newcomer is told first, in the Markdown of messages, and under which name.
    pub(crate) async fn greet(&self, author: String, welcome: &str) -> Result<(), ChatError> {
        self.apply(Command::SetWelcome { author, body: self.render(welcome) }).await?;
        Ok(())
    }

    /// Offers these emoji and no others. Says which of them cannot be offered.
    pub(crate) fn declare_emoji(&self, declared: Vec<DeclaredEmoji>) -> Vec<(String, EmojiError)> {
        let (set, refused) = EmojiSet::new(declared);
        self.0.emoji.send_replace(Arc::new(set));
        refused
    }

    pub(crate) fn rules(&self) -> Arc<ChatRules> {
        Arc::clone(&self.0.rules.borrow())
    }

    /// The rules in force, now and from now on.
    pub(crate) fn follow_rules(&self) -> watch::Receiver<Arc<ChatRules>> {
        self.0.rules.clone()
    }

    pub(crate) fn emoji(&self) -> Arc<EmojiSet> {
        Arc::clone(&self.0.emoji.borrow())
    }

    /// A message as HTML.
    pub(crate) fn render(&self, raw: &str) -> String {
        body::render(raw, &self.emoji())
    }

    pub(crate) fn render_program(&self, raw: &str) -> String {
        body::render_program(raw, &self.emoji())
    }

    /// What webhooks are told, from now on.
    pub(crate) fn follow_webhooks(&self) -> broadcast::Receiver<WebhookEvent> {
        self.0.webhooks.subscribe()
    }

    /// What moderators and programs may read.
    pub(crate) fn store(&self) -> &ChatStore {
        &self.0.store
    }

    pub(crate) fn conditions(&self) -> Vec<Condition> {
        self.0.store.conditions()
    }

    /// Has a command carried out, and waits for what becomes of it.
    pub(crate) async fn apply(&self, command: Command) -> Result<Done, ChatError> {
        let (reply, answer) = oneshot::channel();
        Ok(self.ask(Order::Do { command, reply: Some(reply) }, answer).await??)
    }

    /// Looks at the room. `look` is given the moment as well.
    pub(crate) async fn look<T: Send + 'static>(
        &self,
        look: impl FnOnce(&Room, i64) -> T + Send + 'static,
    ) -> Result<T, ChatError> {
        let (reply, answer) = oneshot::channel();
        let look = Box::new(move |room: &Room, now_ms: i64| {
            // Whoever asked may have gone meanwhile.
            let _is_awaited = reply.send(look(room, now_ms));
        });
        self.ask(Order::Look(look), answer).await
    }

    /// Gives a newcomer a name and a token.
    pub(crate) async fn register(&self, name: Option<String>, address: IpAddr) -> Result<Registration, ChatError> {
        let id = UserId::from_random(random()?);
        self.register_by(Command::Register { id, name, address }).await
    }

    /// Gives whoever showed this secret of a declared moderator another token.
    pub(crate) async fn register_moderator(&self, name: String, secret: SecretId) -> Result<Registration, ChatError> {
        let id = UserId::from_random(random()?);
        self.register_by(Command::RegisterModerator { id, name, secret }).await
    }

    async fn register_by(&self, command: Command) -> Result<Registration, ChatError> {
        let token = Zeroizing::new(URL_SAFE_NO_PAD.encode(Zeroizing::new(random::<TOKEN_BYTES>()?)));
        let (reply, answer) = oneshot::channel();
        let answer: Answer = self.ask(Order::Register { command, hash: hash(&token), reply }, answer).await?;
        match answer? {
            Done::Registered(user) => Ok(Registration { user: *user, token }),
            Done::Done | Done::Sent(_) => Err(ChatError::Unknown),
        }
    }

    /// Whose token that is, as far as the store knows, and whether that user may use the chat from `address`.
    pub(crate) async fn admit(&self, token: &str, address: IpAddr) -> Result<User, ChatError> {
        let hash = hash(token);
        let Some(Bearer { user, stored, used_ms }) = self.0.store.bearer(hash).await? else {
            // A banned network is told so before it is asked who it is.
            self.look(move |room, _now_ms| room.admit(address, None)).await??;
            return Err(ChatError::Unknown);
        };
        let admitted = self
            .look(move |room, _now_ms| {
                let user = room.user(&user).cloned().or(stored);
                room.admit(address, user.as_ref()).map(|()| user)
            })
            .await??;
        let now_ms = unix_millis();
        if used_ms.is_none_or(|used_ms| now_ms.saturating_sub(used_ms) > USED_MS) {
            self.0.store.write(Write::TokenUsed { hash, at_ms: now_ms });
        }
        admitted.ok_or(ChatError::Unknown)
    }

    /// The history as a JSON text.
    pub(crate) async fn history(&self) -> Result<Bytes, ChatError> {
        let (reply, answer) = oneshot::channel();
        self.ask(Order::History(reply), answer).await
    }

    /// Takes a seat for a user who was admitted; none: for somebody who only reads along.
    async fn enter(&self, user: Option<User>, address: IpAddr, since: Option<MessageId>) -> Result<Seat, ChatError> {
        let (reply, answer) = oneshot::channel();
        let newcomer = Newcomer { user, address, since, reply };
        Ok(self.ask(Order::Enter(newcomer), answer).await??)
    }

    /// Has a command carried out. Whether it was taken.
    async fn order(&self, command: Command) -> bool {
        let order = Order::Do { command, reply: None };
        self.0.orders.send_timeout(order, DEADLINE).await.is_ok()
    }

    async fn ask<T>(&self, order: Order, answer: oneshot::Receiver<T>) -> Result<T, ChatError> {
        self.0.orders.send_timeout(order, DEADLINE).await.map_err(|_full| ChatError::Busy)?;
        timeout(DEADLINE, answer).await.ok().and_then(Result::ok).ok_or(ChatError::Busy)
    }

    /// Writes down what is left to be written: the engine is about to end.
    pub(crate) async fn part(&self) {
        if let Err(error) = self.0.store.flush().await {
            tracing::warn!(error = chain(&error), "the last moments of the chat may be forgotten");
        }
    }
}

/// What a room starts from. Waits for as long as the file takes to be checked.
async fn remembered(store: &ChatStore) -> Snapshot {
    loop {
        match store.snapshot(unix_millis()).await {
            Ok(snapshot) => return snapshot,
            Err(store::StoreError::Late) => tracing::info!("the chat waits for its store"),
            Err(error) => {
                tracing::error!(error = chain(&error), "the chat starts without its memory");
                store.note_unreadable(chain(&error));
                return Snapshot::default();
            }
        }
    }
}

fn most_sockets() -> usize {
    let share = descriptors::limit().map_or(u64::MAX, |limit| limit / 100 * DESCRIPTORS_PERCENT);
    usize::try_from(share).unwrap_or(usize::MAX).clamp(1, MAX_CONNECTIONS)
}

fn random<const N: usize>() -> Result<[u8; N], ChatError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|_error| ChatError::NoRandomness)?;
    Ok(bytes)
}

fn hash(token: &str) -> TokenHash {
    TokenHash(Sha256::digest(token).into())
}
