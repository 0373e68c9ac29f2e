//! What moderators do. Rank decides: nobody acts on their like, and nobody at run time on whom the operator declares.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::{Answer, Room, Turn};
use crate::chat::audit::{AuditAction, AuditEntry, By};
use crate::chat::bans;
use crate::chat::bounds::{MAX_IDS, MAX_SECONDS};
use crate::chat::effect::{CloseReason, Done, Effect};
use crate::chat::events::EventKind;
use crate::chat::ids::{ConnectionId, MessageId, UserId};
use crate::chat::records::{Hidden, HiddenBecause, Message, Record};
use crate::chat::refusal::Refusal;
use crate::chat::stamp::Stamp;
use crate::chat::users::{Role, User};
use crate::chat::webhooks::WebhookEvent;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Rank {
    Guest,
    /// Promoted at run time.
    Moderator,
    Declared,
    Operator,
}

impl Room {
    fn rank(&self, user: &User) -> Rank {
        match &user.role {
            _ if !self.moderates(user) => Rank::Guest,
            Role::Declared { .. } => Rank::Declared,
            _ => Rank::Moderator,
        }
    }

    /// The rank of whoever gives the word, if they may moderate at all.
    pub(super) fn authorise(&self, by: &By) -> Result<Rank, Refusal> {
        let rank = match by {
            By::Operator | By::Token(_) => Rank::Operator,
            By::User(id) => self.people.get(id).map_or(Rank::Guest, |person| self.rank(&person.user)),
        };
        if rank == Rank::Guest { Err(Refusal::NotModerator) } else { Ok(rank) }
    }

    /// The user, if whoever gives the word may act on them.
    fn subordinate(&self, by: &By, id: &UserId) -> Result<&User, Refusal> {
        let rank = self.authorise(by)?;
        let user = &self.person(id)?.user;
        match &user.role {
            Role::Declared { name, .. } if self.moderates(user) => Err(Refusal::Declared { name: name.clone() }),
            _ if self.rank(user) >= rank => Err(Refusal::Outranked),
            _ => Ok(user),
        }
    }

    fn by_name(&self, by: &By) -> String {
        match by {
            By::Operator => "the operator".to_owned(),
            By::Token(name) => format!("the access token \"{name}\""),
            By::User(id) => self.user(id).map_or_else(|| id.0.clone(), |user| user.name.clone()),
        }
    }

    pub(super) fn audit(&self, turn: &mut Turn, by: &By, action: AuditAction, target: &str, done: &str) {
        let by_name = self.by_name(by);
        let text = format!("{by_name} {done}");
        let (by, target) = (by.clone(), target.to_owned());
        turn.effects.push(Effect::Audit(AuditEntry { at: Stamp(turn.now), by, by_name, action, target, text }));
    }

    pub(super) fn set_visibility(&mut self, turn: &mut Turn, by: &By, ids: Vec<MessageId>, visible: bool) -> Answer {
        self.authorise(by)?;
        let ids: Vec<_> = ids.into_iter().collect::<BTreeSet<_>>().into_iter().collect();
        let first = ids.first().copied().ok_or(Refusal::NoSuchMessage)?;
        if ids.len() > MAX_IDS {
            return Err(Refusal::TooManyIds);
        }
        let hidden = (!visible).then_some(Hidden { at_ms: turn.now, because: HiddenBecause::Message });
        let revised = self.change_visibility(turn, &ids, hidden);
        let count = match ids.len() {
            1 => "a message".to_owned(),
            count => format!("{count} messages"),
        };
        turn.store(Record::Visibility { ids, hidden, revised });
        let (action, verb) = if visible { (AuditAction::Restore, "restored") } else { (AuditAction::Hide, "hid") };
        self.audit(turn, by, action, &first.to_string(), &format!("{verb} {count}"));
        Ok(Done::Done)
    }

    /// Hides or shows messages, and tells everybody. Gives the id of what they are told with.
    fn change_visibility(&mut self, turn: &mut Turn, ids: &[MessageId], hidden: Option<Hidden>) -> MessageId {
        let visible = hidden.is_none();
        let event = self.event(turn, EventKind::VisibilityUpdate { ids: ids.to_vec(), visible });
        let change = |message: &mut Message| {
            message.hidden = hidden;
            message.revised = Some(event.id);
        };
        for id in ids {
            self.history.get_mut(*id).into_iter().for_each(change);
            self.questions.get_mut(*id).map(|question| &mut question.message).into_iter().for_each(change);
        }
        turn.effects.push(Effect::Webhook(WebhookEvent::VisibilityUpdate {
            id: event.id,
            timestamp: event.timestamp,
            user: None,
            ids: ids.to_vec(),
            visible,
        }));
        let id = event.id;
        turn.broadcast(event);
        id
    }

    /// The messages in memory of which that holds.
    fn messages_where(&self, holds: impl Fn(&Message) -> bool) -> Vec<MessageId> {
        let asked = self.questions.iter().map(|question| &question.message);
        let ids: BTreeSet<_> =
            self.history.iter().chain(asked).filter(|message| holds(message)).map(|it| it.id).collect();
        ids.into_iter().collect()
    }

    /// Hides what is visible. What a ban has hidden becomes a moderator's doing if this is, so that it does not come back
    /// with its author.
    fn hide_all_of(&mut self, turn: &mut Turn, user: &UserId, because: HiddenBecause) {
        let hidden = Hidden { at_ms: turn.now, because };
        let ids = self.messages_where(|message| {
            let stays = |was: Hidden| was.because == HiddenBecause::Message || was.because == because;
            message.author() == Some(user) && !message.hidden.is_some_and(stays)
        });
        turn.store(Record::HideAllOf { user: user.clone(), hidden });
        if !ids.is_empty() {
            let revised = self.change_visibility(turn, &ids, Some(hidden));
            turn.store(Record::Visibility { ids, hidden: Some(hidden), revised });
        }
    }

    pub(super) fn remove_all_of(&mut self, turn: &mut Turn, by: &By, user: &UserId) -> Answer {
        let name = self.subordinate(by, user)?.name.clone();
        self.hide_all_of(turn, user, HiddenBecause::Message);
        self.audit(turn, by, AuditAction::RemoveAll, &user.0, &format!("removed all messages of \"{name}\""));
        Ok(Done::Done)
    }

    pub(super) fn time_out(&mut self, turn: &mut Turn, by: &By, id: &UserId, seconds: u32) -> Answer {
        self.subordinate(by, id)?;
        let seconds = seconds.min(MAX_SECONDS);
        let until = (seconds > 0).then(|| turn.now.saturating_add(i64::from(seconds) * 1_000));
        let user = &mut self.person_mut(id)?.user;
        user.timed_out_until_ms = until;
        let user = user.clone();
        let name = user.name.clone();
        turn.store(Record::User { user });
        if seconds > 0 {
            self.tell(turn, id, &Refusal::TimedOut { seconds: i64::from(seconds) }.to_string());
            self.audit(turn, by, AuditAction::TimeOut, &id.0, &format!("timed \"{name}\" out for {seconds} seconds"));
        } else {
            self.tell(turn, id, "You can take part again.");
            self.audit(turn, by, AuditAction::EndTimeOut, &id.0, &format!("ended the time-out of \"{name}\""));
        }
        Ok(Done::Done)
    }

    pub(super) fn ban(&mut self, turn: &mut Turn, by: &By, id: &UserId) -> Answer {
        let name = self.subordinate(by, id)?.name.clone();
        let now = turn.now;
        let user = &mut self.person_mut(id)?.user;
        user.disabled_ms = user.disabled_ms.or(Some(now));
        let user = user.clone();
        turn.store(Record::User { user });
        self.disconnect(turn, id, CloseReason::UserDisabled);
        self.hide_all_of(turn, id, HiddenBecause::Ban);
        self.audit(turn, by, AuditAction::Ban, &id.0, &format!("banned \"{name}\""));
        Ok(Done::Done)
    }

    pub(super) fn unban(&mut self, turn: &mut Turn, by: &By, id: &UserId) -> Answer {
        let name = self.subordinate(by, id)?.name.clone();
        let user = &mut self.person_mut(id)?.user;
        user.disabled_ms = None;
        let user = user.clone();
        turn.store(Record::User { user });
        turn.store(Record::ShowAllOf { user: id.clone() });
        let banned = |message: &Message| matches!(message.hidden, Some(Hidden { because: HiddenBecause::Ban, .. }));
        let ids = self.messages_where(|message| message.author() == Some(id) && banned(message));
        if !ids.is_empty() {
            let revised = self.change_visibility(turn, &ids, None);
            turn.store(Record::Visibility { ids, hidden: None, revised });
        }
        self.audit(turn, by, AuditAction::Unban, &id.0, &format!("lifted the ban of \"{name}\""));
        Ok(Done::Done)
    }

    /// Closes every window of a user, who is told why.
    pub(super) fn disconnect(&mut self, turn: &mut Turn, id: &UserId, reason: CloseReason) {
        let Some(person) = self.people.get(id) else { return };
        for connection in person.connections.clone() {
            self.expel(turn, connection, reason);
        }
    }

    fn expel(&mut self, turn: &mut Turn, connection: ConnectionId, reason: CloseReason) {
        let Some(user) = self.connections.get(&connection).map(|connection| connection.user.clone()) else { return };
        let kind = match reason {
            CloseReason::LoginEnded => EventKind::ErrorNeedsRegistration {},
            _banned => EventKind::ErrorUserDisabled { user: self.view_of(&user) },
        };
        let event = self.event(turn, kind);
        turn.send(connection, event);
        self.close(turn, connection, reason);
    }

    pub(super) fn ban_network(
        &mut self,
        turn: &mut Turn,
        by: &By,
        network: &str,
        seconds: Option<u32>,
        note: &str,
    ) -> Answer {
        let until = seconds.map(|seconds| turn.now.saturating_add(i64::from(seconds.min(MAX_SECONDS)) * 1_000));
        let ban = self.bans.add(network, turn.now, until, note).map_err(Refusal::Network)?;
        let network = ban.network.clone();
        turn.store(Record::Ban { ban });
        self.enforce_bans(turn);
        let end = seconds.map_or_else(String::new, |seconds| format!(" for {} seconds", seconds.min(MAX_SECONDS)));
        self.audit(turn, by, AuditAction::BanNetwork, &network, &format!("banned the network {network}{end}"));
        Ok(Done::Done)
    }

    /// Whether nobody is in that network whom the ban must not meet: whoever asks, and moderators of their rank. The
    /// operator may ban any: a password lets them in again.
    pub(super) fn may_ban_network(&self, by: &By, network: &str, from: Option<IpAddr>) -> Result<(), Refusal> {
        let rank = self.authorise(by)?;
        let By::User(asking) = by else { return Ok(()) };
        let network = bans::bannable(network).map_err(Refusal::Network)?;
        let (own, others): (Vec<_>, Vec<_>) = self
            .connections
            .values()
            .map(|connection| (&connection.user, connection.address.to_canonical()))
            .chain(from.map(|address| (asking, address.to_canonical())))
            .filter(|(_, address)| network.contains(address))
            .partition(|(user, _)| *user == asking);
        if let Some((_, address)) = own.first() {
            return Err(Refusal::OwnNetwork { network: bans::spell(network), address: *address });
        }
        let mut met = others.iter().filter_map(|(user, _)| self.user(user)).filter(|user| !self.is_declared(user));
        if met.any(|user| self.rank(user) >= rank) { Err(Refusal::Outranked) } else { Ok(()) }
    }

    /// Closes what would not be let in now. Whom the operator declares stays, whatever network they come from.
    pub(super) fn enforce_bans(&mut self, turn: &mut Turn) {
        let refused = self.connections().filter_map(|(id, connection)| {
            let refusal = self.admit(connection.address, self.user(&connection.user)).err()?;
            let is_user = refusal == Refusal::Disabled;
            Some((id, if is_user { CloseReason::UserDisabled } else { CloseReason::NetworkBanned }))
        });
        for (connection, reason) in refused.collect::<Vec<_>>() {
            self.expel(turn, connection, reason);
        }
        self.enforce_bans_of_observers(turn);
    }

    pub(super) fn unban_network(&mut self, turn: &mut Turn, by: &By, network: &str) -> Answer {
        self.authorise(by)?;
        let network = self.bans.remove(network).ok_or(Refusal::NoSuchBan)?.network;
        turn.store(Record::Unban { network: network.clone() });
        self.audit(turn, by, AuditAction::UnbanNetwork, &network, &format!("lifted the ban of the network {network}"));
        Ok(Done::Done)
    }

    /// Declared moderators and the operator promote; who was promoted does not.
    pub(super) fn promote(&mut self, turn: &mut Turn, by: &By, id: &UserId) -> Answer {
        self.may_appoint(by)?;
        let user = &self.person(id)?.user;
        match &user.role {
            Role::Bot { .. } => return Err(Refusal::Bot),
            _ if user.disabled_ms.is_some() => return Err(Refusal::Disabled),
            _ if self.moderates(user) => return Ok(Done::Done),
            Role::Viewer | Role::Moderator | Role::Declared { .. } => (),
        }
        self.appoint(turn, by, id, Role::Moderator)
    }

    pub(super) fn demote(&mut self, turn: &mut Turn, by: &By, id: &UserId) -> Answer {
        self.may_appoint(by)?;
        if self.subordinate(by, id)?.role != Role::Moderator {
            return Ok(Done::Done);
        }
        self.appoint(turn, by, id, Role::Viewer)
    }

    fn may_appoint(&self, by: &By) -> Result<(), Refusal> {
        if self.authorise(by)? < Rank::Declared { Err(Refusal::MayNotAppoint) } else { Ok(()) }
    }

    fn appoint(&mut self, turn: &mut Turn, by: &By, id: &UserId, role: Role) -> Answer {
        let is_moderator = role == Role::Moderator;
        let user = &mut self.person_mut(id)?.user;
        user.role = role;
        let user = user.clone();
        let name = user.name.clone();
        turn.store(Record::User { user });
        self.tell_themselves(turn, id);
        if is_moderator {
            self.tell(turn, id, "You are a moderator now.");
            self.audit(turn, by, AuditAction::Promote, &id.0, &format!("made \"{name}\" a moderator"));
        } else {
            self.tell(turn, id, "You are no longer a moderator.");
            self.audit(turn, by, AuditAction::Demote, &id.0, &format!("took moderation from \"{name}\""));
            self.enforce_bans(turn);
        }
        Ok(Done::Done)
    }

    pub(super) fn delete(&mut self, turn: &mut Turn, by: &By, id: &UserId) -> Answer {
        let name = self.subordinate(by, id)?.name.clone();
        self.disconnect(turn, id, CloseReason::UserDisabled);
        self.hide_all_of(turn, id, HiddenBecause::Message);
        self.history.delete_all_of(id);
        self.questions.remove_where(|question| question.message.author() == Some(id));
        if let Some(due) = self.people.get(id).and_then(|person| person.parts_ms) {
            self.parting.remove(&(due, id.clone()));
        }
        self.people.remove(id);
        turn.store(Record::DeleteUser { user: id.clone() });
        self.audit(turn, by, AuditAction::Delete, &id.0, &format!("deleted \"{name}\" and what they wrote"));
        Ok(Done::Done)
    }
}
