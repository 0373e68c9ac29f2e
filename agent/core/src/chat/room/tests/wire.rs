//! The bytes that Owncast's clients and webhooks expect.

use serde_json::{Value, json};

use super::*;
use crate::chat::users::Role;

fn user() -> UserView {
    let user = User {
        id: id("LXjTDfGVg2k"),
        name: "Anna".to_owned(),
        colour: 4,
        created_ms: START,
        previous_names: vec!["Quiet Fox".to_owned(), "Anna".to_owned()],
        name_changed_ms: Some(START + 1),
        disabled_ms: None,
        timed_out_until_ms: Some(5),
        role: Role::Moderator,
        authenticated: false,
    };
    UserView::of(&user, true)
}

fn user_json() -> Value {
    json!({
        "id": "LXjTDfGVg2k", "displayName": "Anna", "displayColor": 4, "createdAt": "2026-11-23T08:00:00Z",
        "previousNames": ["Quiet Fox", "Anna"], "nameChangedAt": "2026-11-23T08:00:00.001Z",
        "scopes": ["MODERATOR"], "isBot": false, "authenticated": false
    })
}

#[test]
fn events_are_owncasts() {
    let message = MessageId::first_of(1);
    let client = ConnectionId(7);
    let chat = ChatBody {
        body: "<p>hi</p>".to_owned(),
        user: user(),
        visible: true,
        hidden_at: None,
        nonce: None,
        reply_to: None,
        question: None,
    };
    for (kind, mut expected) in [
        (EventKind::ConnectedUserInfo { user: user() }, json!({"type": "CONNECTED_USER_INFO", "user": user_json()})),
        (EventKind::Chat(chat), json!({"type": "CHAT", "body": "<p>hi</p>", "user": user_json(), "visible": true})),
        (
            EventKind::System { body: "b".to_owned(), user: SystemUser { display_name: "Our host".to_owned() } },
            json!({"type": "SYSTEM", "body": "b", "user": {"displayName": "Our host"}}),
        ),
        (EventKind::ChatAction { body: "b".to_owned() }, json!({"type": "CHAT_ACTION", "body": "b"})),
        (
            EventKind::UserJoined { user: user(), client },
            json!({"type": "USER_JOINED", "user": user_json(), "clientId": 7}),
        ),
        (
            EventKind::UserParted { user: user(), client },
            json!({"type": "USER_PARTED", "user": user_json(), "clientId": 7}),
        ),
        (
            EventKind::NameChange { user: user(), old_name: "Quiet Fox".to_owned() },
            json!({"type": "NAME_CHANGE", "user": user_json(), "oldName": "Quiet Fox"}),
        ),
        (
            EventKind::VisibilityUpdate { ids: vec![message], visible: false },
            json!({"type": "VISIBILITY-UPDATE", "ids": [message.to_string()], "visible": false}),
        ),
        (EventKind::ErrorUserDisabled { user: user() }, json!({"type": "ERROR_USER_DISABLED", "user": user_json()})),
        (
            EventKind::QuestionUpdate { message_id: message, votes: 3, answered: true, withdrawn: false },
            json!({"type": "QUESTION-UPDATE", "messageId": message.to_string(), "votes": 3, "answered": true}),
        ),
        (EventKind::Opening { open: false }, json!({"type": "OPENING", "open": false})),
        (EventKind::Resumed { complete: true }, json!({"type": "RESUMED", "complete": true})),
        (
            EventKind::Taken { nonce: "n".to_owned(), message_id: message },
            json!({"type": "TAKEN", "nonce": "n", "messageId": message.to_string()}),
        ),
        (
            EventKind::Refused { nonce: "n".to_owned(), body: "b".to_owned() },
            json!({"type": "REFUSED", "nonce": "n", "body": "b"}),
        ),
    ] {
        let event = Event { id: MessageId::first_of(2), timestamp: Stamp(START + 120), kind };
        expected["id"] = json!("00000000020000000000000000");
        expected["timestamp"] = json!("2026-11-23T08:00:00.12Z");
        let text = serde_json::to_string(&event).unwrap();
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), expected);
        assert_eq!(serde_json::from_str::<Event>(&text).unwrap(), event);
        assert!(!text.contains('\n'), "events are joined by line breaks");
    }
}

#[test]
fn what_is_ours_stands_beside_what_is_owncasts() {
    let mut scene = Scene::with_anna_and_ben(ChatRules::default());
    let first = scene.said(1, "first");
    let post = Post { nonce: Some("n1".to_owned()), reply_to: Some(first), is_question: true, ..post("why?\n") };
    let effects = scene.later(5_000).ok(Command::Say { connection: ConnectionId(2), post });
    let Some(Effect::Broadcast(event)) = effects.iter().find(|effect| matches!(effect, Effect::Broadcast(_))) else {
        panic!("{effects:?}")
    };
    let json = serde_json::to_value(event).unwrap();
    assert_eq!(json["nonce"], "n1");
    assert_eq!(json["replyTo"], first.to_string());
    assert_eq!(json["question"], json!({"votes": 0, "answered": false}));
    assert_eq!((&json["visible"], json.get("hiddenAt")), (&json!(true), None));
}

#[test]
fn webhooks_are_owncasts() {
    let mut scene = Scene::with_anna_and_ben(ChatRules::default());
    let said = scene.said(1, "hi");
    let told = |effects: &[Effect]| {
        let [event] = webhooks(effects)[..] else { panic!("{effects:?}") };
        serde_json::to_value(event).unwrap()
    };
    let chat = told(&scene.later(5_000).say(2, "*hi*").effects);
    let anna = |name: &str, names: Value| {
        json!({
            "id": "Anna", "displayName": name, "displayColor": scene.room.user(&id("Anna")).unwrap().colour,
            "createdAt": "2026-11-23T08:00:00Z", "previousNames": names, "isBot": false, "authenticated": false
        })
    };
    assert_eq!(chat["type"], "CHAT");
    let keys: Vec<_> = chat["eventData"].as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(keys, ["user", "timestamp", "body", "rawBody", "id", "clientId", "visible"]);
    assert_eq!((&chat["eventData"]["rawBody"], &chat["eventData"]["clientId"]), (&json!("*hi*"), &json!(2)));

    let mut joined = anna("Anna", json!(["Anna"]));
    scene.ok(Command::Leave { connection: ConnectionId(1) });
    let parted = told(&scene.later(PART_MS).ok(Command::Tick));
    assert_eq!(parted["type"], "USER_PARTED");
    assert_eq!((&parted["eventData"]["user"], &parted["eventData"]["clientId"]), (&joined, &json!(1)));
    let again = told(&scene.join(9, "Anna"));
    assert_eq!(again["type"], "USER_JOINED");
    assert_eq!((&again["eventData"]["user"], &again["eventData"]["clientId"]), (&joined, &json!(9)));

    let renamed = told(&scene.ok(Command::Rename { connection: ConnectionId(9), name: "Anne".to_owned() }));
    joined["displayName"] = json!("Anne");
    joined["previousNames"] = json!(["Anna", "Anne"]);
    joined["nameChangedAt"] = renamed["eventData"]["timestamp"].clone();
    assert_eq!(renamed["type"], "NAME_CHANGE");
    assert_eq!((&renamed["eventData"]["newName"], &renamed["eventData"]["user"]), (&json!("Anne"), &joined));

    let hidden = told(&scene.ok(Command::SetVisibility { by: By::Operator, ids: vec![said], visible: false }));
    assert_eq!(hidden["type"], "VISIBILITY-UPDATE");
    let data = &hidden["eventData"];
    assert_eq!((&data["ids"], &data["visible"]), (&json!([said.to_string()]), &json!(false)));
    assert_eq!(data["user"], Value::Null);
}

#[test]
fn what_is_stored_comes_back_as_it_was() {
    let mut scene = Scene::with_anna_and_ben(ChatRules::default());
    let question = scene.asked(1, "why?");
    let mut effects = scene.ok(Command::Vote { connection: ConnectionId(2), question, given: true });
    effects.extend(scene.ok(Command::SetVisibility { by: By::Operator, ids: vec![question], visible: false }));
    effects.extend(scene.ok(Command::Ban { by: By::Token("bot".to_owned()), user: id("Ben") }));
    effects.extend(scene.ok(Command::StreamEnded));
    effects.extend(scene.ok(Command::Tick));
    let records = records(&effects);
    assert!(records.len() >= 6, "{records:?}");
    for record in records {
        let text = serde_json::to_string(record).unwrap();
        assert_eq!(&serde_json::from_str::<Record>(&text).unwrap(), record, "{text}");
    }
    let audit = effects.iter().find_map(|effect| match effect {
        Effect::Audit(entry) => Some(serde_json::to_value(entry).unwrap()),
        _ => None,
    });
    assert_eq!(audit.unwrap()["by"], "operator");
    let empty: Snapshot = serde_json::from_str("{}").unwrap();
    assert_eq!(empty, Snapshot::default());
}
