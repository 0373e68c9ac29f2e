use super::*;
use crate::chat::names::NameError;

fn marked(number: u64, nonce: &str, text: &str) -> Command {
    Command::Say { connection: ConnectionId(number), post: Post { nonce: Some(nonce.to_owned()), ..post(text) } }
}

#[test]
fn a_message_reaches_everybody_the_store_and_the_webhooks() {
    let mut scene = Scene::with_anna_and_ben(ChatRules::default());
    let Outcome { effects, result } = scene.say(1, "hi");
    let Ok(Done::Sent(id)) = result else { panic!("{result:?}") };
    assert_eq!(broadcasts(&effects), ["CHAT"]);
    assert!(matches!(webhooks(&effects)[..], [WebhookEvent::Chat { .. }]));
    let [Record::Message { message }] = records(&effects)[..] else { panic!("{effects:?}") };
    assert_eq!((message.id, message.author()), (id, Some(&super::id("Anna"))));
    assert_eq!(scene.shown(), ["hi"]);
    assert_eq!(scene.room.connections().map(|(_, connection)| connection.messages).collect::<Vec<_>>(), [1, 0]);
}

#[test]
fn what_is_empty_or_too_long_is_refused() {
    let mut scene = Scene::with_anna_and_ben(ChatRules { max_message_bytes: 64, ..ChatRules::default() });
    let Outcome { effects, result } = scene.say(1, " \n ");
    assert_eq!((effects.len(), result), (0, Err(Refusal::Empty)), "silently, as in Owncast");
    let long = "é".repeat(33);
    let Outcome { effects, result } = scene.say(1, &long);
    assert_eq!(result, Err(Refusal::TooLong { bytes: 66, limit: 64 }));
    assert_eq!(types_sent(&effects, 1), ["CHAT_ACTION"]);
    assert!(scene.say(1, &"é".repeat(32)).result.is_ok());
    let swollen = Post { body: "x".repeat(33 * 1024), ..post("x") };
    assert!(matches!(
        scene.later(5_000).refused(Command::Say { connection: ConnectionId(1), post: swollen }),
        Refusal::TooLong { .. }
    ));
}

#[test]
fn who_floods_is_muted_for_ten_seconds() {
    let mut scene = Scene::with_anna_and_ben(ChatRules::default());
    assert!(scene.say(1, "1").result.is_ok());
    let Outcome { effects, result } = scene.later(666).say(1, "2");
    assert_eq!(result, Err(Refusal::Flood { seconds: 10 }));
    assert_eq!(types_sent(&effects, 1), ["CHAT_ACTION"]);
    let Outcome { effects, result } = scene.later(9_999).say(1, "3");
    assert_eq!((effects.len(), result), (0, Err(Refusal::Muted)), "told once");
    assert!(scene.say(2, "others are heard").result.is_ok());
    assert!(scene.later(1).say(1, "4").result.is_ok());
    assert!(scene.later(667).say(1, "5").result.is_ok());
    assert_eq!(scene.shown(), ["1", "others are heard", "4", "5"]);
}

#[test]
fn without_spam_protection_and_as_a_moderator_nobody_floods() {
    let mut scene = Scene::with_anna_and_ben(ChatRules { spam_protection: false, ..ChatRules::default() });
    assert!((0..20).all(|_| scene.say(1, "x").result.is_ok()));
    let strict = ChatRules { slow_mode_seconds: 60, established_users_only: true, ..ChatRules::default() };
    scene.ok(Command::SetRules { rules: strict });
    scene.ok(Command::Promote { by: By::Operator, user: id("Anna") });
    assert!((0..20).all(|_| scene.say(1, "x").result.is_ok()));
}

#[test]
fn an_address_is_paced_without_muting_those_behind_it() {
    let mut scene = Scene::new(ChatRules::default());
    for number in 0..12_u64 {
        scene.register(&format!("guest {number}"));
        scene.join(number, &format!("guest {number}"));
    }
    for number in 0..10 {
        assert!(scene.say(number, "x").result.is_ok(), "{number}");
    }
    assert_eq!(scene.say(10, "x").result, Err(Refusal::AddressFlood));
    assert!(scene.later(667).say(10, "x").result.is_ok());
    let elsewhere =
        Command::Join { connection: ConnectionId(50), user: id("guest 11"), address: address(9), since: None };
    scene.ok(elsewhere);
    assert!(scene.say(50, "x").result.is_ok());
}

#[test]
fn slow_mode_says_how_long_to_wait() {
    let mut scene = Scene::with_anna_and_ben(ChatRules { slow_mode_seconds: 30, ..ChatRules::default() });
    assert!(scene.say(1, "1").result.is_ok());
    assert_eq!(scene.later(1_500).say(1, "2").result, Err(Refusal::SlowMode { seconds: 29 }));
    assert!(scene.say(2, "each has their own").result.is_ok());
    assert!(scene.later(28_500).say(1, "3").result.is_ok());
}

#[test]
fn newcomers_wait_while_only_the_established_may_talk() {
    let mut scene = Scene::with_anna_and_ben(ChatRules { established_users_only: true, ..ChatRules::default() });
    scene.register("Carl");
    scene.join(3, "Carl");
    assert_eq!(scene.say(3, "hi").result, Err(Refusal::NotEstablished { minutes: 15 }));
    let rename = Command::Rename { connection: ConnectionId(3), name: "Karl".to_owned() };
    assert_eq!(scene.refused(rename), Refusal::NotEstablished { minutes: 15 });
    assert!(scene.say(1, "hi").result.is_ok());
    assert!(scene.later(15 * 60_000).say(3, "hi").result.is_ok());
}

#[test]
fn the_chat_closes_five_minutes_after_the_stream() {
    let mut scene = Scene::with_anna_and_ben(ChatRules::default());
    scene.ok(Command::StreamEnded);
    scene.ok(Command::StreamEnded);
    assert!(scene.later(5 * 60_000).say(1, "bye").result.is_ok());
    assert_eq!(scene.later(5_000).say(1, "anybody?").result, Err(Refusal::Closed));
    scene.ok(Command::StreamStarted);
    assert!(scene.later(5_000).say(1, "hello again").result.is_ok());
    let mut never = Room::new(ChatRules::default(), Snapshot::default());
    assert!(never.is_open(START));
    let ended = Snapshot { stream: Stream::Ended { at_ms: START }, ..Snapshot::default() };
    never = Room::new(ChatRules::default(), ended);
    assert!(never.is_open(START) && !never.is_open(START + 400_000));
}

#[test]
fn a_message_that_is_sent_again_is_not_doubled() {
    let mut scene = Scene::with_anna_and_ben(ChatRules::default());
    let Ok(Done::Sent(first)) = scene.run(marked(1, "n", "hi")).result else { panic!() };
    scene.ok(Command::Leave { connection: ConnectionId(1) });
    scene.join(8, "Anna");
    let effects = scene.ok(marked(8, "n", "hi"));
    assert_eq!(effects.len(), 1, "answered although it comes at once");
    assert_eq!((sent(&effects, 8)[0].id, body(&sent(&effects, 8)[0])), (first, "hi".to_owned()));
    assert!(scene.run(marked(2, "n", "mine")).result.is_ok(), "a nonce is its user's own");
    assert_eq!(scene.shown(), ["hi", "mine"]);

    scene.ok(Command::SetVisibility { by: By::Operator, ids: vec![first], visible: false });
    assert_eq!(types_sent(&scene.ok(marked(8, "n", "hi")), 8), ["TAKEN"], "what is hidden is not sent again");
    assert!(matches!(scene.later(NONCE_MS + 1).run(marked(8, "n", "hi")).result, Ok(Done::Sent(id)) if id != first));

    let nonces = vec![TakenNonceOf::new(scene.now, "Anna", "before", first).0];
    let users = scene.room.users().cloned().collect();
    let mut next = Scene::from(ChatRules::default(), Snapshot { users, nonces, ..Snapshot::default() });
    next.now = scene.now;
    next.join(1, "Anna");
    assert_eq!(next.run(marked(1, "before", "hi")).result, Ok(Done::Sent(first)), "also across a restart");
    assert!(next.shown().is_empty());
}

struct TakenNonceOf(crate::chat::records::TakenNonce);

impl TakenNonceOf {
    fn new(at_ms: i64, user: &str, nonce: &str, message: MessageId) -> Self {
        Self(crate::chat::records::TakenNonce { at_ms, user: id(user), nonce: nonce.to_owned(), message })
    }
}

#[test]
fn a_client_that_marks_its_messages_learns_what_became_of_them() {
    let mut scene = Scene::with_anna_and_ben(ChatRules::default());
    scene.ok(marked(1, "a", "1"));
    assert_eq!(types_sent(&scene.run(marked(1, "b", "2")).effects, 1), ["REFUSED"]);
    assert_eq!(types_sent(&scene.run(marked(1, "c", "3")).effects, 1), ["REFUSED"], "also while muted");
    assert_eq!(scene.refused(marked(2, "12345678901234567", "x")), Refusal::BadNonce);
}

#[test]
fn a_reply_names_a_visible_message() {
    let mut scene = Scene::with_anna_and_ben(ChatRules::default());
    let first = scene.said(1, "first");
    let reply = |scene: &mut Scene, to| {
        let post = Post { reply_to: Some(to), ..post("reply") };
        scene.later(5_000).ok(Command::Say { connection: ConnectionId(2), post });
        let Some(Event { kind: EventKind::Chat(ChatBody { reply_to, .. }), .. }) = scene.room.history().pop() else {
            panic!()
        };
        reply_to
    };
    assert_eq!(reply(&mut scene, first), Some(first));
    assert_eq!(reply(&mut scene, MessageId::first_of(1)), None);
    scene.ok(Command::SetVisibility { by: By::Operator, ids: vec![first], visible: false });
    assert_eq!(reply(&mut scene, first), None);
}

#[test]
fn names_change_for_everybody_and_in_what_was_said() {
    let mut scene = Scene::with_anna_and_ben(ChatRules::default());
    scene.said(1, "hi");
    let effects = scene.later(5_000).ok(Command::Rename { connection: ConnectionId(1), name: " Anne ".to_owned() });
    assert_eq!(broadcasts(&effects), ["NAME_CHANGE"]);
    assert_eq!(types_sent(&effects, 1), ["CONNECTED_USER_INFO"]);
    let [Record::User { user }] = records(&effects)[..] else { panic!() };
    assert_eq!((user.name.as_str(), user.previous_names.join(",")), ("Anne", "Anna,Anne".to_owned()));
    let EventKind::Chat(ChatBody { user, .. }) = &scene.room.history()[0].kind else { panic!() };
    assert_eq!(user.display_name, "Anne");
    let effects = scene.ok(Command::Rename { connection: ConnectionId(1), name: "Anne".to_owned() });
    assert_eq!(effects.len(), 1, "the same name is no change and no flood");
}

#[test]
fn names_that_cannot_be_are_refused_and_the_client_put_right() {
    let mut scene = Scene::with_anna_and_ben(ChatRules::default());
    scene.declare(&["Marie"]);
    scene.ok(Command::Promote { by: By::Operator, user: id("Ben") });
    for (name, why) in [
        ("the Admin", NameError::Forbidden),
        ("M a r i e", NameError::Taken),
        ("BEN", NameError::Taken),
        ("a\u{202e}", NameError::Invisible),
        (" ", NameError::Empty),
        ("1234567890123456789012345678901", NameError::TooLong),
    ] {
        let Outcome { effects, result } =
            scene.run(Command::Rename { connection: ConnectionId(1), name: name.to_owned() });
        assert_eq!(result, Err(Refusal::Name(why)), "{name}");
        assert_eq!(types_sent(&effects, 1), ["CONNECTED_USER_INFO", "CHAT_ACTION"]);
    }
    scene.ok(Command::Rename { connection: ConnectionId(2), name: "Béň".to_owned() });
}

#[test]
fn previous_names_are_bounded() {
    let mut scene = Scene::with_anna_and_ben(ChatRules::default());
    for number in 0..60 {
        scene.later(5_000).ok(Command::Rename { connection: ConnectionId(1), name: format!("Anna {number}") });
    }
    let names = &scene.room.user(&id("Anna")).unwrap().previous_names;
    assert_eq!((names.len(), names.last().unwrap().as_str()), (50, "Anna 59"));
}

#[test]
fn there_are_eight_colours() {
    let mut scene = Scene::with_anna_and_ben(ChatRules::default());
    let recolour = |colour| Command::Recolour { connection: ConnectionId(1), colour };
    assert_eq!(
        (scene.refused(recolour(8)), scene.refused(recolour(-1))),
        (Refusal::NoSuchColour, Refusal::NoSuchColour)
    );
    let effects = scene.ok(recolour(7));
    assert_eq!((broadcasts(&effects).len(), types_sent(&effects, 1)), (0, vec!["CONNECTED_USER_INFO".to_owned()]));
    assert_eq!(scene.room.user(&id("Anna")).unwrap().colour, 7);
}

#[test]
fn the_host_and_its_bots_speak_at_any_time() {
    let mut scene = Scene::with_anna_and_ben(ChatRules::default());
    scene.ok(Command::RegisterBot { id: id("bot"), token: "lights".to_owned(), scopes: Vec::new() });
    scene.ok(Command::StreamEnded);
    scene.later(600_000);
    scene.ok(Command::SayAs { user: id("bot"), post: post("on") });
    scene.ok(Command::SayAs { user: id("bot"), post: post("off") });
    assert_eq!(scene.refused(Command::SayAs { user: id("Anna"), post: post("x") }), Refusal::Disabled);
    let system = |to| Command::System { author: "Our host".to_owned(), body: "welcome".to_owned(), to };
    let effects = scene.ok(system(None));
    assert_eq!(broadcasts(&effects), ["SYSTEM"]);
    let effects = scene.ok(system(Some(ConnectionId(2))));
    assert_eq!((effects.len(), types_sent(&effects, 2)), (1, vec!["SYSTEM".to_owned()]));
    assert_eq!(scene.refused(system(Some(ConnectionId(77)))), Refusal::NotConnected);
    assert_eq!(broadcasts(&scene.ok(Command::Action { body: "waves".to_owned() })), ["CHAT_ACTION"]);
    assert_eq!(scene.shown(), ["on", "off", "welcome", "waves"], "what one is told alone is not kept");
}

#[test]
fn what_a_person_wrote_stays_text_in_what_they_are_told() {
    let mut scene = Scene::with_anna_and_ben(ChatRules::default());
    scene.ok(Command::RegisterBot { id: id("b"), token: "<b>".to_owned(), scopes: Vec::new() });
    scene.declare(&["<i>\"&'"]);
    let moderator = Command::RegisterModerator { id: id("m"), name: "<i>\"&'".to_owned(), secret: secret(1) };
    scene.ok(moderator);
    scene.join(5, "m");
    let rename = Command::Rename { connection: ConnectionId(5), name: "x".to_owned() };
    let effects = scene.run(rename).effects;
    let text = body(sent(&effects, 5).last().unwrap());
    assert!(text.starts_with("<p>") && !text.contains("<i>") && text.contains("&lt;i&gt;&quot;&amp;&#39;"), "{text}");
}
