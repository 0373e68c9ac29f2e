//! What waits for the store's thread, and what the thread says of itself.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use nixcast_core::chat::ids::UserId;
use nixcast_core::chat::records::{Content, Record};
use nixcast_core::control::Condition;

use super::reading::Reader;
use super::{Bearer, StoreError, TokenHash, Write};

/// Most bytes, roughly, and most entries that wait to be written: minutes of a busy chat while the disk is full. Beyond
/// that the oldest talk is given up, and only then anything else.
const MOST_BYTES: usize = 16 * 1024 * 1024;
const MOST_WRITES: usize = 20_000;

/// Queries that wait at once: a whole audience that comes back within a second.
const MOST_QUERIES: usize = 10_000;

pub(super) type Query = Box<dyn FnOnce(&Reader<'_>) + Send>;

/// What is to be done at once.
#[derive(Default)]
pub(super) struct Work {
    pub(super) writes: VecDeque<Write>,
    pub(super) queries: VecDeque<Query>,
}

impl Work {
    fn is_empty(&self) -> bool {
        self.writes.is_empty() && self.queries.is_empty()
    }
}

impl fmt::Debug for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Work").field("writes", &self.writes.len()).field("queries", &self.queries.len()).finish()
    }
}

/// What the operator is told of the store.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Standing {
    /// What became of a file that could not be used.
    pub(super) damaged: Option<String>,
    /// Why it is not known who is banned.
    pub(super) bans_unknown: Option<String>,
    /// Why nothing can be written just now.
    pub(super) failing: Option<String>,
    /// What was given up because too much waited or because it could not be written at all.
    pub(super) lost: u64,
}

#[derive(Debug, Default)]
struct State {
    work: Work,
    bytes: usize,
    standing: Standing,
    is_closed: bool,
}

#[derive(Debug, Default)]
pub(super) struct Queue {
    state: Mutex<State>,
    wake: Condvar,
}

impl Queue {
    pub(super) fn push(&self, write: Write) {
        let mut state = self.lock();
        if state.is_closed {
            return;
        }
        state.bytes += weight(&write);
        state.work.writes.push_back(write);
        state.shed();
        self.wake.notify_one();
    }

    pub(super) fn ask(&self, query: Query) -> Result<(), StoreError> {
        let mut state = self.lock();
        if state.is_closed {
            return Err(StoreError::Closed);
        }
        if state.work.queries.len() >= MOST_QUERIES {
            return Err(StoreError::Busy);
        }
        state.work.queries.push_back(query);
        self.wake.notify_one();
        Ok(())
    }

    /// Waits until something is to be done and takes all of it. With `pause`, what is to be written is let lie for that
    /// long unless somebody asks for something. None: there is nothing left to do, and nothing will come.
    pub(super) fn take(&self, pause: Option<Duration>) -> Option<Work> {
        let state = self.lock();
        let mut state = match pause {
            Some(pause) => {
                let is_calm = |state: &mut State| state.work.queries.is_empty() && !state.is_closed;
                self.wake.wait_timeout_while(state, pause, is_calm).unwrap_or_else(PoisonError::into_inner).0
            }
            None => {
                let is_idle = |state: &mut State| state.work.is_empty() && !state.is_closed;
                self.wake.wait_while(state, is_idle).unwrap_or_else(PoisonError::into_inner)
            }
        };
        state.bytes = 0;
        let work = std::mem::take(&mut state.work);
        (!work.is_empty() || !state.is_closed).then_some(work)
    }

    /// Puts back what could not be written, before what has come meanwhile.
    pub(super) fn put_back(&self, mut writes: VecDeque<Write>) {
        let mut state = self.lock();
        state.bytes += writes.iter().map(weight).sum::<usize>();
        writes.append(&mut state.work.writes);
        state.work.writes = writes;
        state.shed();
    }

    /// The bearer of a token that waits to be written, unless its end waits as well.
    pub(super) fn waiting_bearer(&self, hash: &TokenHash) -> Option<Bearer> {
        let state = self.lock();
        let mut writes = state.work.writes.iter();
        let user = writes.find_map(|write| match write {
            Write::Token { hash: of, user, .. } if of == hash => Some(user),
            _ => None,
        })?;
        let has_ended = writes.any(|write| ends_logins_of(write, user));
        (!has_ended).then(|| Bearer { user: user.clone(), stored: None, used_ms: None })
    }

    /// Whether the end of the logins of `user` that are written already waits to be written.
    pub(super) fn waits_to_end_logins_of(&self, user: &UserId) -> bool {
        self.lock().work.writes.iter().any(|write| ends_logins_of(write, user))
    }

    /// Nothing more will come.
    pub(super) fn finish(&self) {
        self.lock().is_closed = true;
        self.wake.notify_one();
    }

    pub(super) fn is_finishing(&self) -> bool {
        self.lock().is_closed
    }

    /// Nobody will take anything any more: who waits for an answer learns that.
    pub(super) fn abandon(&self) {
        let mut state = self.lock();
        state.is_closed = true;
        state.work = Work::default();
    }

    pub(super) fn note(&self, change: impl FnOnce(&mut Standing)) {
        change(&mut self.lock().standing);
    }

    pub(super) fn knows_bans(&self) -> bool {
        self.lock().standing.bans_unknown.is_none()
    }

    pub(super) fn conditions(&self) -> Vec<Condition> {
        let Standing { damaged, bans_unknown, failing, lost } = self.lock().standing.clone();
        let read_only = bans_unknown
            .map(|why| format!("only moderators can write in the chat, because nobody knows who is banned: {why}"));
        let lost = (lost > 0).then(|| format!("{lost} entries of the chat could not be kept"));
        let conditions = [
            ("ChatStoreDamaged", damaged),
            ("ChatReadOnly", read_only),
            ("ChatStoreFailing", failing),
            ("ChatEntriesLost", lost),
        ];
        conditions
            .into_iter()
            .filter_map(|(kind, message)| Some(Condition { kind: kind.to_owned(), message: message? }))
            .collect()
    }

    /// Locked for the length of one entry.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Gives up what is too much: the oldest talk first.
    fn shed(&mut self) {
        while self.bytes > MOST_BYTES || self.work.writes.len() > MOST_WRITES {
            let writes = &mut self.work.writes;
            let oldest_talk = writes.iter().position(is_talk).unwrap_or(0);
            let Some(shed) = writes.remove(oldest_talk) else { return };
            self.bytes = self.bytes.saturating_sub(weight(&shed));
            self.standing.lost += 1;
        }
    }
}

fn ends_logins_of(write: &Write, of: &UserId) -> bool {
    matches!(write, Write::Record(Record::EndLogins { user }) if user == of)
}

/// Whether nobody is wronged when it is lost.
fn is_talk(write: &Write) -> bool {
    match write {
        Write::Record(Record::Message { .. } | Record::Vote { .. })
        | Write::Prune { .. }
        | Write::TokenUsed { .. }
        | Write::AccessTokenUsed { .. }
        | Write::LastId(_) => true,
        Write::Record(_)
        | Write::Audit(_)
        | Write::Token { .. }
        | Write::AccessToken(_)
        | Write::RemoveAccessToken { .. }
        | Write::Title(_) => false,
    }
}

/// Bytes of memory, roughly.
fn weight(write: &Write) -> usize {
    const USUAL: usize = 300;
    match write {
        Write::Record(Record::Message { message }) => {
            let raw = if let Content::Chat { raw, .. } = &message.content { raw.len() } else { 0 };
            USUAL + message.body.len() + raw
        }
        Write::Record(Record::Visibility { ids, .. }) => USUAL + ids.len() * size_of::<u128>(),
        Write::Record(Record::User { user }) => {
            USUAL + user.previous_names.iter().map(|name| name.len() + size_of::<String>()).sum::<usize>()
        }
        _ => USUAL,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use nixcast_core::chat::ids::MessageId;
    use nixcast_core::chat::records::Message;

    use super::*;

    fn talk(ms: i64, bytes: usize) -> Write {
        let (id, body) = (MessageId::first_of(ms), "x".repeat(bytes));
        let message = Message { id, at_ms: ms, body, content: Content::Action, hidden: None, revised: None };
        Write::Record(Record::Message { message })
    }

    #[test]
    fn when_too_much_waits_the_oldest_talk_is_given_up() {
        let queue = Queue::default();
        let ban = Write::Record(Record::DeleteUser { user: UserId("spammer".to_owned()) });
        queue.push(ban.clone());
        for ms in 0..20_010 {
            queue.push(talk(ms, 10));
        }
        let work = queue.take(None).unwrap();
        assert_eq!(work.writes.len(), MOST_WRITES);
        assert_eq!((&work.writes[0], &work.writes[1]), (&ban, &talk(11, 10)));
        assert_eq!(queue.conditions()[0].message, "11 entries of the chat could not be kept");
        queue.put_back(work.writes);
        queue.push(talk(1, 10));
        assert_eq!(queue.take(None).unwrap().writes.len(), MOST_WRITES, "what is put back counts");
    }

    #[test]
    fn long_messages_weigh_more() {
        let queue = Queue::default();
        for ms in 0..1_000 {
            queue.push(talk(ms, 32 * 1024));
        }
        let left = queue.take(None).unwrap().writes.len();
        assert!((400..520).contains(&left), "{left}");
        for ms in 0..10 {
            queue.push(talk(ms, 10));
        }
        assert_eq!(queue.take(None).unwrap().writes.len(), 10, "what was taken does not count");
    }
}
