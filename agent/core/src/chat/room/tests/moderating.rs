use super::*;

fn by(name: &str) -> By {
    By::User(id(name))
}

/// Anna and Ben; Marie is declared, Paul promoted.
fn scene() -> Scene {
    let mut scene = Scene::with_anna_and_ben(ChatRules::default());
    scene.declare(&["Marie"]);
    scene.ok(Command::RegisterModerator { id: id("Marie"), name: "Marie".to_owned(), secret: secret(1) });
    scene.register("Paul");
    scene.ok(Command::Promote { by: by("Marie"), user: id("Paul") });
    scene.join(3, "Marie");
    scene.join(4, "Paul");
    scene
}

#[test]
fn a_hidden_message_is_gone_for_everybody_until_it_is_restored() {
    let mut scene = scene();
    let said = scene.said(1, "rude");
    let show = |by, visible| Command::SetVisibility { by, ids: vec![said, said], visible };
    assert_eq!(scene.refused(show(by("Ben"), false)), Refusal::NotModerator);
    let effects = scene.ok(show(by("Paul"), false));
    assert_eq!(broadcasts(&effects), ["VISIBILITY-UPDATE"]);
    assert_eq!(audited(&effects), ["Paul hid a message"]);
    assert!(matches!(records(&effects)[..], [Record::Visibility { ids, hidden: Some(_), .. }] if *ids == [said]));
    assert!(scene.shown().is_empty());
    let full = scene.room.full_history();
    let EventKind::Chat(chat) = &full[0].kind else { panic!() };
    assert!(!chat.visible && chat.hidden_at == Some(Stamp(scene.now)));
    scene.ok(show(By::Operator, true));
    assert_eq!(scene.shown(), ["rude"]);
    let none = Command::SetVisibility { by: By::Operator, ids: Vec::new(), visible: false };
    assert_eq!(scene.refused(none), Refusal::NoSuchMessage);
    let many = (0..501).map(MessageId::first_of).collect();
    let many = Command::SetVisibility { by: By::Operator, ids: many, visible: false };
    assert_eq!(scene.refused(many), Refusal::TooManyIds);
}

#[test]
fn a_time_out_ends() {
    let mut scene = scene();
    let time_out = |seconds| Command::TimeOut { by: by("Paul"), user: id("Anna"), seconds };
    let effects = scene.ok(time_out(60));
    assert_eq!(types_sent(&effects, 1), ["CHAT_ACTION"]);
    assert_eq!(audited(&effects), ["Paul timed \"Anna\" out for 60 seconds"]);
    assert_eq!(scene.later(20_500).say(1, "x").result, Err(Refusal::TimedOut { seconds: 40 }));
    let rename = Command::Rename { connection: ConnectionId(1), name: "x".to_owned() };
    assert_eq!(scene.refused(rename), Refusal::TimedOut { seconds: 40 });
    assert!(scene.later(39_500).say(1, "back").result.is_ok());
    scene.ok(time_out(u32::MAX));
    assert_eq!(scene.later(1_000).say(1, "x").result, Err(Refusal::TimedOut { seconds: 365 * 24 * 3600 - 1 }));
    assert_eq!(audited(&scene.ok(time_out(0))), ["Paul ended the time-out of \"Anna\""]);
    assert!(scene.say(1, "back").result.is_ok());
}

#[test]
fn who_is_banned_is_out_and_what_they_wrote_is_hidden() {
    let mut scene = scene();
    scene.join(5, "Anna");
    let rude = scene.said(1, "rude");
    let worse = scene.said(1, "worse");
    scene.ok(Command::SetVisibility { by: By::Operator, ids: vec![worse], visible: false });
    scene.said(2, "fine");
    let effects = scene.ok(Command::Ban { by: by("Paul"), user: id("Anna") });
    assert_eq!(closed(&effects), [(1, CloseReason::UserDisabled), (5, CloseReason::UserDisabled)]);
    assert_eq!(types_sent(&effects, 1), ["ERROR_USER_DISABLED"]);
    assert_eq!(broadcasts(&effects), ["VISIBILITY-UPDATE"]);
    assert!(records(&effects).iter().any(|record| matches!(record, Record::HideAllOf { .. })));
    assert_eq!(scene.shown(), ["fine"]);
    assert_eq!(scene.refused(join(6, "Anna")), Refusal::Disabled);
    let silent = scene.say(1, "x");
    assert_eq!((silent.result, silent.effects.len()), (Err(Refusal::NotConnected), 0));
    assert!(scene.room.user(&id("Anna")).unwrap().disabled_ms.is_some());

    let effects = scene.ok(Command::Unban { by: by("Paul"), user: id("Anna") });
    assert_eq!(audited(&effects), ["Paul lifted the ban of \"Anna\""]);
    assert_eq!(scene.shown(), ["rude", "fine"], "what was hidden by itself stays hidden");
    scene.join(6, "Anna");
    assert_eq!(scene.room.history()[0].id, rude);
}

#[test]
fn what_was_removed_does_not_come_back_with_its_author() {
    let mut scene = scene();
    scene.said(1, "spam");
    scene.ok(Command::Ban { by: By::Operator, user: id("Anna") });
    scene.ok(Command::RemoveAllOf { by: By::Operator, user: id("Anna") });
    scene.ok(Command::Unban { by: By::Operator, user: id("Anna") });
    assert!(scene.shown().is_empty());
}

#[test]
fn a_network_is_out_until_its_ban_ends() {
    let mut scene = scene();
    scene.ok(Command::Join { connection: ConnectionId(9), user: id("Ben"), address: address(200), since: None });
    let ban = |network: &str, seconds| Command::BanNetwork {
        by: By::Operator,
        network: network.to_owned(),
        from: None,
        seconds,
        note: "raid".to_owned(),
    };
    let effects = scene.ok(ban("192.0.2.7/25", Some(60)));
    let out = CloseReason::NetworkBanned;
    assert_eq!(closed(&effects), [(1, out), (2, out), (4, out)], "whoever is declared stays");
    assert_eq!(audited(&effects), ["the operator banned the network 192.0.2.0/25 for 60 seconds"]);
    assert_eq!(scene.room.connections().map(|(id, _)| id.0).collect::<Vec<_>>(), [3, 9]);
    assert_eq!(scene.refused(join(1, "Anna")), Refusal::NetworkBanned);
    let register = Command::Register { id: id("new"), name: None, address: address(1) };
    assert_eq!(scene.refused(register), Refusal::NetworkBanned);
    assert!(matches!(scene.refused(ban("0.0.0.0/0", None)), Refusal::Network(_)));
    let effects = scene.later(60_000).ok(Command::Tick);
    assert!(records(&effects).contains(&&Record::Unban { network: "192.0.2.0/25".to_owned() }));
    scene.join(1, "Anna");

    scene.ok(ban("192.0.2.1", None));
    let unban = || Command::UnbanNetwork { by: By::Operator, network: "192.0.2.1".to_owned() };
    assert_eq!(audited(&scene.ok(unban())), ["the operator lifted the ban of the network 192.0.2.1"]);
    assert_eq!(scene.refused(unban()), Refusal::NoSuchBan);
}

#[test]
fn nobody_bans_their_own_network_or_that_of_their_like() {
    let mut scene = scene();
    let ban = |who: &str, network: &str, from: Option<IpAddr>| Command::BanNetwork {
        by: by(who),
        network: network.to_owned(),
        from,
        seconds: None,
        note: String::new(),
    };
    let own = |network: &str, address| Refusal::OwnNetwork { network: network.to_owned(), address };
    for who in ["Paul", "Marie"] {
        assert_eq!(scene.refused(ban(who, "192.0.2.9/24", None)), own("192.0.2.0/24", address(1)));
    }
    let asked_from = Some("::ffff:203.0.113.7".parse().unwrap());
    let refusal = scene.refused(ban("Paul", "203.0.113.7", asked_from));
    assert_eq!(refusal, own("203.0.113.7", "203.0.113.7".parse().unwrap()));
    assert!(refusal.to_string().contains("lock yourself out"), "{refusal}");
    let v6 = Some("2001:db8:1::1".parse().unwrap());
    assert!(matches!(scene.refused(ban("Paul", "2001:db8::/32", v6)), Refusal::OwnNetwork { .. }));
    assert_eq!(scene.refused(ban("Ben", "203.0.113.7", None)), Refusal::NotModerator);

    let elsewhere = |number, user: &str| Command::Join {
        connection: ConnectionId(number),
        user: id(user),
        address: address(200),
        since: None,
    };
    scene.ok(Command::Promote { by: by("Marie"), user: id("Ben") });
    scene.ok(elsewhere(9, "Ben"));
    assert_eq!(scene.refused(ban("Paul", "192.0.2.200", None)), Refusal::Outranked);
    assert_eq!(closed(&scene.ok(ban("Marie", "192.0.2.200", None))), [(9, CloseReason::NetworkBanned)]);
    scene.ok(elsewhere(10, "Marie"));
    scene.ok(ban("Paul", "192.0.2.200", None));
    assert_eq!(scene.refused(elsewhere(9, "Ben")), Refusal::NetworkBanned);
}

#[test]
fn whom_the_operator_declares_nobody_touches_at_run_time() {
    let mut scene = scene();
    scene.said(3, "welcome");
    let user = || id("Marie");
    for command in [
        Command::Demote { by: By::Operator, user: user() },
        Command::Ban { by: By::Operator, user: user() },
        Command::TimeOut { by: By::Operator, user: user(), seconds: 60 },
        Command::RemoveAllOf { by: By::Operator, user: user() },
        Command::Delete { by: By::Operator, user: user() },
        Command::Rename { connection: ConnectionId(3), name: "Mary".to_owned() },
    ] {
        let refusal = scene.refused(command);
        assert_eq!(refusal, Refusal::Declared { name: "Marie".to_owned() });
        assert!(refusal.to_string().contains("services.nixcast.chat.moderators.\"Marie\""), "{refusal}");
    }
    let everybody = Command::BanNetwork {
        by: By::Operator,
        network: "192.0.2.0/24".to_owned(),
        from: None,
        seconds: None,
        note: String::new(),
    };
    scene.ok(everybody);
    scene.join(33, "Marie");

    let effects = scene.declare(&[]);
    assert_eq!(
        types_sent(&effects, 3),
        ["CONNECTED_USER_INFO", "ERROR_USER_DISABLED"],
        "declared no longer, so the ban counts"
    );
    assert_eq!(
        scene.refused(Command::SetVisibility { by: by("Marie"), ids: vec![MessageId::first_of(1)], visible: false }),
        Refusal::NotModerator
    );
    scene.ok(Command::Ban { by: by("Paul"), user: user() });
    scene.declare(&["Marie"]);
    let marie = scene.room.user(&user()).unwrap().clone();
    assert!(scene.room.moderates(&marie) && !scene.room.is_disabled(&marie), "declared again, the ban does not count");
    scene.ok(Command::UnbanNetwork { by: By::Operator, network: "192.0.2.0/24".to_owned() });
    scene.join(34, "Marie");
    assert_eq!(closed(&scene.declare(&[])), [(34, CloseReason::UserDisabled)], "and counts when she is not");
}

#[test]
fn moderators_do_not_act_on_their_like() {
    let mut scene = scene();
    scene.ok(Command::Promote { by: By::Operator, user: id("Anna") });
    assert_eq!(scene.refused(Command::Ban { by: by("Paul"), user: id("Anna") }), Refusal::Outranked);
    assert_eq!(scene.refused(Command::Promote { by: by("Paul"), user: id("Ben") }), Refusal::MayNotAppoint);
    assert_eq!(scene.refused(Command::Demote { by: by("Paul"), user: id("Anna") }), Refusal::MayNotAppoint);
    assert_eq!(scene.refused(Command::Promote { by: by("Ben"), user: id("Ben") }), Refusal::NotModerator);
    let effects = scene.ok(Command::Demote { by: by("Marie"), user: id("Anna") });
    assert_eq!(types_sent(&effects, 1), ["CONNECTED_USER_INFO", "CHAT_ACTION"]);
    assert_eq!(audited(&effects), ["Marie took moderation from \"Anna\""]);
    scene.ok(Command::Ban { by: by("Paul"), user: id("Anna") });
    assert_eq!(scene.refused(Command::Promote { by: By::Operator, user: id("Anna") }), Refusal::Disabled);
    scene.ok(Command::RegisterBot { id: id("bot"), token: "bot".to_owned(), scopes: Vec::new() });
    assert_eq!(scene.refused(Command::Promote { by: By::Operator, user: id("bot") }), Refusal::Bot);
}

#[test]
fn while_nobody_knows_who_is_banned_only_moderators_are_heard() {
    let mut scene = scene();
    let question = scene.asked(1, "why?");
    scene.room = scene.room.without_bans();
    scene.later(5_000);
    assert_eq!(scene.say(1, "x").result, Err(Refusal::ReadOnly));
    let rename = Command::Rename { connection: ConnectionId(2), name: "x".to_owned() };
    assert_eq!(scene.refused(rename), Refusal::ReadOnly);
    let vote = Command::Vote { connection: ConnectionId(2), question, given: true };
    assert_eq!(scene.refused(vote), Refusal::ReadOnly);
    scene.said(3, "please wait");
    scene.said(4, "we are working on it");
    scene.register("Dan");
    scene.join(5, "Dan");
    assert_eq!(scene.shown().len(), 3, "everybody can read");
}

#[test]
fn a_moderator_who_is_banned_moderates_no_more() {
    let mut scene = scene();
    let said = scene.said(1, "x");
    scene.ok(Command::Ban { by: by("Marie"), user: id("Paul") });
    let hide = Command::SetVisibility { by: by("Paul"), ids: vec![said], visible: false };
    assert_eq!(scene.refused(hide), Refusal::NotModerator);
}

#[test]
fn who_is_deleted_leaves_nothing() {
    let mut scene = scene();
    scene.asked(1, "why?");
    let effects = scene.ok(Command::Delete { by: by("Paul"), user: id("Anna") });
    assert_eq!(closed(&effects), [(1, CloseReason::UserDisabled)]);
    assert!(records(&effects).contains(&&Record::DeleteUser { user: id("Anna") }));
    assert!(scene.room.full_history().is_empty() && scene.room.stage().is_empty());
    assert!(scene.room.user(&id("Anna")).is_none());
    assert_eq!(broadcasts(&scene.later(PART_MS).ok(Command::Tick)), [""; 0]);
    assert_eq!(scene.refused(Command::Ban { by: by("Paul"), user: id("Anna") }), Refusal::NoSuchUser);
}

#[test]
fn a_user_from_the_store_can_be_dealt_with() {
    let mut scene = scene();
    let user = User { id: id("old"), ..scene.room.user(&id("Anna")).unwrap().clone() };
    assert_eq!(scene.refused(Command::Ban { by: by("Paul"), user: id("old") }), Refusal::NoSuchUser);
    scene.ok(Command::Know { user: user.clone() });
    scene.ok(Command::Ban { by: by("Paul"), user: id("old") });
    scene.ok(Command::Know { user });
    assert!(scene.room.user(&id("old")).unwrap().disabled_ms.is_some(), "what the room knows is newer");
}
