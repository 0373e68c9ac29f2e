use super::*;
use crate::chat::bounds::MAX_BODY_BYTES;
use crate::chat::stream::OPEN_AFTER_END_MS;

fn set(rules: ChatRules) -> Command {
    Command::SetRules { rules }
}

#[test]
fn people_are_told_what_changes_for_them() {
    let mut scene = Scene::with_anna_and_ben(ChatRules::default());
    let slow = ChatRules { slow_mode_seconds: 30, ..ChatRules::default() };
    assert_eq!(broadcasts(&scene.ok(set(slow.clone()))), ["CHAT_ACTION"]);
    assert!(scene.say(1, "1").result.is_ok());
    assert!(matches!(scene.later(2_000).say(1, "2").result, Err(Refusal::SlowMode { .. })), "at once");
    assert_eq!(broadcasts(&scene.ok(set(slow.clone()))), [""; 0], "the same rules are no news");
    let both = ChatRules { established_users_only: true, slow_mode_seconds: 0, ..slow };
    assert_eq!(broadcasts(&scene.ok(set(both))).len(), 2);
    assert!(scene.later(2_000).say(1, "3").result.is_ok());
}

#[test]
fn chat_that_is_turned_off_is_empty_until_it_is_on_again() {
    let mut scene = Scene::with_anna_and_ben(ChatRules::default());
    let off = ChatRules { enable: false, ..ChatRules::default() };
    let effects = scene.ok(set(off));
    assert_eq!(broadcasts(&effects), ["CHAT_ACTION"]);
    assert_eq!(closed(&effects), [(1, CloseReason::ChatOff), (2, CloseReason::ChatOff)]);
    assert_eq!(scene.refused(join(3, "Anna")), Refusal::ChatOff);
    assert!(!scene.room.is_open(scene.now));
    scene.ok(set(ChatRules::default()));
    scene.join(3, "Anna");
    assert!(scene.say(3, "back").result.is_ok());
}

#[test]
fn the_history_follows_its_rules_at_once() {
    let mut scene = Scene::with_anna_and_ben(ChatRules::default());
    for text in ["1", "2", "3"] {
        scene.said(1, text);
    }
    scene.ok(set(ChatRules { history_messages: 2, ..ChatRules::default() }));
    assert_eq!(scene.shown(), ["2", "3"]);
    scene.ok(set(ChatRules { history_messages: 0, ..ChatRules::default() }));
    assert!(scene.shown().is_empty());
    scene.ok(set(ChatRules { history_hours: 1, ..ChatRules::default() }));
    scene.now += 3_600_000 - 5_000;
    let effects = scene.ok(Command::Tick);
    assert_eq!(scene.shown(), ["2", "3"]);
    let before = MessageId::first_of(scene.now - 3_600_000);
    assert_eq!(records(&effects), [&Record::Prune { before }]);
    assert!(records(&scene.later(60_000).ok(Command::Tick)).is_empty(), "the store is told each five minutes");
}

#[test]
fn a_name_that_is_forbidden_now_is_kept_but_not_taken_again() {
    let mut scene = Scene::with_anna_and_ben(ChatRules::default());
    scene.ok(set(ChatRules { forbidden_names: vec!["anna".to_owned()], ..ChatRules::default() }));
    assert_eq!(scene.room.user(&id("Anna")).unwrap().name, "Anna");
    let rename = |number, name: &str| Command::Rename { connection: ConnectionId(number), name: name.to_owned() };
    assert!(matches!(scene.refused(rename(2, "anna")), Refusal::Name(_)));
    scene.ok(rename(2, "Admin"));
}

#[test]
fn a_newcomer_is_welcomed_once_and_alone() {
    let mut scene = Scene::with_anna_and_ben(ChatRules::default());
    scene.register("Cleo");
    scene.ok(Command::SetWelcome { author: "Harbour".to_owned(), body: "<p>Welcome</p>".to_owned() });
    let welcomed = |effects: Vec<Effect>| {
        effects
            .into_iter()
            .filter_map(|effect| match effect {
                Effect::Send { connection, event: Event { kind: EventKind::System { body, user }, .. } } => {
                    Some((connection.0, user.display_name, body))
                }
                Effect::Broadcast(Event { kind: EventKind::System { .. }, .. }) => panic!("everybody was told"),
                _ => None,
            })
            .collect::<Vec<_>>()
    };
    let own = (3, "Harbour".to_owned(), "<p>Welcome</p>".to_owned());
    assert_eq!(welcomed(scene.join(3, "Cleo")), [own]);
    assert!(welcomed(scene.join(4, "Cleo")).is_empty(), "another window of hers");
    for connection in [ConnectionId(3), ConnectionId(4)] {
        scene.ok(Command::Leave { connection });
    }
    scene.now += 60_000;
    scene.ok(Command::Tick);
    let comes = |number, ms| Command::Join {
        connection: ConnectionId(number),
        user: id("Cleo"),
        address: address(1),
        since: Some(MessageId::first_of(ms)),
    };
    assert!(welcomed(scene.ok(comes(5, START))).is_empty(), "she lost her connection and comes back");
    scene.ok(Command::Leave { connection: ConnectionId(5) });
    scene.now += 60_000;
    scene.ok(Command::Tick);
    assert_eq!(welcomed(scene.ok(comes(6, 0))).len(), 1, "she opens the page anew");
    assert_eq!(welcomed(scene.ok(comes(7, 0))).len(), 1, "and in another tab");
    scene.ok(Command::Leave { connection: ConnectionId(6) });
    assert_eq!(welcomed(scene.ok(comes(8, 0))).len(), 1, "a page that is loaded again is empty at first");
    scene.ok(Command::SetWelcome { author: "Harbour".to_owned(), body: String::new() });
    scene.register("Dan");
    assert!(welcomed(scene.join(9, "Dan")).is_empty());
    let long = Command::SetWelcome { author: String::new(), body: "x".repeat(MAX_BODY_BYTES + 1) };
    assert!(matches!(scene.refused(long), Refusal::TooLong { .. }));
}

#[test]
fn a_stream_that_starts_twice_starts_once() {
    let mut scene = Scene::new(ChatRules::default());
    assert!(scene.ok(Command::StreamStarted).is_empty());
    assert_eq!(records(&scene.ok(Command::StreamEnded)).len(), 1);
    assert!(scene.ok(Command::StreamEnded).is_empty());
}

#[test]
fn the_defaults_are_owncasts() {
    let rules: ChatRules = serde_json::from_str("{}").unwrap();
    assert_eq!(rules, ChatRules::default());
    assert_eq!(serde_json::to_value(rules).unwrap()["maxMessageBytes"], 2048);
}

#[test]
fn another_secret_ends_the_logins_made_with_the_one_before() {
    let declared = |number: u8| Command::SetModerators { declared: [("Marie".to_owned(), secret(number))].into() };
    let log_in =
        |number: u8| Command::RegisterModerator { id: id("Marie"), name: "Marie".to_owned(), secret: secret(number) };
    let mut scene = Scene::new(ChatRules::default());
    scene.ok(declared(1));
    scene.ok(log_in(1));
    scene.join(1, "Marie");
    assert_eq!(scene.ok(declared(1)), [], "the same secret disturbs nobody");
    let marie = scene.room.user(&id("Marie")).unwrap().clone();

    let effects = scene.ok(declared(2));
    assert_eq!(closed(&effects), [(1, CloseReason::LoginEnded)]);
    assert_eq!(types_sent(&effects, 1), ["ERROR_NEEDS_REGISTRATION"]);
    assert!(records(&effects).contains(&&Record::EndLogins { user: id("Marie") }));
    assert!(!scene.room.moderates(&marie), "as the store knows her still");
    assert_eq!(scene.refused(log_in(1)), Refusal::NotDeclared { name: "Marie".to_owned() });
    let Done::Registered(again) = scene.run(log_in(2)).result.unwrap() else { panic!() };
    assert_eq!(again.id, marie.id, "the same moderator");
    assert!(scene.room.moderates(&again));

    // The next engine learns of a third secret that came while there was none.
    let snapshot = Snapshot { users: vec![*again], ..Snapshot::default() };
    let mut next = Scene::from(ChatRules::default(), snapshot);
    assert_eq!(records(&next.ok(declared(2))), Vec::<&Record>::new(), "a restart ends nothing");
    assert!(records(&next.ok(declared(3))).contains(&&Record::EndLogins { user: id("Marie") }));
}

#[test]
fn everybody_is_told_when_the_chat_closes_after_the_stream_and_when_it_opens_again() {
    let mut scene = Scene::with_anna_and_ben(ChatRules::default());
    let comes = |number| Command::Join {
        connection: ConnectionId(number),
        user: id("Ben"),
        address: address(1),
        since: Some(MessageId::first_of(0)),
    };
    assert_eq!(broadcasts(&scene.ok(Command::StreamEnded)), [""; 0]);
    assert_eq!(broadcasts(&scene.later(OPEN_AFTER_END_MS).ok(Command::Tick)), [""; 0]);
    assert_eq!(types_sent(&scene.ok(comes(3)), 3), ["CONNECTED_USER_INFO", "RESUMED"]);
    assert_eq!(broadcasts(&scene.later(1).ok(Command::Tick)), ["OPENING"]);
    assert_eq!(broadcasts(&scene.ok(Command::Tick)), [""; 0], "once");
    assert_eq!(types_sent(&scene.ok(comes(4)), 4), ["CONNECTED_USER_INFO", "OPENING", "RESUMED"]);
    assert_eq!(broadcasts(&scene.ok(Command::StreamStarted)), ["OPENING"]);
    assert_eq!(types_sent(&scene.ok(comes(5)), 5), ["CONNECTED_USER_INFO", "RESUMED"]);
}
