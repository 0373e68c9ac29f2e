//! The users in memory.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::bounds::MAX_USERS;
use super::ids::{ConnectionId, UserId};
use super::rates::Bucket;
use super::users::{Role, User};

/// A user, and how they behave.
#[derive(Clone, Debug)]
pub(super) struct Person {
    pub(super) user: User,
    pub(super) connections: BTreeSet<ConnectionId>,
    /// The one that closed last.
    pub(super) last_connection: ConnectionId,
    pub(super) seen_ms: i64,
    /// When everybody is told that they left.
    pub(super) parts_ms: Option<i64>,
    /// Whether everybody was told that they came.
    pub(super) was_announced: bool,
    pub(super) talk: Bucket,
    pub(super) votes: Bucket,
    /// Not heard until then, having flooded the chat.
    pub(super) muted_until_ms: i64,
    /// For slow mode.
    pub(super) said_ms: Option<i64>,
}

impl Person {
    fn is_dear(&self) -> bool {
        !self.connections.is_empty() || self.parts_ms.is_some() || self.user.role != Role::Viewer
    }
}

#[derive(Clone, Debug, Default)]
pub(super) struct People(HashMap<UserId, Person>);

impl People {
    pub(super) fn get(&self, id: &UserId) -> Option<&Person> {
        self.0.get(id)
    }

    pub(super) fn get_mut(&mut self, id: &UserId) -> Option<&mut Person> {
        self.0.get_mut(id)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Person> {
        self.0.values()
    }

    pub(super) fn remove(&mut self, id: &UserId) {
        self.0.remove(id);
    }

    pub(super) fn is_full(&self) -> bool {
        self.0.len() >= MAX_USERS
    }

    /// Puts a user in unless known. The caller has made room.
    pub(super) fn add(&mut self, user: User, now_ms: i64) {
        self.0.entry(user.id.clone()).or_insert_with(|| Person {
            user,
            connections: BTreeSet::new(),
            last_connection: ConnectionId(0),
            seen_ms: now_ms,
            parts_ms: None,
            was_announced: false,
            talk: Bucket::default(),
            votes: Bucket::default(),
            muted_until_ms: 0,
            said_ms: None,
        });
    }

    /// Forgets a tenth of the users, if so many can be spared: nobody who is connected, moderates, is a bot or is among
    /// `needed`; longest unseen first.
    pub(super) fn make_room(&mut self, needed: &HashSet<UserId>) {
        let mut spare: Vec<_> = self
            .0
            .values()
            .filter(|person| !person.is_dear() && !needed.contains(&person.user.id))
            .map(|person| (person.seen_ms, person.user.id.clone()))
            .collect();
        spare.sort_unstable();
        for (_, id) in spare.iter().take(MAX_USERS / 10) {
            self.0.remove(id);
        }
    }
}
