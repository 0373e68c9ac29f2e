use super::*;
use crate::chat::bounds::{MAX_CONNECTIONS_PER_USER, MAX_OBSERVERS_PER_ADDRESS, MAX_USERS};

fn leave(number: u64) -> Command {
    Command::Leave { connection: ConnectionId(number) }
}

#[test]
fn who_comes_is_told_who_they_are_and_everybody_else_that_they_came() {
    let mut scene = Scene::new(ChatRules::default());
    scene.register("Anna");
    let effects = scene.join(1, "Anna");
    assert_eq!(types_sent(&effects, 1), ["CONNECTED_USER_INFO"]);
    assert_eq!(broadcasts(&effects), ["USER_JOINED"]);
    let effects = scene.join(2, "Anna");
    assert_eq!(types_sent(&effects, 2), ["CONNECTED_USER_INFO"]);
    assert_eq!(broadcasts(&effects), [""; 0], "a second window is nobody new");
    assert!(webhooks(&effects).is_empty());
    assert_eq!(scene.refused(join(3, "Nobody")), Refusal::NoSuchUser);
}

#[test]
fn who_is_away_for_ten_seconds_has_left() {
    let mut scene = Scene::new(ChatRules::default());
    scene.register("Anna");
    scene.join(1, "Anna");
    scene.join(2, "Anna");
    scene.ok(leave(1));
    assert!(scene.later(PART_MS).ok(Command::Tick).iter().all(|effect| !matches!(effect, Effect::Broadcast(_))));
    scene.ok(leave(2));
    let effects = scene.later(PART_MS - 1).ok(Command::Tick);
    assert_eq!(broadcasts(&effects), [""; 0]);
    assert_eq!(broadcasts(&scene.join(3, "Anna")), [""; 0], "a reconnect is no news");
    assert_eq!(broadcasts(&scene.later(1).ok(Command::Tick)), [""; 0], "and nobody left");
    scene.ok(leave(3));
    assert_eq!(broadcasts(&scene.later(PART_MS).ok(Command::Tick)), ["USER_PARTED"]);
    assert_eq!(broadcasts(&scene.later(PART_MS).ok(Command::Tick)), [""; 0], "told once");
    assert_eq!(broadcasts(&scene.join(4, "Anna")), ["USER_JOINED"]);
}

#[test]
fn a_clock_that_is_set_back_leaves_nobody_in_limbo() {
    let mut scene = Scene::with_anna_and_ben(ChatRules::default());
    scene.ok(leave(1));
    scene.now = START;
    assert_eq!(broadcasts(&scene.ok(Command::Tick)), ["USER_PARTED"]);
}

#[test]
fn joins_and_parts_are_told_only_if_declared_and_while_live() {
    let quiet = ChatRules { join_messages: false, ..ChatRules::default() };
    let mut scene = Scene::new(quiet);
    scene.register("Anna");
    let effects = scene.join(1, "Anna");
    assert_eq!((broadcasts(&effects).len(), webhooks(&effects).len()), (0, 1));
    scene.ok(leave(1));
    let effects = scene.later(PART_MS).ok(Command::Tick);
    assert_eq!((broadcasts(&effects).len(), webhooks(&effects).len()), (0, 1));

    let mut scene = Scene::new(ChatRules::default());
    scene.ok(Command::StreamEnded);
    scene.register("Anna");
    assert_eq!(broadcasts(&scene.join(1, "Anna")), [""; 0]);
    scene.ok(leave(1));
    assert_eq!(broadcasts(&scene.later(PART_MS).ok(Command::Tick)), [""; 0], "nobody knew that they were here");
}

#[test]
fn who_brings_no_good_name_is_given_one() {
    let mut scene = Scene::new(ChatRules::default());
    scene.declare(&["Marie"]);
    assert_eq!(scene.register("  Anna  of the Lake").name, "Anna of the Lake");
    assert_eq!(scene.register(&"é".repeat(40)).name, "é".repeat(30), "too long a name is cut, as in Owncast");
    for name in ["", "Admin", "\u{202e}", "M4rie", "owncast"] {
        let user = scene.register(name);
        assert!(user.name.contains(' ') && user.name != name, "{user:?}");
        assert_eq!(user.previous_names, [user.name]);
        assert!(user.colour <= 7);
    }
}

#[test]
fn invented_names_differ_as_long_as_they_can() {
    let mut scene = Scene::new(ChatRules { spam_protection: false, ..ChatRules::default() });
    let mut names = BTreeSet::new();
    for number in 0..250 {
        let command = Command::Register { id: id(&number.to_string()), name: None, address: address(number) };
        let Done::Registered(user) = scene.run(command).result.unwrap() else { panic!() };
        names.insert(user.name);
    }
    assert_eq!(names.len(), 250);
}

#[test]
fn accounts_are_not_made_by_the_thousand() {
    let mut scene = Scene::new(ChatRules::default());
    let mut register = |number: usize, host| {
        scene.run(Command::Register { id: id(&number.to_string()), name: None, address: address(host) }).result
    };
    assert!((0..300).all(|number| register(number, 1).is_ok()));
    assert_eq!(register(300, 1), Err(Refusal::AddressFlood));
    assert!(register(300, 2).is_ok());
}

#[test]
fn moderators_and_bots_are_the_same_user_each_time() {
    let mut scene = Scene::new(ChatRules::default());
    let moderator =
        |number: &str| Command::RegisterModerator { id: id(number), name: "Marie".to_owned(), secret: secret(1) };
    assert_eq!(scene.refused(moderator("1")), Refusal::NotDeclared { name: "Marie".to_owned() });
    scene.declare(&["Marie"]);
    let first = scene.run(moderator("1")).result.unwrap();
    assert_eq!(scene.run(moderator("2")).result.unwrap(), first);
    let Done::Registered(user) = first else { panic!() };
    assert!(scene.room.moderates(&user) && user.authenticated);

    let bot = |number: &str, scopes: &[&str]| Command::RegisterBot {
        id: id(number),
        token: "lights".to_owned(),
        scopes: scopes.iter().map(|scope| (*scope).to_owned()).collect(),
    };
    scene.ok(bot("3", &["CAN_SEND_MESSAGES"]));
    let effects = scene.ok(bot("4", &[]));
    assert_eq!(records(&effects).len(), 1, "its scopes have changed");
    let view = scene.room.view(scene.room.user(&id("3")).unwrap());
    assert_eq!((view.display_name.as_str(), view.is_bot, view.scopes.len()), ("lights", true, 0));
    assert!(scene.room.user(&id("4")).is_none());
}

#[test]
fn a_user_has_twenty_windows_and_no_more() {
    let mut scene = Scene::new(ChatRules::default());
    scene.register("Anna");
    for number in 0..MAX_CONNECTIONS_PER_USER as u64 {
        scene.join(number, "Anna");
    }
    assert_eq!(scene.refused(join(99, "Anna")), Refusal::TooManyConnections);
    scene.ok(leave(0));
    scene.join(99, "Anna");
}

#[test]
fn users_who_are_not_needed_make_room() {
    let mut scene = Scene::with_anna_and_ben(ChatRules::default());
    scene.said(1, "hi");
    scene.ok(leave(1));
    scene.later(PART_MS).ok(Command::Tick);
    let template = scene.room.user(&id("Anna")).unwrap().clone();
    for number in 0..=MAX_USERS {
        scene.later(1).ok(Command::Know { user: User { id: id(&format!("guest {number}")), ..template.clone() } });
    }
    assert!(scene.room.users().count() <= MAX_USERS);
    let is_known = |name: &str| scene.room.user(&id(name)).is_some();
    assert!(is_known("Anna") && is_known("Ben"), "one wrote something, one is here");
    assert!(!is_known("guest 0") && is_known(&format!("guest {MAX_USERS}")));
}

fn resume(number: u64, since: MessageId) -> Command {
    Command::Join { connection: ConnectionId(number), user: id("Anna"), address: address(1), since: Some(since) }
}

#[test]
fn who_comes_back_gets_what_they_missed() {
    let mut scene = Scene::with_anna_and_ben(ChatRules::default());
    let seen = scene.said(2, "seen");
    let asked = scene.asked(2, "why?");
    let gone = scene.said(2, "gone while away");
    scene.ok(leave(1));
    let missed = scene.said(2, "missed");
    let hidden = scene.said(2, "hidden at once");
    let by = || By::Operator;
    scene.ok(Command::SetVisibility { by: by(), ids: vec![gone, hidden], visible: false });
    scene.ok(Command::Answer { by: by(), question: asked, is_answered: true });
    let events = sent(&scene.ok(resume(5, gone)), 5);
    let types: Vec<_> = events.iter().map(type_of).collect();
    assert_eq!(types, ["CONNECTED_USER_INFO", "CHAT", "VISIBILITY-UPDATE", "QUESTION-UPDATE", "RESUMED"]);
    assert!(
        matches!(events[3].kind, EventKind::QuestionUpdate { message_id, answered: true, .. } if message_id == asked)
    );
    assert_eq!((events[1].id, body(&events[1])), (missed, "missed".to_owned()));
    assert_eq!(events[2].kind, EventKind::VisibilityUpdate { ids: vec![gone], visible: false });
    assert_eq!(events[4].kind, EventKind::Resumed { complete: true });
    let all = scene.ok(resume(6, seen));
    assert_eq!(types_sent(&all, 6), ["CONNECTED_USER_INFO", "CHAT", "CHAT", "RESUMED"]);
    let last = scene.said(2, "last");
    scene.ok(Command::SetQuestion { by: by(), message: asked, is_question: false });
    scene.ok(Command::SetVisibility { by: by(), ids: vec![gone], visible: true });
    let events = sent(&scene.ok(resume(7, last)), 7);
    assert_eq!(events[1].kind, EventKind::VisibilityUpdate { ids: vec![gone], visible: true });
    assert!(
        matches!(events[2].kind, EventKind::QuestionUpdate { message_id, withdrawn: true, .. } if message_id == asked)
    );
}

#[test]
fn a_resume_is_complete_across_a_restart() {
    let mut scene = Scene::with_anna_and_ben(ChatRules::default());
    let seen = scene.said(2, "seen");
    let missed = scene.said(2, "missed");
    let snapshot = Snapshot {
        users: scene.room.users().cloned().collect(),
        messages: scene.room.history.iter().filter(|message| message.id > seen).cloned().collect(),
        dropped: Some(seen),
        last_id: Some(missed),
        ..Snapshot::default()
    };
    let mut next = Scene::from(ChatRules::default(), snapshot);
    let events = sent(&next.ok(resume(1, seen)), 1);
    assert_eq!(body(&events[1]), "missed");
    assert_eq!(events[2].kind, EventKind::Resumed { complete: true });
    assert!(events[2].id > missed, "ids go on above the last, although this clock is a day behind");
    let before = MessageId::first_of(1);
    let events = sent(&next.ok(resume(2, before)), 2);
    assert_eq!(events.last().unwrap().kind, EventKind::Resumed { complete: false });
}

#[test]
fn a_restart_of_the_engine_is_not_everybody_coming_in_again() {
    let mut scene = Scene::with_anna_and_ben(ChatRules::default());
    let seen = scene.said(2, "seen");
    let users = scene.room.users().cloned().collect();
    let mut next = Scene::from(ChatRules::default(), Snapshot { users, last_id: Some(seen), ..Snapshot::default() });
    assert_eq!(broadcasts(&next.ok(resume(1, seen))), [""; 0]);
    next.register("Carla");
    let since = Some(MessageId::first_of(0));
    let newcomer = Command::Join { connection: ConnectionId(9), user: id("Carla"), address: address(9), since };
    assert_eq!(broadcasts(&next.ok(newcomer)), ["USER_JOINED"], "a page just opened resumes from the beginning");
    assert_eq!(broadcasts(&next.join(2, "Ben")), ["USER_JOINED"], "a client that does not resume may be new");
    next.ok(leave(1));
    assert_eq!(broadcasts(&next.later(PART_MS).ok(Command::Tick)), ["USER_PARTED"], "everybody knew of her");
    assert_eq!(broadcasts(&next.later(REJOIN_MS).ok(resume(3, seen))), ["USER_JOINED"]);
}

#[test]
fn whoever_reads_along_hears_everything_and_is_nobody() {
    let mut scene = Scene::new(ChatRules::default());
    scene.ok(Command::StreamStarted);
    scene.register("Anna");
    scene.join(1, "Anna");
    let past = scene.said(1, "before");
    let observe = |number: u64, host: u8| Command::Observe {
        connection: ConnectionId(number),
        address: address(host),
        since: Some(MessageId::first_of(0)),
    };
    let effects = scene.ok(observe(2, 2));
    assert_eq!(sent(&effects, 2).iter().map(|event| event.id).collect::<Vec<_>>()[0], past);
    assert_eq!(types_sent(&effects, 2), ["CHAT", "RESUMED"]);
    assert!(broadcasts(&effects).is_empty() && records(&effects).is_empty());
    assert_eq!((scene.room.connections().count(), scene.room.users().count()), (1, 1));

    let outcome = scene.say(2, "let me in");
    assert_eq!(outcome.result, Err(Refusal::Observing));
    assert_eq!(types_sent(&outcome.effects, 2), ["CHAT_ACTION"]);
    assert!(broadcasts(&outcome.effects).is_empty());
    assert_eq!(
        scene.refused(Command::Rename { connection: ConnectionId(2), name: "Eve".to_owned() }),
        Refusal::Observing
    );
    assert_eq!(scene.ok(Command::Leave { connection: ConnectionId(2) }), []);
    assert!(broadcasts(&scene.later(60_000).ok(Command::Tick)).is_empty(), "nobody is told of its end");

    for number in 0..MAX_OBSERVERS_PER_ADDRESS {
        scene.ok(observe(100 + u64::try_from(number).unwrap(), 2));
    }
    assert_eq!(scene.refused(observe(99, 2)), Refusal::TooManyObservers);
    scene.ok(observe(99, 3));
    scene.ok(Command::Leave { connection: ConnectionId(100) });
    scene.ok(observe(100, 2));
    let ban = |host: u8| Command::BanNetwork {
        by: By::Operator,
        network: address(host).to_string(),
        from: None,
        seconds: None,
        note: String::new(),
    };
    assert_eq!(closed(&scene.ok(ban(3))), [(99, CloseReason::NetworkBanned)]);
    assert_eq!(scene.refused(observe(99, 3)), Refusal::NetworkBanned);
    let off = Command::SetRules { rules: ChatRules { enable: false, ..ChatRules::default() } };
    assert_eq!(closed(&scene.ok(off)).len(), 1 + MAX_OBSERVERS_PER_ADDRESS);
    assert_eq!(scene.refused(observe(99, 4)), Refusal::ChatOff);
}

#[test]
fn a_page_that_is_opened_shows_as_much_as_is_declared_however_young() {
    let mut scene = Scene::with_anna_and_ben(ChatRules { history_messages: 2, ..ChatRules::default() });
    let ids: Vec<_> = ["one", "two", "three", "four"].map(|text| scene.said(1, text)).into();
    scene.ok(Command::SetVisibility { by: By::Operator, ids: vec![ids[3]], visible: false });
    let comes =
        |number, since| Command::Join { connection: ConnectionId(number), user: id("Ben"), address: address(1), since };
    let told = |effects: Vec<Effect>, number| -> Vec<String> {
        sent(&effects, number).iter().filter(|event| matches!(event.kind, EventKind::Chat(_))).map(body).collect()
    };
    assert_eq!(told(scene.ok(comes(3, Some(MessageId::first_of(0)))), 3), ["two", "three"]);
    assert_eq!(told(scene.ok(comes(4, Some(ids[0]))), 4), ["two", "three"], "nothing that was missed is left out");
    let none = ChatRules { history_messages: 0, ..ChatRules::default() };
    scene.ok(Command::SetRules { rules: none });
    assert!(told(scene.ok(comes(5, Some(MessageId::first_of(0)))), 5).is_empty());
    assert_eq!(told(scene.ok(comes(6, Some(ids[0]))), 6), ["two", "three"]);
}
