//! Who is in the room.

use std::net::IpAddr;

use super::{Answer, Connection, PART_MS, REJOIN_MS, Room, Turn};
use crate::chat::bounds::{MAX_CONNECTIONS, MAX_CONNECTIONS_PER_USER};
use crate::chat::effect::{Done, Effect};
use crate::chat::events::{EventKind, SystemUser};
use crate::chat::ids::{ConnectionId, MessageId, UserId};
use crate::chat::names::{self, MAX_NAME_CHARS, NameError};
use crate::chat::rates::REGISTRATIONS;
use crate::chat::records::Record;
use crate::chat::refusal::Refusal;
use crate::chat::users::{MAX_COLOUR, Role, SecretId, User};
use crate::chat::webhooks::WebhookEvent;

/// How often another name is drawn if somebody present has it.
const DRAWS: usize = 8;

impl Room {
    pub(super) fn register(&mut self, turn: &mut Turn, id: UserId, name: Option<&str>, address: IpAddr) -> Answer {
        self.admit(address, None)?;
        if !self.registrations.take(address, REGISTRATIONS, turn.now) {
            return Err(Refusal::AddressFlood);
        }
        let name = name.and_then(|name| self.usable_name(name).ok()).unwrap_or_else(|| self.draw_name(turn));
        self.welcome(turn, id, name, Role::Viewer)
    }

    pub(super) fn register_moderator(&mut self, turn: &mut Turn, id: UserId, name: String, secret: SecretId) -> Answer {
        // It may have been another when it was looked at.
        if self.declared.get(&name) != Some(&secret) {
            return Err(Refusal::NotDeclared { name });
        }
        let role = Role::Declared { name: name.clone(), secret };
        if let Some(person) = self.people.iter().find(|person| person.user.role == role) {
            return Ok(Done::Registered(Box::new(person.user.clone())));
        }
        self.welcome(turn, id, name, role)
    }

    pub(super) fn register_bot(&mut self, turn: &mut Turn, id: UserId, token: String, scopes: Vec<String>) -> Answer {
        let is_it = |user: &User| matches!(&user.role, Role::Bot { token: known, .. } if *known == token);
        let known = self.people.iter().find(|person| is_it(&person.user)).map(|person| person.user.id.clone());
        let Some(known) = known else {
            return self.welcome(turn, id, token.clone(), Role::Bot { token, scopes });
        };
        let user = &mut self.person_mut(&known)?.user;
        let role = Role::Bot { token, scopes };
        if user.role != role {
            user.role = role;
            let user = user.clone();
            turn.store(Record::User { user });
        }
        Ok(Done::Registered(Box::new(self.person(&known)?.user.clone())))
    }

    fn welcome(&mut self, turn: &mut Turn, id: UserId, name: String, role: Role) -> Answer {
        self.make_room()?;
        let colour = u8::try_from(turn.chance() % (u64::from(MAX_COLOUR) + 1)).unwrap_or(0);
        let user = User {
            id,
            colour,
            created_ms: turn.now,
            previous_names: vec![name.clone()],
            name,
            name_changed_ms: None,
            disabled_ms: None,
            timed_out_until_ms: None,
            authenticated: matches!(role, Role::Declared { .. }),
            role,
        };
        self.people.add(user.clone(), turn.now);
        turn.store(Record::User { user: user.clone() });
        Ok(Done::Registered(Box::new(user)))
    }

    pub(super) fn know(&mut self, turn: &mut Turn, user: User) -> Answer {
        self.make_room()?;
        self.people.add(user, turn.now);
        Ok(Done::Done)
    }

    fn make_room(&mut self) -> Result<(), Refusal> {
        if self.people.is_full() {
            let needed = self.authors();
            self.people.make_room(&needed);
        }
        if self.people.is_full() { Err(Refusal::Full) } else { Ok(()) }
    }

    /// The name as it may be shown. Too long a one is cut, as Owncast does.
    fn usable_name(&self, name: &str) -> Result<String, NameError> {
        let cleaned = match names::clean(name) {
            Err(NameError::TooLong) => {
                let words = name.split_whitespace().collect::<Vec<_>>().join(" ");
                names::clean(&words.chars().take(MAX_NAME_CHARS).collect::<String>())?
            }
            cleaned => cleaned?,
        };
        self.check_name(&cleaned, None)?;
        Ok(cleaned)
    }

    /// Nobody may pose as the host, a moderator, a bot or somebody who has proved who they are.
    pub(super) fn check_name(&self, name: &str, own: Option<&UserId>) -> Result<(), NameError> {
        if self.forbidden.forbid(name) {
            return Err(NameError::Forbidden);
        }
        let is_protected = |user: &User| self.moderates(user) || user.authenticated || user.role != Role::Viewer;
        let protected = self.users().filter(|user| Some(&user.id) != own && is_protected(user)).map(|user| &user.name);
        if protected.chain(self.declared.keys()).any(|taken| names::look_alike(taken, name)) {
            return Err(NameError::Taken);
        }
        Ok(())
    }

    fn draw_name(&self, turn: &mut Turn) -> String {
        let mut name = names::suggest(&self.rules.suggested_names, turn.chance());
        for _ in 0..DRAWS {
            let is_used = |name: &str| self.users().any(|user| user.name == name);
            if !is_used(&name) && self.check_name(&name, None).is_ok() {
                break;
            }
            name = names::suggest(&self.rules.suggested_names, turn.chance());
        }
        name
    }

    pub(super) fn join(
        &mut self,
        turn: &mut Turn,
        connection: ConnectionId,
        user: UserId,
        address: IpAddr,
        since: Option<MessageId>,
    ) -> Answer {
        if !self.rules.enable {
            return Err(Refusal::ChatOff);
        }
        let person = self.person(&user)?;
        self.admit(address, Some(&person.user))?;
        if person.connections.len() >= MAX_CONNECTIONS_PER_USER {
            return Err(Refusal::TooManyConnections);
        }
        if self.sockets() >= MAX_CONNECTIONS {
            return Err(Refusal::Full);
        }
        self.detach(turn, connection);
        let person = self.person_mut(&user)?;
        let has_come = person.connections.is_empty() && person.parts_ms.is_none();
        person.connections.insert(connection);
        person.seen_ms = turn.now;
        if let Some(due) = person.parts_ms.take() {
            self.parting.remove(&(due, user.clone()));
        }
        let joined = Connection { user: user.clone(), address, joined_ms: turn.now, messages: 0 };
        self.connections.insert(connection, joined);
        let info = EventKind::ConnectedUserInfo { user: self.view_of(&user) };
        let info = self.event(turn, info);
        turn.send(connection, info);
        if let Some(since) = since {
            self.resume(turn, connection, since);
        }
        let has_seen_any = since.is_some_and(|since| !since.is_least());
        // A page that was opened anew shows nothing of what it showed before.
        if since.is_some_and(MessageId::is_least) || (has_come && since.is_none()) {
            self.greet(turn, connection);
        }
        if has_come && has_seen_any && self.has_just_begun(turn.now) {
            self.person_mut(&user)?.was_announced = true;
        } else if has_come {
            self.announce(turn, connection, &user)?;
        }
        Ok(Done::Done)
    }

    /// Owncast does so after seven seconds and while the stream is live only; here nobody has to wait for it.
    fn greet(&mut self, turn: &mut Turn, connection: ConnectionId) {
        if let Some((author, body)) = self.welcome.clone() {
            let event = self.event(turn, EventKind::System { body, user: SystemUser { display_name: author } });
            turn.send(connection, event);
        }
    }

    /// Thousands come back at once after a restart, who were told of before it.
    fn has_just_begun(&self, now_ms: i64) -> bool {
        self.began_ms.is_some_and(|began| (0..REJOIN_MS).contains(&now_ms.saturating_sub(began)))
    }

    /// As Owncast does, the page is told while the stream is live. Webhooks are told always.
    fn announce(&mut self, turn: &mut Turn, connection: ConnectionId, id: &UserId) -> Result<(), Refusal> {
        let user = self.view_of(id);
        let event = self.event(turn, EventKind::UserJoined { user: user.clone(), client: connection });
        turn.effects.push(Effect::Webhook(WebhookEvent::UserJoined {
            id: event.id,
            timestamp: event.timestamp,
            user,
            client_id: connection,
        }));
        let is_told = self.rules.join_messages && self.stream.is_live();
        self.person_mut(id)?.was_announced = is_told;
        if is_told {
            turn.broadcast(event);
        }
        Ok(())
    }

    /// Sends what came after `since`, and what has become of what came before.
    pub(super) fn resume(&mut self, turn: &mut Turn, connection: ConnectionId, since: MessageId) {
        let count = usize::try_from(self.rules.history_messages).unwrap_or(usize::MAX);
        let missed = self.history.missed(since, count, turn.now.saturating_sub(super::NONCE_MS));
        let complete = missed.is_complete;
        let events: Vec<_> = if since.is_least() {
            self.history()
        } else {
            let visible = missed.messages.iter().filter(|message| message.hidden.is_none());
            visible.map(|message| self.event_of(message)).collect()
        };
        let revised = self.history.iter().filter(|message| message.id <= since && message.revised > Some(since));
        let (shown, hidden): (Vec<_>, Vec<_>) = revised.partition(|message| message.hidden.is_none());
        let ids = |messages: Vec<&crate::chat::records::Message>| messages.iter().map(|message| message.id).collect();
        let kinds = [(ids(hidden), false), (ids(shown), true)]
            .into_iter()
            .filter(|(ids, _): &(Vec<MessageId>, bool)| !ids.is_empty())
            .map(|(ids, visible)| EventKind::VisibilityUpdate { ids, visible });
        let asked = self.questions_since(since);
        let closed = self.is_closed.then_some(EventKind::Opening { open: false });
        let kinds: Vec<_> = kinds.chain(asked).chain(closed).chain([EventKind::Resumed { complete }]).collect();
        for event in events {
            turn.send(connection, event);
        }
        for kind in kinds {
            let event = self.event(turn, kind);
            turn.send(connection, event);
        }
    }

    pub(super) fn leave(&mut self, turn: &mut Turn, connection: ConnectionId) -> Answer {
        self.detach(turn, connection);
        Ok(Done::Done)
    }

    /// Takes a connection out of the room, if it is in.
    pub(super) fn detach(&mut self, turn: &mut Turn, connection: ConnectionId) {
        self.observers.remove(connection);
        let Some(gone) = self.connections.remove(&connection) else { return };
        let Some(person) = self.people.get_mut(&gone.user) else { return };
        person.connections.remove(&connection);
        person.seen_ms = turn.now;
        person.last_connection = connection;
        if person.connections.is_empty() {
            let due = turn.now.saturating_add(PART_MS);
            person.parts_ms = Some(due);
            self.parting.insert((due, gone.user));
        }
    }

    /// Tells of those who have been away for long enough. Those whose time is further off than it can be stem from
    /// before the clock was set back.
    pub(super) fn part(&mut self, turn: &mut Turn) {
        let is_due = |(due, _): &(i64, UserId)| *due <= turn.now || *due > turn.now.saturating_add(PART_MS);
        let due: Vec<_> = self.parting.extract_if(.., |entry| is_due(entry)).collect();
        for (_, id) in due {
            let Some(person) = self.people.get_mut(&id) else { continue };
            person.parts_ms = None;
            let was_announced = std::mem::take(&mut person.was_announced);
            let client = person.last_connection;
            let user = self.view_of(&id);
            let event = self.event(turn, EventKind::UserParted { user: user.clone(), client });
            turn.effects.push(Effect::Webhook(WebhookEvent::UserParted {
                id: event.id,
                timestamp: event.timestamp,
                user,
                client_id: client,
            }));
            if was_announced && self.rules.join_messages {
                turn.broadcast(event);
            }
        }
    }
}
