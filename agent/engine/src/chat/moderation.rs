//! What moderators may do and read besides talking, on the word of a moderator's token or of the operator's password.
//!
//! Here is what both have in common; [`http`] is for people, `web/owncast/chat.rs` for those who know the password.

pub(crate) mod http;

use std::collections::BTreeSet;
use std::net::IpAddr;

use nixcast_core::chat::audit::{AuditAction, AuditEntry, By};
use nixcast_core::chat::bans::NetworkBan;
use nixcast_core::chat::command::Command;
use nixcast_core::chat::effect::Done;
use nixcast_core::chat::events::{Event, EventKind, Standing};
use nixcast_core::chat::ids::{ConnectionId, MessageId, UserId};
use nixcast_core::chat::refusal::Refusal;
use nixcast_core::chat::room::{Connection, Room};
use nixcast_core::chat::stamp::Stamp;
use nixcast_core::chat::users::{Role, User, UserView};
use serde::Serialize;

use super::store::{Found, Search};
use super::{Chat, ChatError};

/// A socket in the room and whose it is, in Owncast's shape.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Client {
    #[serde(flatten)]
    pub(crate) socket: Socket,
    pub(crate) user: UserView,
    /// Owncast's clients expect it; where an address is nobody here knows.
    pub(crate) geo: Option<()>,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Socket {
    pub(crate) id: ConnectionId,
    pub(crate) connected_at: Stamp,
    pub(crate) message_count: u32,
    pub(crate) ip_address: IpAddr,
    /// Owncast's clients expect it; what browser somebody has is not kept.
    pub(crate) user_agent: &'static str,
}

/// A user with what moderators want to know of them.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Person {
    pub(crate) user: UserView,
    /// How many sockets they have in the room.
    pub(crate) connections: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) banned_at: Option<Stamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) timed_out_until: Option<Stamp>,
    pub(crate) moderator: Option<Moderator>,
}

#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Moderator {
    Declared,
    Promoted,
}

/// Owncast's details of one user.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Details {
    pub(crate) user: UserView,
    pub(crate) connected_clients: Vec<Socket>,
    pub(crate) messages: Vec<Written>,
}

/// A message as moderators see it: hidden or not, and on whose word.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Written {
    #[serde(flatten)]
    pub(crate) event: Event,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) hidden_by: Option<String>,
}

/// A ban in force: of a network or of a user.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Ban {
    #[serde(flatten)]
    pub(crate) of: Banned,
    /// None where the log does not go back so far.
    pub(crate) by: Option<String>,
    pub(crate) at: Stamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) until: Option<Stamp>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) reason: String,
}

#[derive(Clone, Debug, Serialize)]
#[serde(untagged, rename_all_fields = "camelCase")]
pub(crate) enum Banned {
    Network { network: String },
    User { user_id: UserId, name: String },
}

/// A question as the stage shows it.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Asked {
    id: MessageId,
    user: UserView,
    /// HTML.
    body: String,
    timestamp: Stamp,
    #[serde(flatten)]
    standing: Standing,
    /// Whether the one who asks has voted for it. None for somebody who only reads along.
    #[serde(skip_serializing_if = "Option::is_none")]
    voted: Option<bool>,
}

impl Chat {
    /// Whose word it is, if the token is a moderator's.
    pub(crate) async fn moderator(&self, token: &str, address: IpAddr) -> Result<By, ChatError> {
        let user = self.admit(token, address).await?;
        let id = user.id.clone();
        if self.look(move |room, _now_ms| room.moderates(&user)).await? {
            Ok(By::User(id))
        } else {
            Err(Refusal::NotModerator.into())
        }
    }

    /// Has something done to a user, whom the room may have forgotten.
    pub(crate) async fn apply_to(&self, user: &UserId, command: Command) -> Result<Done, ChatError> {
        match self.apply(command.clone()).await {
            Err(ChatError::Refused(Refusal::NoSuchUser)) => {
                let stored = self.store().user(user.clone()).await?.ok_or(Refusal::NoSuchUser)?;
                self.apply(Command::Know { user: stored }).await?;
                self.apply(command).await
            }
            done => done,
        }
    }

    pub(crate) async fn set_enabled(&self, by: By, user: UserId, is_enabled: bool) -> Result<Done, ChatError> {
        let of = user.clone();
        let command = if is_enabled { Command::Unban { by, user } } else { Command::Ban { by, user } };
        self.apply_to(&of, command).await
    }

    pub(crate) async fn set_moderator(&self, by: By, user: UserId, is_moderator: bool) -> Result<Done, ChatError> {
        let of = user.clone();
        let command = if is_moderator { Command::Promote { by, user } } else { Command::Demote { by, user } };
        self.apply_to(&of, command).await
    }

    /// Everybody who is in the room, in the order of their coming.
    pub(crate) async fn clients(&self) -> Result<Vec<Client>, ChatError> {
        self.look(|room, _now_ms| clients(room)).await
    }

    /// What people wrote that fits `search`, newest first.
    pub(crate) async fn written(&self, search: Search) -> Result<Vec<Written>, ChatError> {
        let found = self.store().search(search).await?;
        let hidden = found.iter().filter_map(|Found { message, .. }| Some(Stamp(message.hidden?.at_ms)));
        let moments: BTreeSet<_> = hidden.collect();
        let deeds = self.store().audit_at(moments.into_iter().collect()).await?;
        let hiders: Vec<_> = deeds.into_iter().filter(hides).collect();
        self.look(move |room, _now_ms| {
            let write = |Found { message, author }: Found| {
                let is_it = |deed: &&AuditEntry| message.hidden.is_some_and(|hidden| deed.at == Stamp(hidden.at_ms));
                let hidden_by = hiders.iter().find(is_it).map(|deed| deed.by_name.clone());
                Written { event: room.event_by(&message, author.as_ref()), hidden_by }
            };
            found.into_iter().map(write).collect()
        })
        .await
    }

    /// Users in whose name, now or before, `text` is: those who are in the room by name, then the last to register.
    pub(crate) async fn find_people(&self, text: String, limit: u32) -> Result<Vec<Person>, ChatError> {
        let stored = self.store().find_users(text.clone(), limit).await?;
        let most = usize::try_from(limit).unwrap_or(usize::MAX);
        self.look(move |room, now_ms| people(room, &text, stored, most, now_ms)).await
    }

    pub(crate) async fn details(&self, id: UserId, most_messages: u32) -> Result<Details, ChatError> {
        let stored = self.store().user(id.clone()).await?.ok_or(Refusal::NoSuchUser)?;
        let search = Search { user: Some(id.clone()), limit: most_messages, ..Search::default() };
        let messages = self.written(search).await?;
        self.look(move |room, _now_ms| {
            let user = room.view(room.user(&id).unwrap_or(&stored));
            Details { user, connected_clients: sockets_of(room, &id), messages }
        })
        .await
    }

    /// The bans in force, the newest first.
    pub(crate) async fn bans(&self) -> Result<Vec<Ban>, ChatError> {
        let networks: Vec<NetworkBan> = self.look(|room, _now_ms| room.bans().cloned().collect()).await?;
        let users = self.banned_users().await?;
        let targets = networks.iter().map(|ban| ban.network.clone()).chain(users.iter().map(|user| user.id.0.clone()));
        let actions = &[AuditAction::Ban, AuditAction::BanNetwork];
        let deeds = self.store().audit_of(targets.collect(), actions).await?;
        let by = |target: &str| deeds.iter().find(|deed| deed.target == target).map(|deed| deed.by_name.clone());
        let networks = networks.into_iter().map(|NetworkBan { network, at_ms, until_ms, note }| Ban {
            by: by(&network),
            at: Stamp(at_ms),
            until: until_ms.map(Stamp),
            reason: note,
            of: Banned::Network { network },
        });
        let users = users.into_iter().map(|User { id, name, disabled_ms, .. }| Ban {
            by: by(&id.0),
            at: Stamp(disabled_ms.unwrap_or_default()),
            until: None,
            reason: String::new(),
            of: Banned::User { user_id: id, name },
        });
        let mut bans: Vec<_> = networks.chain(users).collect();
        bans.sort_by_key(|ban| std::cmp::Reverse(ban.at));
        Ok(bans)
    }

    /// Users who are banned, last to be banned first. A declared moderator is not, whatever was done before.
    pub(crate) async fn banned_users(&self) -> Result<Vec<User>, ChatError> {
        let banned = self.store().banned().await?;
        self.look(move |room, _now_ms| banned.into_iter().filter(|user| room.is_disabled(user)).collect()).await
    }

    /// As everybody is shown them.
    pub(crate) async fn views(&self, users: Vec<User>) -> Result<Vec<UserView>, ChatError> {
        let view = move |room: &Room, _now_ms| {
            users.iter().map(|user| room.view(room.user(&user.id).unwrap_or(user))).collect()
        };
        self.look(view).await
    }

    /// Declared and promoted, by name.
    pub(crate) async fn moderators(&self) -> Result<Vec<UserView>, ChatError> {
        self.look(|room, _now_ms| {
            let mut moderators: Vec<_> =
                room.users().filter(|user| room.moderates(user)).map(|user| room.view(user)).collect();
            moderators.sort_by(|a, b| a.display_name.cmp(&b.display_name));
            moderators
        })
        .await
    }

    /// The questions in the order for the stage, as `user` sees them.
    pub(crate) async fn questions(&self, user: Option<UserId>) -> Result<Vec<Asked>, ChatError> {
        self.look(move |room, _now_ms| {
            let has_voted = |id| user.as_ref().map(|user| room.has_voted(id, user));
            room.stage().into_iter().filter_map(|event| asked(event, has_voted)).collect()
        })
        .await
    }
}

/// Whether what was done hid messages.
fn hides(deed: &AuditEntry) -> bool {
    matches!(deed.action, AuditAction::Hide | AuditAction::RemoveAll | AuditAction::Ban)
}

fn clients(room: &Room) -> Vec<Client> {
    let client = |(id, connection): (ConnectionId, &Connection)| {
        let user =
            room.user(&connection.user).map_or_else(|| UserView::unknown(&connection.user), |user| room.view(user));
        Client { socket: socket(id, connection), user, geo: None }
    };
    room.connections().map(client).collect()
}

fn sockets_of(room: &Room, of: &UserId) -> Vec<Socket> {
    let theirs = room.connections().filter(|(_, connection)| connection.user == *of);
    theirs.map(|(id, connection)| socket(id, connection)).collect()
}

fn socket(id: ConnectionId, connection: &Connection) -> Socket {
    Socket {
        id,
        connected_at: Stamp(connection.joined_ms),
        message_count: connection.messages,
        ip_address: connection.address,
        user_agent: "",
    }
}

fn people(room: &Room, text: &str, stored: Vec<User>, most: usize, now_ms: i64) -> Vec<Person> {
    let text = text.to_lowercase();
    let has_it = |name: &String| name.to_lowercase().contains(&text);
    let present: BTreeSet<&UserId> = room.connections().map(|(_, connection)| &connection.user).collect();
    let mut found: Vec<&User> = present
        .into_iter()
        .filter_map(|id| room.user(id))
        .filter(|user| has_it(&user.name) || user.previous_names.iter().any(has_it))
        .collect();
    found.sort_by(|a, b| a.name.cmp(&b.name));
    let known: BTreeSet<&UserId> = found.iter().map(|user| &user.id).collect();
    let absent = stored.iter().filter(|user| !known.contains(&user.id)).collect::<Vec<_>>();
    let absent = absent.into_iter().map(|user| room.user(&user.id).unwrap_or(user));
    found.into_iter().chain(absent).take(most).map(|user| person(room, user, now_ms)).collect()
}

fn person(room: &Room, user: &User, now_ms: i64) -> Person {
    let moderator = match &user.role {
        _ if !room.moderates(user) => None,
        Role::Declared { .. } => Some(Moderator::Declared),
        _ => Some(Moderator::Promoted),
    };
    Person {
        user: room.view(user),
        connections: room.sockets_of(&user.id),
        banned_at: user.disabled_ms.filter(|_| room.is_disabled(user)).map(Stamp),
        timed_out_until: user.timed_out_until_ms.filter(|until| *until > now_ms).map(Stamp),
        moderator,
    }
}

fn asked(Event { id, timestamp, kind }: Event, has_voted: impl Fn(MessageId) -> Option<bool>) -> Option<Asked> {
    let EventKind::Chat(chat) = kind else { return None };
    let voted = has_voted(id);
    Some(Asked { id, user: chat.user, body: chat.body, timestamp, standing: chat.question?, voted })
}
