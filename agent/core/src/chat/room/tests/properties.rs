//! What holds whatever people do.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::store::{Seen, Store};
use super::*;

const NAMES: [&str; 5] = ["Anna", "Ben", "Carl", "Marie", "Paul"];

#[derive(Clone, Debug)]
enum Step {
    Wait(i64),
    Command(Command),
    /// About the message of that number, counted back from the newest.
    About(usize, About),
}

#[derive(Clone, Copy, Debug)]
enum About {
    Show(bool),
    Vote(u64, bool),
    Question(bool),
    Answer(bool),
    Resume(u64, usize),
}

fn user() -> impl Strategy<Value = UserId> {
    (0..NAMES.len()).prop_map(|index| id(NAMES[index]))
}

fn by() -> impl Strategy<Value = By> {
    prop_oneof![Just(By::Operator), user().prop_map(By::User)]
}

fn connection() -> impl Strategy<Value = ConnectionId> {
    (0_u64..8).prop_map(ConnectionId)
}

fn host() -> impl Strategy<Value = IpAddr> {
    (1_u8..4).prop_map(address)
}

fn said() -> impl Strategy<Value = Command> {
    (connection(), 0_u8..12, any::<bool>()).prop_map(|(connection, nonce, is_question)| {
        let nonce = (nonce < 8).then(|| nonce.to_string());
        Command::Say { connection, post: Post { nonce, is_question, ..post("hi") } }
    })
}

fn command() -> impl Strategy<Value = Command> {
    prop_oneof![
        4 => (connection(), user(), host())
            .prop_map(|(connection, user, address)| Command::Join { connection, user, address, since: None }),
        2 => connection().prop_map(|connection| Command::Leave { connection }),
        8 => said(),
        2 => (connection(), "[a-c]{0,2}").prop_map(|(connection, name)| Command::Rename { connection, name }),
        1 => (by(), user()).prop_map(|(by, user)| Command::Ban { by, user }),
        1 => (by(), user()).prop_map(|(by, user)| Command::Unban { by, user }),
        1 => (by(), user(), 0_u32..30).prop_map(|(by, user, seconds)| Command::TimeOut { by, user, seconds }),
        1 => (by(), user()).prop_map(|(by, user)| Command::RemoveAllOf { by, user }),
        1 => (by(), user()).prop_map(|(by, user)| Command::Promote { by, user }),
        1 => (by(), user()).prop_map(|(by, user)| Command::Demote { by, user }),
        1 => (by(), host()).prop_map(|(by, host)| Command::BanNetwork {
            by, network: host.to_string(), from: None, seconds: Some(5), note: String::new()
        }),
        1 => prop::option::of(1..3u8).prop_map(|declared| Command::SetModerators {
            declared: declared.map(|number| ("Marie".to_owned(), secret(number))).into_iter().collect()
        }),
        1 => (0_u32..3, any::<bool>(), 0_u32..4).prop_map(|(slow, established, history)| Command::SetRules {
            rules: ChatRules {
                slow_mode_seconds: slow,
                established_users_only: established,
                established_after_minutes: 1,
                history_messages: history * 5,
                ..ChatRules::default()
            }
        }),
        1 => Just(Command::StreamStarted),
        1 => Just(Command::StreamEnded),
        2 => Just(Command::Tick),
    ]
}

fn about() -> impl Strategy<Value = About> {
    prop_oneof![
        any::<bool>().prop_map(About::Show),
        (0_u64..8, any::<bool>()).prop_map(|(connection, given)| About::Vote(connection, given)),
        any::<bool>().prop_map(About::Question),
        any::<bool>().prop_map(About::Answer),
        (0_u64..8, 0..NAMES.len()).prop_map(|(connection, user)| About::Resume(connection, user)),
    ]
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        3 => prop_oneof![-2_000_i64..0, 0_i64..1_000, 1_000_i64..60_000].prop_map(Step::Wait),
        8 => command().prop_map(Step::Command),
        3 => (0_usize..6, about()).prop_map(|(back, about)| Step::About(back, about)),
    ];
    proptest::collection::vec(step, 1..150)
}

/// Somebody who watches and keeps the books.
#[derive(Default)]
struct Watcher {
    /// Who is in, by what the effects say.
    present: BTreeMap<ConnectionId, UserId>,
    last_id: Option<MessageId>,
    messages: Vec<(MessageId, UserId, i64)>,
    nonces: BTreeMap<(UserId, String), i64>,
    hidden: BTreeSet<MessageId>,
    /// The furthest that the clock has ever been.
    latest: i64,
    store: Store,
}

impl Watcher {
    fn watch(&mut self, scene: &Scene, effects: &[Effect], command: &Command, is_ok: bool) {
        match command {
            Command::Join { connection, user, .. } if is_ok => drop(self.present.insert(*connection, user.clone())),
            Command::Leave { connection } => drop(self.present.remove(connection)),
            _ => (),
        }
        self.latest = self.latest.max(scene.now);
        for effect in effects {
            if let Effect::Store(record) = effect {
                self.store.write(record.clone());
            }
            match effect {
                Effect::Send { connection, event } => {
                    assert!(self.present.contains_key(connection), "{connection:?} is sent {event:?}");
                    self.see(event, false);
                }
                Effect::Broadcast(event) => self.see(event, true),
                Effect::Close { connection, .. } => drop(self.present.remove(connection)),
                Effect::Store(Record::Message { message }) => self.count(message, scene.now),
                Effect::Store(Record::Visibility { ids, hidden: Some(_), .. }) => self.hidden.extend(ids),
                Effect::Store(Record::Visibility { ids, hidden: None, .. }) => {
                    self.hidden.retain(|id| !ids.contains(id));
                }
                Effect::Store(_) | Effect::Audit(_) | Effect::Webhook(_) => (),
            }
        }
    }

    /// Every new event has a greater id than all before; what is sent again keeps its own.
    fn see(&mut self, event: &Event, to_all: bool) {
        if let EventKind::Chat(chat) = &event.kind {
            assert!(chat.visible && chat.hidden_at.is_none(), "a hidden message is sent");
            assert!(!self.hidden.contains(&event.id), "a hidden message is sent");
            if !to_all {
                return;
            }
        }
        if let EventKind::UserParted { user, .. } = &event.kind {
            assert!(!self.present.values().any(|present| *present == user.id), "{user:?} has not left");
        }
        assert!(self.last_id.is_none_or(|last| last < event.id), "{event:?} after {:?}", self.last_id);
        self.last_id = Some(event.id);
    }

    fn count(&mut self, message: &Message, now: i64) {
        let Content::Chat { user, nonce, .. } = &message.content else { return };
        self.messages.push((message.id, user.clone(), now));
        if let Some(nonce) = nonce
            && let Some(before) = self.nonces.insert((user.clone(), nonce.clone()), now)
        {
            let passed = self.latest - before;
            assert!(passed > NONCE_MS, "nonce {nonce} of {user} is doubled after {passed} ms");
        }
    }

    /// What is true of the room at any time.
    fn check(&self, scene: &Scene) {
        let room = &scene.room;
        let present: BTreeMap<_, _> =
            room.connections().map(|(id, connection)| (id, connection.user.clone())).collect();
        assert_eq!(present, self.present);
        for (_, connection) in room.connections() {
            let user = room.user(&connection.user).unwrap();
            assert!(!room.is_disabled(user), "{user:?} is banned and here");
            room.admit(connection.address, Some(user)).unwrap();
        }
        for event in room.history() {
            assert!(!self.hidden.contains(&event.id), "{event:?} is hidden and shown to newcomers");
            let EventKind::Chat(chat) = &event.kind else { continue };
            assert!(chat.visible);
            assert!(
                chat.question.is_none_or(|question| question.votes < NAMES.len()),
                "one vote for each of the others"
            );
        }
        assert!(room.stage().iter().all(|event| !self.hidden.contains(&event.id)));
        assert!(room.history().is_sorted_by(|a, b| a.id < b.id));
        assert!(room.history().len() <= usize::try_from(room.rules.history_messages).unwrap());
    }
}

/// Everybody is registered and nobody is in; Marie is declared.
fn scene(watcher: &mut Watcher) -> Scene {
    let mut scene = Scene { room: Room::new(ChatRules::default(), Snapshot::default()), now: START, steps: 0 };
    let guests = NAMES.iter().filter(|name| **name != "Marie");
    let register =
        guests.map(|name| Command::Register { id: id(name), name: Some((*name).to_owned()), address: address(1) });
    let declare = Command::SetModerators { declared: [("Marie".to_owned(), secret(1))].into() };
    let moderator = Command::RegisterModerator { id: id("Marie"), name: "Marie".to_owned(), secret: secret(1) };
    for command in register.chain([declare, moderator, Command::StreamStarted]).collect::<Vec<_>>() {
        let effects = scene.ok(command.clone());
        watcher.watch(&scene, &effects, &command, true);
    }
    scene
}

fn about_to_command(about: About, message: MessageId) -> Command {
    match about {
        About::Show(visible) => Command::SetVisibility { by: By::Operator, ids: vec![message], visible },
        About::Vote(connection, given) => {
            Command::Vote { connection: ConnectionId(connection), question: message, given }
        }
        About::Question(is_question) => Command::SetQuestion { by: By::Operator, message, is_question },
        About::Answer(is_answered) => Command::Answer { by: By::Operator, question: message, is_answered },
        About::Resume(connection, user) => Command::Join {
            connection: ConnectionId(connection),
            user: id(NAMES[user]),
            address: address(1),
            since: Some(message),
        },
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_room_keeps_its_promises(steps in steps()) {
        let mut watcher = Watcher::default();
        let mut scene = scene(&mut watcher);
        for step in steps {
            let command = match step {
                Step::Wait(ms) => {
                    scene.now += ms;
                    Command::Tick
                }
                Step::Command(command) => command,
                Step::About(back, about) => match watcher.messages.iter().rev().nth(back) {
                    Some((message, ..)) => about_to_command(about, *message),
                    None => continue,
                },
            };
            let Outcome { effects, result } = scene.run(command.clone());
            watcher.watch(&scene, &effects, &command, result.is_ok());
            watcher.check(&scene);
        }
        // The next engine goes on with the same room.
        let mut next = Scene { room: Room::new(scene.room.rules.clone(), watcher.store.snapshot(scene.now)), ..scene };
        next.ok(Command::SetModerators { declared: scene.room.declared.clone() });
        let now = scene.now + 2_000;
        for room in [&mut scene.room, &mut next.room] {
            room.apply(Command::Tick, Moment { ms: now, entropy: 0 });
        }
        prop_assert_eq!(Seen::of(&next.room), Seen::of(&scene.room));
    }

    #[test]
    fn nobody_talks_faster_than_allowed(
        waits in proptest::collection::vec((0_i64..2_500, 0_u64..3), 1..300),
        slow_mode_seconds in 0_u32..5,
    ) {
        let mut scene = Scene::with_anna_and_ben(ChatRules { slow_mode_seconds, ..ChatRules::default() });
        scene.join(0, "Anna");
        let mut watcher = Watcher::default();
        for (wait, connection) in waits {
            let outcome = scene.later(wait).say(connection, "x");
            for record in records(&outcome.effects) {
                if let Record::Message { message } = record {
                    watcher.count(message, scene.now);
                }
            }
        }
        for user in ["Anna", "Ben"].map(id) {
            let said: Vec<_> = watcher.messages.iter().filter(|(_, by, _)| *by == user).map(|(.., at)| *at).collect();
            for pair in said.windows(2) {
                let least = (i64::from(slow_mode_seconds) * 1_000).max(666);
                prop_assert!(pair[1] - pair[0] >= least, "{:?} at {} s slow mode", pair, slow_mode_seconds);
            }
            for four in said.windows(4) {
                prop_assert!(four[3] - four[0] >= 2_000, "{:?}: four in two seconds", four);
            }
        }
    }
}
