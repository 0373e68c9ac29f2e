//! What the chat remembers on disk: people, messages, questions, bans, tokens and who moderated what.
//!
//! One thread owns the file, so that a slow disk holds up neither the room nor a socket. What is to be written waits in
//! a bounded queue and is written in order, one transaction for all that waits; while the disk is full or broken it is
//! tried again and again, and the room goes on in memory. A query sees everything that was handed over before it.

mod file;
mod queue;
mod reading;
mod rows;
mod schema;
mod writing;

#[cfg(test)]
mod tests;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use nixcast_core::chat::audit::{AuditAction, AuditEntry};
use nixcast_core::chat::ids::{MessageId, UserId};
#[cfg(test)]
use nixcast_core::chat::records::Message;
use nixcast_core::chat::records::{Record, Snapshot};
use nixcast_core::chat::stamp::Stamp;
use nixcast_core::chat::users::User;
use nixcast_core::control::Condition;
use tokio::sync::oneshot;
use tokio::time::timeout;

use file::Place;
use queue::Queue;
#[cfg(test)]
use reading::Since;
pub(crate) use reading::{Found, Search, UsersOf, UsersPage};
use writing::Keeper;

/// How long a query may wait for its answer.
const QUERY_DEADLINE: Duration = Duration::from_secs(10);

/// SHA-256 of an access token. The token itself is with its owner alone.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct TokenHash(pub(crate) [u8; 32]);

impl fmt::Debug for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenHash")
    }
}

/// An access token that was made at run time, for a program that takes part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AccessToken {
    pub(crate) name: String,
    pub(crate) hash: TokenHash,
    pub(crate) scopes: Vec<String>,
    pub(crate) created_ms: i64,
    pub(crate) used_ms: Option<i64>,
}

/// Something to be written down. Moments are milliseconds since 1970.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Write {
    Record(Record),
    /// Messages before this id, except questions; and whatever else nobody needs any more at that moment.
    Prune {
        before: MessageId,
        now_ms: i64,
    },
    Audit(AuditEntry),
    /// A user's token.
    Token {
        hash: TokenHash,
        user: UserId,
        at_ms: i64,
    },
    TokenUsed {
        hash: TokenHash,
        at_ms: i64,
    },
    /// New, or in the place of the one of that name.
    AccessToken(AccessToken),
    AccessTokenUsed {
        name: String,
        at_ms: i64,
    },
    RemoveAccessToken {
        name: String,
    },
    /// What the stream is about; empty: nobody says.
    Title(String),
    /// The greatest id that was given to anything, stored or not.
    LastId(MessageId),
}

/// Whose token it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Bearer {
    pub(crate) user: UserId,
    /// As stored; none while it waits to be written, and then the room knows the user.
    pub(crate) stored: Option<User>,
    /// When it was shown last; none: never.
    pub(crate) used_ms: Option<i64>,
}

/// Why a query has no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StoreError {
    #[error("too much is being asked of the chat's store")]
    Busy,
    #[error("the chat's store did not answer within {QUERY_DEADLINE:?}")]
    Late,
    #[error("the chat's store is closed")]
    Closed,
    #[error("the chat's store could not be read")]
    Failed(#[from] rusqlite::Error),
}

type Answer<T> = Result<T, StoreError>;

/// The store. Clones are the same store.
#[derive(Clone, Debug)]
pub(crate) struct ChatStore(Arc<Handle>);

/// Once the last one is gone, the thread writes what is left and ends.
#[derive(Debug)]
struct Handle(Arc<Queue>);

impl Drop for Handle {
    fn drop(&mut self) {
        self.0.finish();
    }
}

impl ChatStore {
    /// Opens the store in `folder`, or one that lasts as long as the engine. Comes back at once: what is asked waits
    /// until the file has been checked.
    pub(crate) fn open(folder: Option<PathBuf>) -> Self {
        let queue = Arc::new(Queue::default());
        let place = folder.map_or(Place::Memory, |folder| Place::File(folder.join(file::NAME)));
        let keeper = Keeper::new(place, Arc::clone(&queue));
        let started = thread::Builder::new().name("chat-store".to_owned()).spawn(move || keeper.run());
        if let Err(error) = started {
            tracing::error!(error = %error, "the chat's store has no thread: nothing is remembered");
            queue.abandon();
        }
        Self(Arc::new(Handle(queue)))
    }

    /// Has something written soon. Never waits.
    pub(crate) fn write(&self, write: Write) {
        self.0.0.push(write);
    }

    /// Waits until everything that was handed over is written, or cannot be.
    pub(crate) async fn flush(&self) -> Answer<()> {
        self.ask(|_reader| Ok(())).await
    }

    /// What a room starts from.
    pub(crate) async fn snapshot(&self, now_ms: i64) -> Answer<Snapshot> {
        self.ask(move |reader| reader.snapshot(now_ms)).await
    }

    pub(crate) async fn bearer(&self, hash: TokenHash) -> Answer<Option<Bearer>> {
        self.ask(move |reader| reader.bearer(&hash)).await
    }

    pub(crate) async fn user(&self, id: UserId) -> Answer<Option<User>> {
        self.ask(move |reader| reader.user(&id)).await
    }

    /// The first `limit` messages after `since`, oldest first.
    #[cfg(test)]
    pub(crate) async fn since(&self, since: MessageId, limit: u32) -> Answer<Since> {
        self.ask(move |reader| reader.since(since, limit)).await
    }

    /// The newest `limit` messages of a user, newest first.
    #[cfg(test)]
    pub(crate) async fn messages_of(&self, user: UserId, limit: u32) -> Answer<Vec<Message>> {
        self.ask(move |reader| reader.messages_of(&user, limit)).await
    }

    pub(crate) async fn search(&self, search: Search) -> Answer<Vec<Found>> {
        self.ask(move |reader| reader.search(&search)).await
    }

    /// Users whose name, now or before, contains `text`; the last to register first.
    pub(crate) async fn find_users(&self, text: String, limit: u32) -> Answer<Vec<User>> {
        self.ask(move |reader| reader.find_users(&text, limit)).await
    }

    /// The newest `limit` entries before the number `before`, newest first, each with its number.
    pub(crate) async fn audit(&self, before: Option<i64>, limit: u32) -> Answer<Vec<(i64, AuditEntry)>> {
        self.ask(move |reader| reader.audit(before, limit)).await
    }

    /// Whatever was done at these moments, in any order.
    pub(crate) async fn audit_at(&self, moments: Vec<Stamp>) -> Answer<Vec<AuditEntry>> {
        self.ask(move |reader| reader.audit_at(&moments)).await
    }

    /// For each of `targets` what was done to it last among `actions`, as far as the log goes back.
    pub(crate) async fn audit_of(
        &self,
        targets: Vec<String>,
        actions: &'static [AuditAction],
    ) -> Answer<Vec<AuditEntry>> {
        self.ask(move |reader| reader.audit_of(&targets, actions)).await
    }

    /// The banned, last to be banned first.
    pub(crate) async fn banned(&self) -> Answer<Vec<User>> {
        self.ask(|reader| reader.banned()).await
    }

    /// The last to register first, and how many there are in all.
    pub(crate) async fn users_page(&self, page: UsersPage) -> Answer<(Vec<User>, i64)> {
        self.ask(move |reader| reader.users_page(&page)).await
    }

    /// The stream's title, if one was ever set.
    pub(crate) async fn title(&self) -> Answer<Option<String>> {
        self.ask(|reader| reader.title()).await
    }

    /// In order of their names.
    pub(crate) async fn access_tokens(&self) -> Answer<Vec<AccessToken>> {
        self.ask(|reader| reader.access_tokens()).await
    }

    /// Whether nothing of who is banned was lost. Known once the store has answered.
    pub(crate) fn knows_bans(&self) -> bool {
        self.0.0.knows_bans()
    }

    /// Says that the store is there and could not be read.
    pub(crate) fn note_unreadable(&self, why: String) {
        self.0.0.note(|standing| standing.bans_unknown = Some(why));
    }

    /// One for each thing the operator should know.
    pub(crate) fn conditions(&self) -> Vec<Condition> {
        self.0.0.conditions()
    }

    async fn ask<T, F>(&self, query: F) -> Answer<T>
    where
        T: Send + 'static,
        F: FnOnce(&reading::Reader<'_>) -> rusqlite::Result<T> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let query = Box::new(move |reader: &reading::Reader<'_>| {
            // Whoever asked may have gone meanwhile.
            let _is_awaited = reply.send(query(reader));
        });
        self.0.0.ask(query)?;
        let answer = timeout(QUERY_DEADLINE, answer).await.map_err(|_late| StoreError::Late)?;
        Ok(answer.map_err(|_gone| StoreError::Closed)??)
    }
}
