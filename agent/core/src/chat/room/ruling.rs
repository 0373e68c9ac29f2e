//! What changes for everybody: the rules, who is declared, the stream, time.

use std::collections::BTreeSet;

use super::{Answer, NONCE_MS, Room, Turn};
use crate::chat::bounds::MAX_BODY_BYTES;
use crate::chat::effect::{CloseReason, Done};
use crate::chat::events::{EventKind, paragraph};
use crate::chat::ids::MessageId;
use crate::chat::names::ForbiddenNames;
use crate::chat::records::Record;
use crate::chat::refusal::Refusal;
use crate::chat::rules::ChatRules;
use crate::chat::stream::Stream;
use crate::chat::users::{DeclaredModerators, Role, User};

const HOUR_MS: i64 = 3_600_000;
/// How often bans end and old things are forgotten.
const SWEEP_MS: i64 = 1_000;
/// How often the store is told what it may delete (Owncast).
const PRUNE_MS: i64 = 5 * 60 * 1000;

impl Room {
    /// Takes hold at once, and whoever is in the room is told what concerns them. Names that are forbidden now are kept
    /// by those who have them, until they change them.
    pub(super) fn set_rules(&mut self, turn: &mut Turn, rules: ChatRules) -> Done {
        self.forbidden = ForbiddenNames::new(&rules.forbidden_names);
        let had = std::mem::replace(&mut self.rules, rules);
        for text in self.news(&had) {
            let event = self.event(turn, EventKind::ChatAction { body: paragraph(&text) });
            turn.broadcast(event);
        }
        if !self.rules.enable {
            for connection in self.connections.keys().copied().chain(self.observers.ids()).collect::<Vec<_>>() {
                self.close(turn, connection, CloseReason::ChatOff);
            }
        }
        Done::Done
    }

    /// What people should know of the new rules.
    fn news(&self, had: &ChatRules) -> Vec<String> {
        let rules = &self.rules;
        if !rules.enable {
            return if had.enable { vec![Refusal::ChatOff.to_string()] } else { Vec::new() };
        }
        let slow = (rules.slow_mode_seconds != had.slow_mode_seconds).then(|| match rules.slow_mode_seconds {
            0 => "Slow mode is off.".to_owned(),
            seconds => format!("Slow mode is on: one message each {seconds} seconds."),
        });
        let terms = |rules: &ChatRules| rules.established_users_only.then_some(rules.established_after_minutes);
        let established = (terms(rules) != terms(had)).then(|| match terms(rules) {
            None => "Everybody can take part.".to_owned(),
            Some(minutes) => format!("Only those can take part who have been here for {minutes} minutes."),
        });
        slow.into_iter().chain(established).collect()
    }

    pub(super) fn set_welcome(&mut self, author: String, body: String) -> Answer {
        if body.len() > MAX_BODY_BYTES {
            return Err(Refusal::TooLong { bytes: body.len(), limit: MAX_BODY_BYTES });
        }
        self.welcome = (!body.is_empty()).then_some((author, body));
        Ok(Done::Done)
    }

    /// Whoever is declared no longer goes on as a guest; whoever is declared with another secret has to log in again.
    pub(super) fn set_moderators(&mut self, turn: &mut Turn, declared: DeclaredModerators) -> Done {
        let before: BTreeSet<_> = self.moderators();
        self.declared = declared;
        self.end_logins(turn);
        let after = self.moderators();
        for id in before.symmetric_difference(&after) {
            self.tell_themselves(turn, id);
        }
        self.enforce_bans(turn);
        Done::Done
    }

    /// Ends the logins made with a secret that is not in force any more. Who has none is told at once.
    fn end_logins(&mut self, turn: &mut Turn) {
        let of_another = |user: &User| match &user.role {
            Role::Declared { name, secret } => {
                let now = self.declared.get(name).filter(|now| *now != secret)?;
                Some((user.id.clone(), Role::Declared { name: name.clone(), secret: now.clone() }))
            }
            _ => None,
        };
        for (id, role) in self.users().filter_map(of_another).collect::<Vec<_>>() {
            turn.store(Record::EndLogins { user: id.clone() });
            self.disconnect(turn, &id, CloseReason::LoginEnded);
            if let Some(person) = self.people.get_mut(&id) {
                person.user.role = role;
                turn.store(Record::User { user: person.user.clone() });
            }
        }
    }

    fn moderators(&self) -> BTreeSet<crate::chat::ids::UserId> {
        self.users().filter(|user| self.moderates(user)).map(|user| user.id.clone()).collect()
    }

    pub(super) fn stream_started(&mut self, turn: &mut Turn) -> Done {
        if !self.stream.is_live() {
            self.stream = Stream::Live { since_ms: turn.now };
            turn.store(Record::Stream { stream: self.stream });
        }
        self.tell_of_hours(turn);
        Done::Done
    }

    pub(super) fn stream_ended(&mut self, turn: &mut Turn) -> Done {
        if self.stream.is_live() {
            self.stream = Stream::Ended { at_ms: turn.now };
            turn.store(Record::Stream { stream: self.stream });
        }
        Done::Done
    }

    pub(super) fn tick(&mut self, turn: &mut Turn) -> Done {
        self.part(turn);
        self.tell_of_votes(turn);
        self.tell_of_hours(turn);
        // An interval that begins in the future is over: the clock was set back.
        let is_over = |since: i64, length: i64| !(0..length).contains(&turn.now.saturating_sub(since));
        let (sweeps, prunes) = (is_over(self.swept_ms, SWEEP_MS), is_over(self.pruned_ms, PRUNE_MS));
        if sweeps {
            self.swept_ms = turn.now;
            self.sweep(turn);
        }
        if prunes {
            self.pruned_ms = turn.now;
            turn.store(Record::Prune { before: MessageId::first_of(self.oldest_kept(turn.now)) });
        }
        Done::Done
    }

    /// Tells everybody when the chat closes some time after the stream, and when it opens with the next.
    fn tell_of_hours(&mut self, turn: &mut Turn) {
        let is_closed = !self.stream.is_open(turn.now);
        if is_closed != self.is_closed {
            self.is_closed = is_closed;
            let event = self.event(turn, EventKind::Opening { open: !is_closed });
            turn.broadcast(event);
        }
    }

    fn oldest_kept(&self, now_ms: i64) -> i64 {
        now_ms.saturating_sub(i64::from(self.rules.history_hours) * HOUR_MS)
    }

    fn sweep(&mut self, turn: &mut Turn) {
        for ban in self.bans.expire(turn.now) {
            turn.store(Record::Unban { network: ban.network });
        }
        self.nonces.forget_before(turn.now.saturating_sub(NONCE_MS));
        self.talk.sweep(turn.now);
        self.registrations.sweep(turn.now);
        let oldest = self.oldest_kept(turn.now);
        self.history.prune(oldest);
        // What was asked in a lecture that still goes on stays, however long it takes.
        let kept_from = match self.stream {
            Stream::Live { since_ms } => oldest.min(since_ms),
            Stream::Never | Stream::Ended { .. } => oldest,
        };
        for message in self.questions.remove_where(|question| question.message.at_ms < kept_from) {
            turn.store(Record::Question { message, is_question: false });
        }
    }
}
