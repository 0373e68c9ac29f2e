//! What people say, and what they call themselves.

use super::{Answer, NONCE_MS, Room, Turn};
use crate::chat::bounds::{MAX_BODY_BYTES, MAX_PREVIOUS_NAMES};
use crate::chat::command::Post;
use crate::chat::effect::{Done, Effect};
use crate::chat::events::{EventKind, SystemUser};
use crate::chat::ids::{ConnectionId, MessageId, UserId};
use crate::chat::names;
use crate::chat::nonces;
use crate::chat::rates::{MUTE_MS, OF_ADDRESS, OF_USER, VOTES};
use crate::chat::records::{Content, Message, Record, TakenNonce};
use crate::chat::refusal::Refusal;
use crate::chat::users::{MAX_COLOUR, Role};
use crate::chat::webhooks::WebhookEvent;

const MINUTE_MS: i64 = 60_000;

impl Room {
    pub(super) fn say(&mut self, turn: &mut Turn, connection: ConnectionId, post: Post) -> Answer {
        let nonce = post.nonce.clone();
        let answer = self.try_to_say(turn, connection, post);
        // A client that marks its messages learns what became of each one.
        if let (Err(refusal), Some(nonce)) = (&answer, nonce.filter(|nonce| nonces::is_nonce(nonce)))
            && self.connections.contains_key(&connection)
        {
            let event = self.event(turn, EventKind::Refused { nonce, body: refusal.to_string() });
            turn.send(connection, event);
        }
        answer
    }

    fn try_to_say(&mut self, turn: &mut Turn, connection: ConnectionId, post: Post) -> Answer {
        let user = self.speaker(connection)?;
        if let Some(nonce) = &post.nonce {
            if !nonces::is_nonce(nonce) {
                return Err(Refusal::BadNonce);
            }
            self.nonces.forget_before(turn.now.saturating_sub(NONCE_MS));
            if let Some(taken) = self.nonces.get(&user, nonce) {
                return Ok(self.say_again(turn, connection, taken, nonce));
            }
        }
        self.check_length(&post)?;
        if !self.is_open(turn.now) {
            return Err(if self.rules.enable { Refusal::Closed } else { Refusal::ChatOff });
        }
        self.check_standing(turn, &user)?;
        self.check_pace(turn, connection, &user)?;
        self.check_slow_mode(turn, &user)?;
        let id = self.publish(turn, connection, user, post)?;
        if let Some(connection) = self.connections.get_mut(&connection) {
            connection.messages = connection.messages.saturating_add(1);
        }
        Ok(Done::Sent(id))
    }

    /// The user behind a connection.
    pub(super) fn speaker(&self, connection: ConnectionId) -> Result<UserId, Refusal> {
        self.connections.get(&connection).map(|connection| connection.user.clone()).ok_or(Refusal::NotConnected)
    }

    /// A client that reconnected asks for what was taken already.
    fn say_again(&mut self, turn: &mut Turn, connection: ConnectionId, taken: MessageId, nonce: &str) -> Done {
        let visible = self.message(taken).filter(|message| message.hidden.is_none());
        let event = match visible {
            Some(message) => self.event_of(message),
            None => self.event(turn, EventKind::Taken { nonce: nonce.to_owned(), message_id: taken }),
        };
        turn.send(connection, event);
        Done::Sent(taken)
    }

    fn check_length(&self, post: &Post) -> Result<(), Refusal> {
        if post.raw.trim().is_empty() || post.body.trim().is_empty() {
            return Err(Refusal::Empty);
        }
        let limit = usize::try_from(self.rules.max_message_bytes).unwrap_or(usize::MAX);
        if post.raw.len() > limit {
            return Err(Refusal::TooLong { bytes: post.raw.len(), limit });
        }
        if post.body.len() > MAX_BODY_BYTES {
            return Err(Refusal::TooLong { bytes: post.body.len(), limit: MAX_BODY_BYTES });
        }
        Ok(())
    }

    /// Whether the user may take part at all: not paused, and here for long enough.
    pub(super) fn check_standing(&self, turn: &Turn, id: &UserId) -> Result<(), Refusal> {
        let user = &self.person(id)?.user;
        if self.moderates(user) {
            return Ok(());
        }
        if !self.knows_bans {
            return Err(Refusal::ReadOnly);
        }
        if let Some(until) = user.timed_out_until_ms.filter(|until| turn.now < *until) {
            return Err(Refusal::TimedOut { seconds: ceil(until - turn.now, 1_000) });
        }
        let since = user.created_ms.saturating_add(i64::from(self.rules.established_after_minutes) * MINUTE_MS);
        if self.rules.established_users_only && turn.now < since {
            return Err(Refusal::NotEstablished { minutes: ceil(since - turn.now, MINUTE_MS) });
        }
        Ok(())
    }

    /// Whether the user and the address are within their rates. Who is not is muted for a while; an address is not,
    /// because others are behind it.
    fn check_pace(&mut self, turn: &Turn, connection: ConnectionId, id: &UserId) -> Result<(), Refusal> {
        if !self.rules.spam_protection || self.moderates(&self.person(id)?.user) {
            return Ok(());
        }
        let address = self.connections.get(&connection).ok_or(Refusal::NotConnected)?.address;
        let person = self.person_mut(id)?;
        // Further off than a mute lasts: the clock was set back.
        if (1..=MUTE_MS).contains(&person.muted_until_ms.saturating_sub(turn.now)) {
            return Err(Refusal::Muted);
        }
        if !person.talk.take(OF_USER, turn.now) {
            person.muted_until_ms = turn.now.saturating_add(MUTE_MS);
            return Err(Refusal::Flood { seconds: MUTE_MS / 1_000 });
        }
        if self.talk.take(address, OF_ADDRESS, turn.now) { Ok(()) } else { Err(Refusal::AddressFlood) }
    }

    fn check_slow_mode(&mut self, turn: &Turn, id: &UserId) -> Result<(), Refusal> {
        let wait = i64::from(self.rules.slow_mode_seconds) * 1_000;
        let person = self.person(id)?;
        if let Some(said) = person.said_ms.filter(|_| !self.moderates(&person.user)) {
            let left = said.saturating_add(wait).saturating_sub(turn.now);
            if (1..=wait).contains(&left) {
                return Err(Refusal::SlowMode { seconds: ceil(left, 1_000) });
            }
        }
        Ok(())
    }

    fn publish(
        &mut self,
        turn: &mut Turn,
        connection: ConnectionId,
        user: UserId,
        post: Post,
    ) -> Result<MessageId, Refusal> {
        let Post { raw, body, nonce, reply_to, is_question } = post;
        // A reply to what is hidden or long gone is a message like any other.
        let reply_to = reply_to.filter(|id| self.message(*id).is_some_and(|message| message.hidden.is_none()));
        let random = turn.chance();
        let id = self.ids.next(turn.now, random);
        let content = Content::Chat { user: user.clone(), raw: raw.clone(), nonce: nonce.clone(), reply_to };
        let message = Message { id, at_ms: turn.now, body, content, hidden: None, revised: None };
        let is_question = is_question && self.rules.questions;
        let gone = if is_question { self.ask(message.clone())? } else { None };
        self.person_mut(&user)?.said_ms = Some(turn.now);
        if let Some(nonce) = nonce {
            self.nonces.add(TakenNonce { at_ms: turn.now, user: user.clone(), nonce, message: id });
        }
        self.history.push(message.clone());
        let event = self.event_of(&message);
        turn.effects.push(Effect::Webhook(WebhookEvent::Chat {
            user: self.view_of(&user),
            timestamp: event.timestamp,
            body: message.body.clone(),
            raw_body: raw,
            id,
            client_id: connection,
            visible: true,
        }));
        turn.broadcast(event);
        turn.store(Record::Message { message });
        if let Some(gone) = gone {
            turn.store(Record::Question { message: gone, is_question: false });
        }
        if is_question {
            turn.store(Record::Question { message: id, is_question: true });
        }
        Ok(id)
    }

    pub(super) fn say_as(&mut self, turn: &mut Turn, user: &UserId, post: Post) -> Answer {
        if !self.rules.enable {
            return Err(Refusal::ChatOff);
        }
        let known = &self.person(user)?.user;
        if self.is_disabled(known) || !matches!(known.role, Role::Bot { .. }) {
            return Err(Refusal::Disabled);
        }
        self.check_length(&post)?;
        self.publish(turn, ConnectionId(0), user.clone(), Post { nonce: None, ..post }).map(Done::Sent)
    }

    pub(super) fn rename(&mut self, turn: &mut Turn, connection: ConnectionId, name: &str) -> Answer {
        let id = self.speaker(connection)?;
        let renamed = self.try_to_rename(turn, connection, &id, name);
        // Changed or not: the client shows what is true.
        self.tell_themselves(turn, &id);
        renamed.map(|()| Done::Done)
    }

    fn try_to_rename(
        &mut self,
        turn: &mut Turn,
        connection: ConnectionId,
        id: &UserId,
        name: &str,
    ) -> Result<(), Refusal> {
        let user = &self.person(id)?.user;
        if let Role::Declared { name, .. } = &user.role
            && self.declared.contains_key(name)
        {
            return Err(Refusal::Declared { name: name.clone() });
        }
        let new_name = names::clean(name).map_err(Refusal::Name)?;
        if user.name == new_name {
            return Ok(());
        }
        self.check_standing(turn, id)?;
        self.check_name(&new_name, Some(id)).map_err(Refusal::Name)?;
        self.check_pace(turn, connection, id)?;
        let now = turn.now;
        let user = &mut self.person_mut(id)?.user;
        let old_name = std::mem::replace(&mut user.name, new_name.clone());
        user.name_changed_ms = Some(now);
        user.previous_names.push(new_name.clone());
        let surplus = user.previous_names.len().saturating_sub(MAX_PREVIOUS_NAMES);
        user.previous_names.drain(..surplus);
        let user = user.clone();
        let view = self.view(&user);
        turn.store(Record::User { user });
        let event = self.event(turn, EventKind::NameChange { user: view.clone(), old_name });
        turn.effects.push(Effect::Webhook(WebhookEvent::NameChange {
            id: event.id,
            timestamp: event.timestamp,
            user: view,
            client_id: connection,
            new_name,
        }));
        turn.broadcast(event);
        Ok(())
    }

    pub(super) fn recolour(&mut self, turn: &mut Turn, connection: ConnectionId, colour: i64) -> Answer {
        let id = self.speaker(connection)?;
        let colour = u8::try_from(colour).ok().filter(|colour| *colour <= MAX_COLOUR).ok_or(Refusal::NoSuchColour)?;
        self.check_votes(turn, &id)?;
        let user = &mut self.person_mut(&id)?.user;
        if user.colour != colour {
            user.colour = colour;
            let user = user.clone();
            turn.store(Record::User { user });
        }
        self.tell_themselves(turn, &id);
        Ok(Done::Done)
    }

    /// The pace of what nobody reads, and what is done in a row.
    pub(super) fn check_votes(&mut self, turn: &Turn, id: &UserId) -> Result<(), Refusal> {
        let person = self.person_mut(id)?;
        if person.votes.take(VOTES, turn.now) { Ok(()) } else { Err(Refusal::Flood { seconds: 1 }) }
    }

    pub(super) fn system(&mut self, turn: &mut Turn, author: String, body: String, to: Option<ConnectionId>) -> Answer {
        if body.len() > MAX_BODY_BYTES {
            return Err(Refusal::TooLong { bytes: body.len(), limit: MAX_BODY_BYTES });
        }
        let Some(connection) = to else {
            return Ok(Done::Sent(self.host_says(turn, body, Content::System { author })));
        };
        if !self.connections.contains_key(&connection) {
            return Err(Refusal::NotConnected);
        }
        let event = self.event(turn, EventKind::System { body, user: SystemUser { display_name: author } });
        turn.send(connection, event);
        Ok(Done::Done)
    }

    pub(super) fn action(&mut self, turn: &mut Turn, body: String) -> Answer {
        if body.len() > MAX_BODY_BYTES {
            return Err(Refusal::TooLong { bytes: body.len(), limit: MAX_BODY_BYTES });
        }
        Ok(Done::Sent(self.host_says(turn, body, Content::Action)))
    }

    fn host_says(&mut self, turn: &mut Turn, body: String, content: Content) -> MessageId {
        let random = turn.chance();
        let id = self.ids.next(turn.now, random);
        let message = Message { id, at_ms: turn.now, body, content, hidden: None, revised: None };
        self.history.push(message.clone());
        turn.broadcast(self.event_of(&message));
        turn.store(Record::Message { message });
        id
    }
}

/// `ms` in units of `unit`, rounded up.
const fn ceil(ms: i64, unit: i64) -> i64 {
    ms.saturating_add(unit - 1) / unit
}
