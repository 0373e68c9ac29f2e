//! The room: one state, commands in, effects out.
//!
//! Owned by one task of the engine. Whoever asks for a change gives a [`Command`] and the moment; what is to be done comes
//! back in order. Nothing is changed by looking.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::net::IpAddr;

use super::bans::{Bans, NetworkBan};
use super::command::Command;
use super::effect::{CloseReason, Done, Effect, Outcome};
use super::events::{ChatBody, Event, EventKind, SystemUser, paragraph};
use super::history::History;
use super::ids::{ConnectionId, MessageId, MessageIds, Moment, UserId};
use super::names::ForbiddenNames;
use super::nonces::Nonces;
use super::people::{People, Person};
use super::questions::Questions;
use super::rates::AddressRates;
use super::records::{Content, Message, Record, Snapshot};
use super::refusal::Refusal;
use super::rules::ChatRules;
use super::stamp::Stamp;
use super::stream::Stream;
use super::users::{DeclaredModerators, Role, User, UserView};
use observing::Observers;

mod asking;
mod moderating;
mod observing;
mod presence;
mod ruling;
mod speaking;
#[cfg(test)]
mod tests;

/// How long a nonce is remembered, and how far back a client may resume beyond what a newcomer is shown.
pub const NONCE_MS: i64 = 5 * 60 * 1000;
/// How long somebody may be away before everybody is told (Owncast).
pub const PART_MS: i64 = 10_000;
/// How long after the engine's start a client that resumes was here before, and is no news.
pub const REJOIN_MS: i64 = 60_000;
/// Between what a connection is told last and its end (Owncast).
pub const CLOSE_MS: u32 = 2_000;
/// Least time between two tellings of one question's votes: hundreds vote within seconds.
pub const VOTES_TOLD_MS: i64 = 1_000;

/// A socket in the room.
#[derive(Clone, Debug)]
pub struct Connection {
    pub user: UserId,
    pub address: IpAddr,
    pub joined_ms: i64,
    /// Messages sent through it.
    pub messages: u32,
}

#[derive(Clone, Debug)]
pub struct Room {
    rules: ChatRules,
    forbidden: ForbiddenNames,
    /// Who says what to a newcomer; none: nothing is said.
    welcome: Option<(String, String)>,
    /// The declared moderators.
    declared: DeclaredModerators,
    people: People,
    connections: BTreeMap<ConnectionId, Connection>,
    observers: Observers,
    /// Who is about to be told of as gone, by when.
    parting: BTreeSet<(i64, UserId)>,
    history: History,
    questions: Questions,
    nonces: Nonces,
    bans: Bans,
    /// Whether the snapshot that the room began with had all the bans.
    knows_bans: bool,
    talk: AddressRates,
    registrations: AddressRates,
    ids: MessageIds,
    stream: Stream,
    /// Whether people were told that the chat is closed because the stream is over.
    is_closed: bool,
    /// When the first command came.
    began_ms: Option<i64>,
    /// When time-outs of all kinds were looked after last.
    swept_ms: i64,
    /// When the store was told last what it may delete.
    pruned_ms: i64,
}

/// One command being carried out.
struct Turn {
    now: i64,
    entropy: u64,
    effects: Vec<Effect>,
}

impl Turn {
    /// As many numbers as are needed from one: the steps of SplitMix64, which never repeat.
    const fn chance(&mut self) -> u64 {
        self.entropy = self.entropy.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.entropy ^ (self.entropy >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn store(&mut self, record: Record) {
        self.effects.push(Effect::Store(record));
    }

    fn send(&mut self, connection: ConnectionId, event: Event) {
        self.effects.push(Effect::Send { connection, event });
    }

    fn broadcast(&mut self, event: Event) {
        self.effects.push(Effect::Broadcast(event));
    }
}

type Answer = Result<Done, Refusal>;

impl Room {
    #[must_use]
    pub fn new(rules: ChatRules, snapshot: Snapshot) -> Self {
        let Snapshot { users, messages, questions, nonces, bans, last_id, dropped, stream } = snapshot;
        let seen = messages.iter().flat_map(|message| [Some(message.id), message.revised]).flatten().max();
        let mut people = People::default();
        for user in users {
            if !people.is_full() {
                people.add(user, 0);
            }
        }
        Self {
            forbidden: ForbiddenNames::new(&rules.forbidden_names),
            rules,
            welcome: None,
            declared: DeclaredModerators::new(),
            people,
            connections: BTreeMap::new(),
            observers: Observers::default(),
            parting: BTreeSet::new(),
            history: History::new(messages, dropped),
            questions: Questions::new(questions),
            nonces: Nonces::new(nonces),
            bans: Bans::new(bans),
            knows_bans: true,
            talk: AddressRates::default(),
            registrations: AddressRates::default(),
            ids: MessageIds::above(last_id.max(seen).max(dropped)),
            stream,
            is_closed: false,
            began_ms: None,
            swept_ms: 0,
            pruned_ms: 0,
        }
    }

    /// The same room when what it started from could not be read: whoever was banned could come back, so that nobody may
    /// write, vote or change their name but moderators.
    #[must_use]
    pub fn without_bans(self) -> Self {
        Self { knows_bans: false, ..self }
    }

    pub fn apply(&mut self, command: Command, moment: Moment) -> Outcome {
        let mut turn = Turn { now: moment.ms, entropy: moment.entropy, effects: Vec::new() };
        self.began_ms.get_or_insert(turn.now);
        let connection = command.connection();
        let result = self.answer(command, &mut turn);
        // Who marks a message is told of that one.
        let is_refusal = |effect: &Effect| {
            matches!(effect, Effect::Send { event: Event { kind: EventKind::Refused { .. }, .. }, .. })
        };
        let is_told = turn.effects.iter().any(is_refusal);
        if let (Some(connection), Err(refusal)) = (connection, &result)
            && !refusal.is_silent()
            && !is_told
        {
            let action = self.event(&mut turn, EventKind::ChatAction { body: paragraph(&refusal.to_string()) });
            turn.send(connection, action);
        }
        Outcome { effects: turn.effects, result }
    }

    fn answer(&mut self, command: Command, turn: &mut Turn) -> Answer {
        if command.connection().is_some_and(|connection| self.observers.contain(connection)) {
            return Err(Refusal::Observing);
        }
        match command {
            Command::Register { id, name, address } => self.register(turn, id, name.as_deref(), address),
            Command::RegisterModerator { id, name, secret } => self.register_moderator(turn, id, name, secret),
            Command::RegisterBot { id, token, scopes } => self.register_bot(turn, id, token, scopes),
            Command::Know { user } => self.know(turn, user),
            Command::Join { connection, user, address, since } => self.join(turn, connection, user, address, since),
            Command::Observe { connection, address, since } => self.observe(turn, connection, address, since),
            Command::Leave { connection } => self.leave(turn, connection),
            Command::Say { connection, post } => self.say(turn, connection, post),
            Command::SayAs { user, post } => self.say_as(turn, &user, post),
            Command::Rename { connection, name } => self.rename(turn, connection, &name),
            Command::Recolour { connection, colour } => self.recolour(turn, connection, colour),
            Command::Vote { connection, question, given } => self.vote(turn, connection, question, given),
            Command::SetQuestion { by, message, is_question } => self.set_question(turn, &by, message, is_question),
            Command::Answer { by, question, is_answered } => self.answer_question(turn, &by, question, is_answered),
            Command::SetVisibility { by, ids, visible } => self.set_visibility(turn, &by, ids, visible),
            Command::TimeOut { by, user, seconds } => self.time_out(turn, &by, &user, seconds),
            Command::Ban { by, user } => self.ban(turn, &by, &user),
            Command::Unban { by, user } => self.unban(turn, &by, &user),
            Command::BanNetwork { by, network, from, seconds, note } => {
                self.may_ban_network(&by, &network, from)?;
                self.ban_network(turn, &by, &network, seconds, &note)
            }
            Command::UnbanNetwork { by, network } => self.unban_network(turn, &by, &network),
            Command::RemoveAllOf { by, user } => self.remove_all_of(turn, &by, &user),
            Command::Promote { by, user } => self.promote(turn, &by, &user),
            Command::Demote { by, user } => self.demote(turn, &by, &user),
            Command::Delete { by, user } => self.delete(turn, &by, &user),
            Command::System { author, body, to } => self.system(turn, author, body, to),
            Command::Action { body } => self.action(turn, body),
            Command::SetRules { rules } => Ok(self.set_rules(turn, rules)),
            Command::SetWelcome { author, body } => self.set_welcome(author, body),
            Command::SetModerators { declared } => Ok(self.set_moderators(turn, declared)),
            Command::StreamStarted => Ok(self.stream_started(turn)),
            Command::StreamEnded => Ok(self.stream_ended(turn)),
            Command::Tick => Ok(self.tick(turn)),
        }
    }

    fn event(&mut self, turn: &mut Turn, kind: EventKind) -> Event {
        let random = turn.chance();
        Event { id: self.ids.next(turn.now, random), timestamp: Stamp(turn.now), kind }
    }

    fn person(&self, id: &UserId) -> Result<&Person, Refusal> {
        self.people.get(id).ok_or(Refusal::NoSuchUser)
    }

    fn person_mut(&mut self, id: &UserId) -> Result<&mut Person, Refusal> {
        self.people.get_mut(id).ok_or(Refusal::NoSuchUser)
    }

    /// Tells every window of a user who they are now.
    fn tell_themselves(&mut self, turn: &mut Turn, id: &UserId) {
        let Some(person) = self.people.get(id) else { return };
        let (view, connections) = (self.view(&person.user), person.connections.clone());
        for connection in connections {
            let event = self.event(turn, EventKind::ConnectedUserInfo { user: view.clone() });
            turn.send(connection, event);
        }
    }

    /// Tells every window of a user something that nobody else reads.
    fn tell(&mut self, turn: &mut Turn, id: &UserId, text: &str) {
        let Some(person) = self.people.get(id) else { return };
        for connection in person.connections.clone() {
            let event = self.event(turn, EventKind::ChatAction { body: paragraph(text) });
            turn.send(connection, event);
        }
    }

    /// Takes a connection out of the room and has it closed.
    fn close(&mut self, turn: &mut Turn, connection: ConnectionId, reason: CloseReason) {
        self.detach(turn, connection);
        turn.effects.push(Effect::Close { connection, reason, after_ms: CLOSE_MS });
    }

    /// What everybody is shown of a user.
    #[must_use]
    pub fn view(&self, user: &User) -> UserView {
        UserView::of(user, self.moderates(user))
    }

    fn view_of(&self, id: &UserId) -> UserView {
        self.people.get(id).map_or_else(|| UserView::unknown(id), |person| self.view(&person.user))
    }

    /// A stored message as it is sent, with its author as known now.
    #[must_use]
    pub fn event_of(&self, message: &Message) -> Event {
        self.event_by(message, None)
    }

    /// The same, with its author as `stored` for a room that has forgotten.
    #[must_use]
    pub fn event_by(&self, message: &Message, stored: Option<&User>) -> Event {
        let body = message.body.clone();
        let kind = match &message.content {
            Content::Action => EventKind::ChatAction { body },
            Content::System { author } => EventKind::System { body, user: SystemUser { display_name: author.clone() } },
            Content::Chat { user, nonce, reply_to, .. } => EventKind::Chat(ChatBody {
                body,
                user: match (self.user(user), stored) {
                    (None, Some(stored)) => self.view(stored),
                    _ => self.view_of(user),
                },
                visible: message.hidden.is_none(),
                hidden_at: message.hidden.map(|hidden| Stamp(hidden.at_ms)),
                nonce: nonce.clone(),
                reply_to: *reply_to,
                question: self.questions.get(message.id).map(super::questions::Question::standing),
            }),
        };
        Event { id: message.id, timestamp: Stamp(message.at_ms), kind }
    }

    /// The message, if it is among the newest or a question.
    fn message(&self, id: MessageId) -> Option<&Message> {
        self.history.get(id).or_else(|| self.questions.get(id).map(|question| &question.message))
    }

    /// Whose users must not be forgotten.
    fn authors(&self) -> HashSet<UserId> {
        let asked = self.questions.iter().map(|question| &question.message);
        self.history.iter().chain(asked).filter_map(Message::author).cloned().collect()
    }

    #[must_use]
    pub fn rules(&self) -> &ChatRules {
        &self.rules
    }

    #[must_use]
    pub const fn is_open(&self, now_ms: i64) -> bool {
        self.rules.enable && self.stream.is_open(now_ms)
    }

    /// Whether an address may use the chat, by itself or as that user. For requests besides the socket.
    pub fn admit(&self, address: IpAddr, user: Option<&User>) -> Result<(), Refusal> {
        if user.is_some_and(|user| self.is_disabled(user)) {
            return Err(Refusal::Disabled);
        }
        if self.bans.contain(address) && !user.is_some_and(|user| self.is_declared(user)) {
            return Err(Refusal::NetworkBanned);
        }
        Ok(())
    }

    #[must_use]
    pub fn user(&self, id: &UserId) -> Option<&User> {
        self.people.get(id).map(|person| &person.user)
    }

    /// Users in memory. The store knows more.
    pub fn users(&self) -> impl Iterator<Item = &User> {
        self.people.iter().map(|person| &person.user)
    }

    /// Whether somebody moderates: promoted and not banned, or declared.
    #[must_use]
    pub fn moderates(&self, user: &User) -> bool {
        match &user.role {
            Role::Moderator => user.disabled_ms.is_none(),
            Role::Declared { name, secret } => self.declared.get(name) == Some(secret),
            Role::Viewer | Role::Bot { .. } => false,
        }
    }

    /// Whether somebody is a moderator on the operator's word.
    #[must_use]
    pub fn is_declared(&self, user: &User) -> bool {
        matches!(user.role, Role::Declared { .. }) && self.moderates(user)
    }

    /// Whether somebody is banned. A declared moderator is not: the operator's word counts.
    #[must_use]
    pub fn is_disabled(&self, user: &User) -> bool {
        user.disabled_ms.is_some() && !self.moderates(user)
    }

    pub fn connections(&self) -> impl Iterator<Item = (ConnectionId, &Connection)> {
        self.connections.iter().map(|(id, connection)| (*id, connection))
    }

    /// Sockets in the room, of those who take part and of those who read along.
    fn sockets(&self) -> usize {
        self.connections.len() + self.observers.len()
    }

    /// How many sockets a user has in the room.
    #[must_use]
    pub fn sockets_of(&self, user: &UserId) -> usize {
        self.people.get(user).map_or(0, |person| person.connections.len())
    }

    pub fn bans(&self) -> impl Iterator<Item = &NetworkBan> {
        self.bans.iter()
    }

    /// What a newcomer is shown, oldest first.
    #[must_use]
    pub fn history(&self) -> Vec<Event> {
        let count = usize::try_from(self.rules.history_messages).unwrap_or(usize::MAX);
        self.history.shown(count).into_iter().map(|message| self.event_of(message)).collect()
    }

    /// What moderators are shown: all that is in memory, hidden or not, oldest first.
    #[must_use]
    pub fn full_history(&self) -> Vec<Event> {
        self.history.iter().map(|message| self.event_of(message)).collect()
    }

    /// The questions in the order for the stage: open ones by votes, then the answered, latest first.
    #[must_use]
    pub fn stage(&self) -> Vec<Event> {
        self.questions.on_stage().into_iter().map(|question| self.event_of(&question.message)).collect()
    }

    /// Whether somebody voted for a question.
    #[must_use]
    pub fn has_voted(&self, question: MessageId, user: &UserId) -> bool {
        self.questions.get(question).is_some_and(|question| question.has_vote_of(user))
    }
}
