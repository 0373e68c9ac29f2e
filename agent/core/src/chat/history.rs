//! The newest messages, oldest first. Age is told by their ids, which never run back as a clock may.

use std::collections::VecDeque;

use super::bounds::MAX_HISTORY;
use super::ids::{MessageId, UserId};
use super::records::Message;

#[derive(Clone, Debug, Default)]
pub struct History {
    messages: VecDeque<Message>,
    /// The greatest id that is no longer here.
    dropped: Option<MessageId>,
}

/// What somebody missed who was away.
#[derive(Debug)]
pub struct Missed<'a> {
    /// Hidden ones too.
    pub messages: Vec<&'a Message>,
    /// Whether that is all.
    pub is_complete: bool,
}

impl History {
    /// The newest of `messages`, which come in any order.
    #[must_use]
    pub fn new(mut messages: Vec<Message>, dropped: Option<MessageId>) -> Self {
        messages.sort_by_key(|message| message.id);
        messages.dedup_by_key(|message| message.id);
        let mut history = Self { messages: VecDeque::new(), dropped };
        messages.into_iter().for_each(|message| history.push(message));
        history
    }

    /// Its id is above all others.
    pub fn push(&mut self, message: Message) {
        if self.messages.len() >= MAX_HISTORY {
            self.dropped = self.dropped.max(self.messages.pop_front().map(|message| message.id));
        }
        self.messages.push_back(message);
    }

    #[must_use]
    pub fn get(&self, id: MessageId) -> Option<&Message> {
        self.messages.binary_search_by_key(&id, |message| message.id).ok().map(|index| &self.messages[index])
    }

    pub fn get_mut(&mut self, id: MessageId) -> Option<&mut Message> {
        self.messages.binary_search_by_key(&id, |message| message.id).ok().map(|index| &mut self.messages[index])
    }

    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Message> {
        self.messages.iter()
    }

    /// The newest `count` visible messages, oldest first.
    #[must_use]
    pub fn shown(&self, count: usize) -> Vec<&Message> {
        let mut shown: Vec<_> = self.iter().rev().filter(|message| message.hidden.is_none()).take(count).collect();
        shown.reverse();
        shown
    }

    /// What came after `since`: the newest `count`, and everything younger than `young_ms`.
    #[must_use]
    pub fn missed(&self, since: MessageId, count: usize, young_ms: i64) -> Missed<'_> {
        let from = self.messages.partition_point(|message| message.id <= since);
        let young = self.messages.partition_point(|message| message.id.ms() < young_ms);
        let allowed = self.messages.len().saturating_sub(count).min(young);
        let start = from.max(allowed);
        let is_complete = start == from && self.dropped.is_none_or(|dropped| dropped <= since);
        Missed { messages: self.messages.range(start..).collect(), is_complete }
    }

    /// Drops what was sent before `ms`.
    pub fn prune(&mut self, ms: i64) {
        let old = self.messages.partition_point(|message| message.id.ms() < ms);
        self.dropped = self.dropped.max(self.messages.drain(..old).next_back().map(|message| message.id));
    }

    /// Forgets what the user wrote, which is deleted.
    pub(super) fn delete_all_of(&mut self, user: &UserId) {
        self.messages.retain(|message| message.author() != Some(user));
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::chat::records::{Content, Hidden, HiddenBecause};

    fn message(ms: i64) -> Message {
        let id = MessageId::first_of(ms);
        Message { id, at_ms: ms, body: String::new(), content: Content::Action, hidden: None, revised: None }
    }

    fn history(moments: &[i64]) -> History {
        History::new(moments.iter().map(|ms| message(*ms)).collect(), None)
    }

    fn moments<'a>(messages: impl IntoIterator<Item = &'a Message>) -> Vec<i64> {
        messages.into_iter().map(|message| message.at_ms).collect()
    }

    #[test]
    fn newcomers_see_the_newest_visible_messages() {
        let mut history = history(&[30, 10, 20, 40, 20]);
        assert_eq!(moments(history.iter()), [10, 20, 30, 40]);
        history.get_mut(MessageId::first_of(30)).unwrap().hidden =
            Some(Hidden { at_ms: 50, because: HiddenBecause::Message });
        assert_eq!(moments(history.shown(2)), [20, 40]);
        assert!(history.shown(0).is_empty());
        assert!(history.get(MessageId::first_of(11)).is_none());
    }

    #[test]
    fn who_was_away_gets_what_came_since() {
        let history = history(&[10, 20, 30, 40]);
        let missed = |since: i64, count: usize, young: i64| {
            let missed = history.missed(MessageId::first_of(since), count, young);
            (moments(missed.messages.iter().copied()), missed.is_complete)
        };
        assert_eq!(missed(20, 50, 1_000), (vec![30, 40], true));
        assert_eq!(missed(40, 50, 1_000), (vec![], true));
        assert_eq!(missed(99, 50, 1_000), (vec![], true));
        assert_eq!(missed(0, 2, 1_000), (vec![30, 40], false), "more than a newcomer is shown");
        assert_eq!(missed(0, 0, 20), (vec![20, 30, 40], false), "unless it is young");
        assert_eq!(missed(10, 0, 20), (vec![20, 30, 40], true));
    }

    #[test]
    fn what_was_dropped_is_known_to_be_missing() {
        let mut history = history(&[10, 20, 30]);
        history.prune(5);
        assert_eq!(history.iter().count(), 3);
        history.prune(25);
        assert_eq!(moments(history.iter()), [30]);
        let is_complete = |since| history.missed(MessageId::first_of(since), 50, 0).is_complete;
        assert!(!is_complete(10) && is_complete(20) && is_complete(25));
        let mut full = History::default();
        (0..=500).for_each(|ms| full.push(message(ms)));
        assert_eq!(full.iter().count(), MAX_HISTORY);
        assert!(full.missed(MessageId::first_of(0), 500, 0).is_complete);
        full.push(message(501));
        assert!(!full.missed(MessageId::first_of(0), 500, 0).is_complete);
    }
}
