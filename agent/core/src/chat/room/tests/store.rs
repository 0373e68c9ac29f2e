//! What a store has to do with the records, in the plainest way, to show that they are enough.

use std::collections::BTreeMap;

use super::*;
use crate::chat::bounds::MAX_HISTORY;
use crate::chat::records::{Hidden, HiddenBecause, StoredQuestion, TakenNonce};

#[derive(Default)]
pub(super) struct Store {
    users: BTreeMap<UserId, User>,
    messages: BTreeMap<MessageId, Message>,
    questions: BTreeMap<MessageId, (Option<i64>, BTreeSet<UserId>)>,
    bans: BTreeMap<String, NetworkBan>,
    stream: Stream,
    deleted: Option<MessageId>,
}

impl Store {
    pub(super) fn write(&mut self, record: Record) {
        match record {
            Record::User { user } => drop(self.users.insert(user.id.clone(), user)),
            Record::EndLogins { .. } => {}
            Record::DeleteUser { user } => {
                self.users.remove(&user);
                self.delete(|message| message.author() == Some(&user));
                self.questions.retain(|id, _| self.messages.contains_key(id));
            }
            Record::Message { message } => drop(self.messages.insert(message.id, message)),
            Record::Visibility { ids, hidden, revised } => {
                for message in self.messages.values_mut().filter(|message| ids.contains(&message.id)) {
                    message.hidden = hidden;
                    message.revised = Some(revised);
                }
            }
            Record::HideAllOf { user, hidden } => self.hide(&user, hidden),
            Record::ShowAllOf { user } => {
                for message in self.messages.values_mut().filter(|message| message.author() == Some(&user)) {
                    message.hidden = message.hidden.filter(|hidden| hidden.because != HiddenBecause::Ban);
                }
            }
            Record::Question { message, is_question: true } => drop(self.questions.insert(message, Default::default())),
            Record::Question { message, is_question: false } => drop(self.questions.remove(&message)),
            Record::Vote { question, user, given } => {
                let (_, voters) = self.questions.get_mut(&question).unwrap();
                let has_changed = if given { voters.insert(user) } else { voters.remove(&user) };
                assert!(has_changed, "each record changes something");
            }
            Record::Answered { question, at_ms } => self.questions.get_mut(&question).unwrap().0 = at_ms,
            Record::Ban { ban } => drop(self.bans.insert(ban.network.clone(), ban)),
            Record::Unban { network } => assert!(self.bans.remove(&network).is_some()),
            Record::Stream { stream } => self.stream = stream,
            Record::Prune { before } => {
                let questions = self.questions.clone();
                self.delete(|message| message.id < before && !questions.contains_key(&message.id));
            }
        }
    }

    fn hide(&mut self, user: &UserId, hidden: Hidden) {
        for message in self.messages.values_mut().filter(|message| message.author() == Some(user)) {
            let by_ban = message.hidden.is_some_and(|was| was.because == HiddenBecause::Ban);
            if message.hidden.is_none() || (by_ban && hidden.because == HiddenBecause::Message) {
                message.hidden = Some(hidden);
            }
        }
    }

    fn delete(&mut self, is_gone: impl Fn(&Message) -> bool) {
        let gone = self.messages.values().filter(|message| is_gone(message)).map(|message| message.id).max();
        self.deleted = self.deleted.max(gone);
        self.messages.retain(|_, message| !is_gone(message));
    }

    pub(super) fn snapshot(&self, now: i64) -> Snapshot {
        let messages: Vec<_> = self.messages.values().rev().take(MAX_HISTORY).cloned().collect();
        let left_out = self.messages.keys().rev().nth(MAX_HISTORY).copied();
        let questions = self.questions.iter().map(|(id, (answered_ms, voters))| StoredQuestion {
            message: self.messages[id].clone(),
            answered_ms: *answered_ms,
            voters: voters.iter().cloned().collect(),
        });
        let nonces = self.messages.values().filter(|message| message.at_ms >= now - NONCE_MS).filter_map(|message| {
            let Content::Chat { user, nonce, .. } = &message.content else { return None };
            let (at_ms, user, message) = (message.at_ms, user.clone(), message.id);
            Some(TakenNonce { at_ms, user, nonce: nonce.clone()?, message })
        });
        Snapshot {
            users: self.users.values().cloned().collect(),
            messages,
            questions: questions.collect(),
            nonces: nonces.collect(),
            bans: self.bans.values().cloned().collect(),
            last_id: self.messages.keys().max().copied(),
            dropped: self.deleted.max(left_out),
            stream: self.stream,
        }
    }
}

/// What can be seen of a room from outside, in no order that does not matter.
#[derive(Debug, PartialEq)]
pub(super) struct Seen {
    shown: Vec<Event>,
    all: Vec<Event>,
    stage: Vec<Event>,
    users: BTreeMap<UserId, User>,
    bans: BTreeSet<String>,
}

impl Seen {
    pub(super) fn of(room: &Room) -> Self {
        Self {
            shown: room.history(),
            all: room.full_history(),
            stage: room.stage(),
            users: room.users().map(|user| (user.id.clone(), user.clone())).collect(),
            bans: room.bans().map(|ban| ban.network.clone()).collect(),
        }
    }
}
