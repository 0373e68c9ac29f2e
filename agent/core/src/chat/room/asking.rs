//! Questions for the speaker.

use super::{Answer, Room, Turn, VOTES_TOLD_MS};
use crate::chat::audit::{AuditAction, By};
use crate::chat::effect::Done;
use crate::chat::events::{EventKind, Standing};
use crate::chat::ids::{ConnectionId, MessageId};
use crate::chat::questions::{Question, VoteError};
use crate::chat::records::{Message, Record};
use crate::chat::refusal::Refusal;

fn update(question: &Question) -> EventKind {
    let Standing { votes, answered } = question.standing();
    EventKind::QuestionUpdate { message_id: question.message.id, votes, answered, withdrawn: false }
}

const fn withdrawn(message_id: MessageId) -> EventKind {
    EventKind::QuestionUpdate { message_id, votes: 0, answered: false, withdrawn: true }
}

impl Room {
    /// Puts a message among the questions. Gives the one that made room.
    pub(super) fn ask(&mut self, message: Message) -> Result<Option<MessageId>, Refusal> {
        self.questions.add(message).map_err(|()| Refusal::TooManyQuestions)
    }

    /// What has become of the questions that somebody knows who was away since then.
    pub(super) fn questions_since(&self, since: MessageId) -> Vec<EventKind> {
        let asked = self.questions.changed_since(since).map(update);
        let withdrawn = self.questions.withdrawn_since(since).map(withdrawn);
        asked.chain(withdrawn).collect()
    }

    pub(super) fn vote(
        &mut self,
        turn: &mut Turn,
        connection: ConnectionId,
        question: MessageId,
        given: bool,
    ) -> Answer {
        let user = self.speaker(connection)?;
        self.check_standing(turn, &user)?;
        self.check_votes(turn, &user)?;
        let has_changed = self.questions.vote(question, &user, given).map_err(|error| match error {
            VoteError::NoQuestion => Refusal::NoSuchQuestion,
            VoteError::OwnQuestion => Refusal::OwnQuestion,
            VoteError::Answered => Refusal::Answered,
            VoteError::Full => Refusal::Full,
        })?;
        if has_changed {
            turn.store(Record::Vote { question, user, given });
        }
        // The voter sees it at once, everybody else with the next telling.
        if let Some(kind) = self.questions.get(question).map(update) {
            let event = self.event(turn, kind);
            turn.send(connection, event);
        }
        Ok(Done::Done)
    }

    pub(super) fn set_question(&mut self, turn: &mut Turn, by: &By, id: MessageId, is_question: bool) -> Answer {
        let message = self.message(id).cloned().ok_or(Refusal::NoSuchMessage)?;
        let author = message.author().ok_or(Refusal::NoSuchMessage)?;
        let is_own = matches!(by, By::User(user) if user == author);
        if is_own {
            self.check_standing(turn, author)?;
        } else {
            self.authorise(by)?;
        }
        if self.questions.get(id).is_some() == is_question {
            return Ok(Done::Done);
        }
        if is_question {
            if !self.rules.questions || message.hidden.is_some() {
                return Err(Refusal::NoSuchQuestion);
            }
            if let Some(gone) = self.ask(message)? {
                turn.store(Record::Question { message: gone, is_question: false });
            }
        } else {
            self.questions.remove(id);
        }
        turn.store(Record::Question { message: id, is_question });
        self.tell_of_question(turn, id);
        if !is_own {
            let (action, done) = if is_question {
                (AuditAction::MarkQuestion, "marked a message as a question")
            } else {
                (AuditAction::WithdrawQuestion, "withdrew a question")
            };
            self.audit(turn, by, action, &id.to_string(), done);
        }
        Ok(Done::Done)
    }

    pub(super) fn answer_question(&mut self, turn: &mut Turn, by: &By, id: MessageId, is_answered: bool) -> Answer {
        self.authorise(by)?;
        let at_ms = is_answered.then_some(turn.now);
        if self.questions.answer(id, at_ms).ok_or(Refusal::NoSuchQuestion)? {
            turn.store(Record::Answered { question: id, at_ms });
            self.tell_of_question(turn, id);
            let (action, done) = if is_answered {
                (AuditAction::Answer, "marked a question as answered")
            } else {
                (AuditAction::Reopen, "opened an answered question again")
            };
            self.audit(turn, by, action, &id.to_string(), done);
        }
        Ok(Done::Done)
    }

    fn tell_of_question(&mut self, turn: &mut Turn, id: MessageId) {
        let kind = self.questions.get(id).map_or_else(|| withdrawn(id), update);
        let event = self.event(turn, kind);
        match self.questions.get_mut(id) {
            Some(question) => {
                question.told_ms = turn.now;
                question.is_stale = false;
                question.revised = Some(event.id);
            }
            None => self.questions.note_withdrawn(id, event.id),
        }
        turn.broadcast(event);
    }

    /// Tells everybody of votes, each question at most once a second.
    pub(super) fn tell_of_votes(&mut self, turn: &mut Turn) {
        let now = turn.now;
        let is_due = |question: &&mut Question| {
            // Told in the future: the clock was set back.
            question.is_stale && !(0..VOTES_TOLD_MS).contains(&now.saturating_sub(question.told_ms))
        };
        let due: Vec<_> = self.questions.iter_mut().filter(is_due).map(|question| question.message.id).collect();
        for id in due {
            self.tell_of_question(turn, id);
        }
    }
}
