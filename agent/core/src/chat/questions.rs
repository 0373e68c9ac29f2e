//! Questions for the speaker, and who wants them answered. Kept apart from the history, which would lose them in a busy
//! hour.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::bounds::{MAX_QUESTIONS, MAX_VOTES};
use super::events::Standing;
use super::ids::{MessageId, UserId};
use super::records::{Message, StoredQuestion};

#[derive(Clone, Debug)]
pub struct Question {
    pub message: Message,
    pub answered_ms: Option<i64>,
    voters: BTreeSet<UserId>,
    /// When and with which event everybody was told last. No event: not since the engine started.
    pub(super) told_ms: i64,
    pub(super) revised: Option<MessageId>,
    /// Whether the votes have changed since.
    pub(super) is_stale: bool,
}

impl Question {
    #[must_use]
    pub fn standing(&self) -> Standing {
        Standing { votes: self.voters.len(), answered: self.answered_ms.is_some() }
    }

    #[must_use]
    pub fn has_vote_of(&self, user: &UserId) -> bool {
        self.voters.contains(user)
    }

    fn is_spent(&self) -> bool {
        self.answered_ms.is_some() || self.message.hidden.is_some()
    }
}

/// Why a vote does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum VoteError {
    NoQuestion,
    OwnQuestion,
    Answered,
    Full,
}

#[derive(Clone, Debug, Default)]
pub struct Questions {
    questions: BTreeMap<MessageId, Question>,
    votes: usize,
    /// What was a question once, with the event that said that it is none any more. The oldest is forgotten.
    withdrawn: VecDeque<(MessageId, MessageId)>,
}

impl Questions {
    /// Leaves out what is beyond the bounds.
    pub(super) fn new(stored: Vec<StoredQuestion>) -> Self {
        let mut questions = Self::default();
        for StoredQuestion { message, answered_ms, voters } in stored.into_iter().take(MAX_QUESTIONS) {
            let voters: BTreeSet<_> = voters.into_iter().take(MAX_VOTES - questions.votes).collect();
            questions.votes += voters.len();
            let question = Question { message, answered_ms, voters, told_ms: 0, revised: None, is_stale: false };
            questions.questions.insert(question.message.id, question);
        }
        questions
    }

    #[must_use]
    pub fn get(&self, id: MessageId) -> Option<&Question> {
        self.questions.get(&id)
    }

    pub(super) fn get_mut(&mut self, id: MessageId) -> Option<&mut Question> {
        self.questions.get_mut(&id)
    }

    pub fn iter(&self) -> impl Iterator<Item = &Question> {
        self.questions.values()
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Question> {
        self.questions.values_mut()
    }

    /// For the stage: what is asked and visible, most wanted first, and of equals the older one. What has been answered
    /// comes after, latest first.
    #[must_use]
    pub fn on_stage(&self) -> Vec<&Question> {
        let mut shown: Vec<_> = self.iter().filter(|question| question.message.hidden.is_none()).collect();
        shown.sort_by_key(|question| {
            let open = (usize::MAX - question.voters.len(), question.message.id);
            (question.answered_ms.is_some(), question.answered_ms.map(|ms| -ms), open)
        });
        shown
    }

    /// Gives the questions that made room, or an error when there are too many.
    pub(super) fn add(&mut self, message: Message) -> Result<Option<MessageId>, ()> {
        let mut gone = None;
        if self.questions.len() >= MAX_QUESTIONS && !self.questions.contains_key(&message.id) {
            let spent =
                self.iter().find(|question| question.is_spent()).map(|question| question.message.id).ok_or(())?;
            self.remove(spent);
            gone = Some(spent);
        }
        let id = message.id;
        self.questions.entry(id).or_insert(Question {
            message,
            answered_ms: None,
            voters: BTreeSet::new(),
            told_ms: 0,
            revised: Some(id),
            is_stale: false,
        });
        Ok(gone)
    }

    pub(super) fn remove(&mut self, id: MessageId) -> bool {
        let removed = self.questions.remove(&id);
        self.votes -= removed.as_ref().map_or(0, |question| question.voters.len());
        removed.is_some()
    }

    /// The questions that were given at `since` and have changed after, and those of which nobody knows.
    pub(super) fn changed_since(&self, since: MessageId) -> impl Iterator<Item = &Question> {
        self.iter().filter(move |question| {
            question.message.id <= since && question.revised.is_none_or(|revised| revised > since)
        })
    }

    pub(super) fn note_withdrawn(&mut self, message: MessageId, told: MessageId) {
        if self.withdrawn.len() >= MAX_QUESTIONS {
            self.withdrawn.pop_front();
        }
        self.withdrawn.push_back((message, told));
    }

    /// What is no question any more, and was one at `since` perhaps.
    pub(super) fn withdrawn_since(&self, since: MessageId) -> impl Iterator<Item = MessageId> {
        let withdrawn = self.withdrawn.iter().filter(move |(message, told)| *message <= since && *told > since);
        withdrawn.map(|(message, _)| *message).filter(|message| !self.questions.contains_key(message))
    }

    /// Counts a vote, or takes it back. Gives whether that changed anything.
    pub(super) fn vote(&mut self, id: MessageId, user: &UserId, given: bool) -> Result<bool, VoteError> {
        let question = self.questions.get_mut(&id).filter(|question| question.message.hidden.is_none());
        let question = question.ok_or(VoteError::NoQuestion)?;
        if question.message.author() == Some(user) {
            return Err(VoteError::OwnQuestion);
        }
        if question.answered_ms.is_some() {
            return Err(VoteError::Answered);
        }
        if given && self.votes >= MAX_VOTES && !question.voters.contains(user) {
            return Err(VoteError::Full);
        }
        let has_changed = if given { question.voters.insert(user.clone()) } else { question.voters.remove(user) };
        question.is_stale |= has_changed;
        match (has_changed, given) {
            (true, true) => self.votes += 1,
            (true, false) => self.votes -= 1,
            (false, _) => (),
        }
        Ok(has_changed)
    }

    /// Gives whether that changed anything; none if there is no such question.
    pub(super) fn answer(&mut self, id: MessageId, answered_ms: Option<i64>) -> Option<bool> {
        let question = self.questions.get_mut(&id)?;
        let has_changed = question.answered_ms.is_some() != answered_ms.is_some();
        if has_changed {
            question.answered_ms = answered_ms;
        }
        Some(has_changed)
    }

    /// Removes the questions of which `is_gone`, and gives their ids.
    pub(super) fn remove_where(&mut self, is_gone: impl Fn(&Question) -> bool) -> Vec<MessageId> {
        let gone: Vec<_> =
            self.iter().filter(|question| is_gone(question)).map(|question| question.message.id).collect();
        for id in &gone {
            self.remove(*id);
        }
        gone
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::chat::records::{Content, Hidden, HiddenBecause};

    fn id(ms: i64) -> MessageId {
        MessageId::first_of(ms)
    }

    fn user(name: &str) -> UserId {
        UserId(name.to_owned())
    }

    fn message(ms: i64) -> Message {
        let content = Content::Chat { user: user("asker"), raw: String::new(), nonce: None, reply_to: None };
        Message { id: id(ms), at_ms: ms, body: String::new(), content, hidden: None, revised: None }
    }

    fn on_stage(questions: &Questions) -> Vec<i64> {
        questions.on_stage().iter().map(|question| question.message.at_ms).collect()
    }

    #[test]
    fn the_stage_shows_what_most_want_to_know() {
        let mut questions = Questions::default();
        for ms in [1, 2, 3, 4, 5] {
            questions.add(message(ms)).unwrap();
        }
        assert_eq!(on_stage(&questions), [1, 2, 3, 4, 5]);
        for voter in ["a", "b"] {
            questions.vote(id(3), &user(voter), true).unwrap();
        }
        questions.vote(id(4), &user("a"), true).unwrap();
        questions.answer(id(1), Some(100));
        questions.answer(id(2), Some(200));
        assert_eq!(on_stage(&questions), [3, 4, 5, 2, 1]);
        questions.get_mut(id(3)).unwrap().message.hidden = Some(Hidden { at_ms: 1, because: HiddenBecause::Message });
        assert_eq!(on_stage(&questions), [4, 5, 2, 1]);
        assert_eq!(questions.vote(id(3), &user("c"), true), Err(VoteError::NoQuestion), "hidden ones take no votes");
        assert_eq!(questions.vote(id(1), &user("c"), true), Err(VoteError::Answered));
    }

    #[test]
    fn each_user_has_one_vote_and_can_take_it_back() {
        let mut questions = Questions::default();
        questions.add(message(1)).unwrap();
        let votes = |questions: &Questions| (questions.get(id(1)).unwrap().standing().votes, questions.votes);
        assert_eq!(questions.vote(id(1), &user("a"), false), Ok(false));
        assert_eq!(questions.vote(id(1), &user("a"), true), Ok(true));
        assert_eq!(questions.vote(id(1), &user("a"), true), Ok(false));
        assert_eq!(votes(&questions), (1, 1));
        assert_eq!(questions.vote(id(1), &user("asker"), true), Err(VoteError::OwnQuestion));
        assert_eq!(questions.vote(id(1), &user("a"), false), Ok(true));
        assert_eq!(votes(&questions), (0, 0));
        questions.vote(id(1), &user("a"), true).unwrap();
        assert!(questions.remove(id(1)) && !questions.remove(id(1)));
        assert_eq!(questions.votes, 0);
    }

    #[test]
    fn answered_questions_make_room_and_open_ones_do_not() {
        let mut questions = Questions::default();
        for ms in 0..500 {
            assert_eq!(questions.add(message(ms)), Ok(None));
        }
        assert_eq!(questions.add(message(500)), Err(()));
        questions.answer(id(7), Some(1));
        assert_eq!(questions.add(message(500)), Ok(Some(id(7))));
        assert!(questions.get(id(7)).is_none() && questions.get(id(500)).is_some());
    }
}
