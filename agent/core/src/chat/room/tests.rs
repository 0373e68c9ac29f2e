//! The room as its guests see it.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::net::Ipv4Addr;

use super::*;
use crate::chat::audit::{AuditEntry, By};
use crate::chat::command::Post;
use crate::chat::users::SecretId;
use crate::chat::webhooks::WebhookEvent;

mod asking;
mod moderating;
mod presence;
mod properties;
mod ruling;
mod speaking;
mod store;
mod wire;

/// 2026-11-23T08:00:00Z.
const START: i64 = 1_795_420_800_000;

struct Scene {
    room: Room,
    now: i64,
    steps: u64,
}

impl Scene {
    fn new(rules: ChatRules) -> Self {
        Self::from(rules, Snapshot::default())
    }

    fn from(rules: ChatRules, snapshot: Snapshot) -> Self {
        let mut scene = Self { room: Room::new(rules, snapshot), now: START, steps: 0 };
        scene.ok(Command::StreamStarted);
        scene
    }

    /// Two guests, a day old.
    fn with_anna_and_ben(rules: ChatRules) -> Self {
        let mut scene = Self::new(rules);
        for (number, name) in [(1, "Anna"), (2, "Ben")] {
            scene.register(name);
            scene.join(number, name);
        }
        scene.now += 24 * 3_600_000;
        scene
    }

    fn run(&mut self, command: Command) -> Outcome {
        self.steps += 1;
        self.room.apply(command, Moment { ms: self.now, entropy: self.steps })
    }

    fn ok(&mut self, command: Command) -> Vec<Effect> {
        let text = format!("{command:?}");
        let Outcome { effects, result } = self.run(command);
        assert!(result.is_ok(), "{text}: {result:?}");
        effects
    }

    fn refused(&mut self, command: Command) -> Refusal {
        self.run(command).result.unwrap_err()
    }

    fn later(&mut self, ms: i64) -> &mut Self {
        self.now += ms;
        self
    }

    /// Under an id that is the name.
    fn register(&mut self, name: &str) -> User {
        let name = Some(name.to_owned());
        let id = id(name.as_deref().unwrap());
        match self.run(Command::Register { id, name, address: address(1) }).result.unwrap() {
            Done::Registered(user) => *user,
            done => panic!("{done:?}"),
        }
    }

    fn declare(&mut self, names: &[&str]) -> Vec<Effect> {
        let declared = names.iter().map(|name| ((*name).to_owned(), secret(1))).collect();
        self.ok(Command::SetModerators { declared })
    }

    fn join(&mut self, number: u64, user: &str) -> Vec<Effect> {
        self.ok(join(number, user))
    }

    fn say(&mut self, number: u64, text: &str) -> Outcome {
        self.run(Command::Say { connection: ConnectionId(number), post: post(text) })
    }

    /// Five seconds after what was before, so that nobody floods.
    fn said(&mut self, number: u64, text: &str) -> MessageId {
        self.later(5_000);
        match self.say(number, text).result.unwrap() {
            Done::Sent(id) => id,
            done => panic!("{done:?}"),
        }
    }

    fn asked(&mut self, number: u64, text: &str) -> MessageId {
        self.later(5_000);
        let post = Post { is_question: true, ..post(text) };
        match self.run(Command::Say { connection: ConnectionId(number), post }).result.unwrap() {
            Done::Sent(id) => id,
            done => panic!("{done:?}"),
        }
    }

    fn shown(&self) -> Vec<String> {
        self.room.history().iter().map(body).collect()
    }
}

fn id(name: &str) -> UserId {
    UserId(name.to_owned())
}

fn address(host: u8) -> IpAddr {
    Ipv4Addr::new(192, 0, 2, host).into()
}

fn join(number: u64, user: &str) -> Command {
    Command::Join { connection: ConnectionId(number), user: id(user), address: address(1), since: None }
}

fn post(text: &str) -> Post {
    Post { raw: text.to_owned(), body: text.to_owned(), ..Post::default() }
}

fn body(event: &Event) -> String {
    match &event.kind {
        EventKind::Chat(ChatBody { body, .. }) | EventKind::System { body, .. } | EventKind::ChatAction { body } => {
            body.clone()
        }
        kind => panic!("{kind:?}"),
    }
}

/// The type of an event, as it is sent.
fn type_of(event: &Event) -> String {
    serde_json::to_value(event).unwrap()["type"].as_str().unwrap().to_owned()
}

fn broadcasts(effects: &[Effect]) -> Vec<String> {
    let told = effects.iter().filter_map(|effect| match effect {
        Effect::Broadcast(event) => Some(type_of(event)),
        _ => None,
    });
    told.collect()
}

/// What one connection is sent.
fn sent(effects: &[Effect], number: u64) -> Vec<Event> {
    let sent = effects.iter().filter_map(|effect| match effect {
        Effect::Send { connection: ConnectionId(to), event } if *to == number => Some(event.clone()),
        _ => None,
    });
    sent.collect()
}

fn types_sent(effects: &[Effect], number: u64) -> Vec<String> {
    sent(effects, number).iter().map(type_of).collect()
}

fn secret(number: u8) -> SecretId {
    SecretId(format!("secret {number}"))
}

fn closed(effects: &[Effect]) -> Vec<(u64, CloseReason)> {
    let closed = effects.iter().filter_map(|effect| match effect {
        Effect::Close { connection, reason, after_ms: CLOSE_MS } => Some((connection.0, *reason)),
        _ => None,
    });
    closed.collect()
}

fn records(effects: &[Effect]) -> Vec<&Record> {
    let records = effects.iter().filter_map(|effect| match effect {
        Effect::Store(record) => Some(record),
        _ => None,
    });
    records.collect()
}

fn audited(effects: &[Effect]) -> Vec<String> {
    let audited = effects.iter().filter_map(|effect| match effect {
        Effect::Audit(AuditEntry { text, .. }) => Some(text.clone()),
        _ => None,
    });
    audited.collect()
}

fn webhooks(effects: &[Effect]) -> Vec<&WebhookEvent> {
    let told = effects.iter().filter_map(|effect| match effect {
        Effect::Webhook(event) => Some(event),
        _ => None,
    });
    told.collect()
}
