//! What the chat does, seen by people who come into it while the stream is live.

use nixcast_core::keys;
use nixcast_tests::chatter::{self, Chatter};
use nixcast_tests::http;
use serde_json::{Value, json};

use super::page::shown;
use super::{Recipe, one, require};
use crate::effects::stage::{SEEN_WITHIN, Stage};

pub(super) fn recipes() -> Vec<Recipe> {
    vec![
        Recipe::of("chat.enable", |_| one(false), enable),
        Recipe::of("chat.joinMessages", |_| one(false), join_messages),
        Recipe::of("chat.welcomeMessage", |_| one("Welcome **aboard**"), welcome),
        Recipe::of(
            "chat.establishedUsersOnly",
            |_| one(true),
            |stage, value| answered(stage, "good evening", (value == true).then_some("can take part right now")),
        ),
        Recipe::of(
            "chat.establishedAfterMinutes",
            |_| one(60),
            |stage, value| answered(stage, "good evening", Some(&format!("in {value} minutes"))),
        )
        .after(|document| document["chat"]["establishedUsersOnly"] = json!(true)),
        Recipe::of("chat.forbiddenNames", |_| vec![json!(["bosun"])], forbidden_names),
        Recipe::of(
            "chat.suggestedNames",
            |_| vec![json!((0..10).map(|number| format!("Sailor {number}")).collect::<Vec<_>>())],
            |stage, value| {
                let name = chatter::register(stage.server.http_port(), "")?["displayName"].clone();
                let is_declared = value.as_array().is_some_and(|names| names.contains(&name));
                require(is_declared != (value == &json!([])), || format!("a guest is called {name}"))
            },
        ),
        Recipe::of("chat.spamProtection", |_| one(false), spam_protection),
        Recipe::of(
            "chat.slowModeSeconds",
            |_| one(3600),
            |stage, value| {
                let mut anna = guest(stage)?;
                said(&mut anna, "one", None)?;
                said(&mut anna, "two", (value != 0).then_some("Slow mode is on"))
            },
        )
        .after(|document| document["chat"]["spamProtection"] = json!(false)),
        Recipe::of(
            "chat.maxMessageBytes",
            |_| one(64),
            |stage, value| answered(stage, &"x".repeat(65), (value == 64).then_some("65 bytes, and 64 are taken")),
        ),
        Recipe::of(
            "chat.historyMessages",
            |_| one(0),
            |stage, value| {
                let mut anna = guest(stage)?;
                said(&mut anna, "for the record", None)?;
                let path = format!("/api/chat?accessToken={}", anna.token);
                let reply = http::get(stage.server.http_port(), &path).map_err(|error| error.to_string())?;
                let is_shown = reply.text().contains("for the record");
                require(is_shown == (value != 0), || format!("the history is {}", reply.text()))
            },
        ),
        // Nobody waits for hours here: what the room itself answers has to do.
        Recipe::of(
            "chat.historyHours",
            |_| one(24),
            |stage, value| {
                let hours = stage.observed().chat.map(|chat| chat.history_hours);
                require(json!(hours) == *value, || format!("the chat keeps messages for {hours:?} hours"))
            },
        ),
        Recipe::of(
            "chat.questions",
            |_| one(false),
            |stage, value| {
                shown(stage, "/chat/questions", value)?;
                let message = json!({ "type": "CHAT", "body": "When is high tide?", "question": true });
                let answer = guest(stage)?.post(message)?.pop().unwrap_or_default();
                let is_question = answer["question"].is_object();
                require(is_question == (value == true), || format!("a question became {answer}"))
            },
        ),
        Recipe::of("chat.emojiFolder", |stage| one(stage.emoji_folder.clone()), emoji),
        Recipe::of(
            "chat.moderators.<name>.name",
            |_| one("bosun"),
            |stage, value| moderator(stage, value.as_str().unwrap_or_default(), "moderator"),
        )
        .at("mate"),
        Recipe::of(
            "chat.moderators.<name>.secretFile",
            |stage| one(stage.secret("moderator-rotated").0),
            |stage, value| {
                let name = value.as_str().and_then(|path| path.rsplit('/').next()).unwrap_or_default();
                moderator(stage, "mate", name)
            },
        )
        .at("mate"),
    ]
}

/// What is between colons is a picture, and the picture is there.
fn emoji(stage: &Stage, value: &Value) -> Result<(), String> {
    let answer = guest(stage)?.say("ahoy :wave:")?.pop().unwrap_or_default();
    let is_picture = answer["body"].as_str().is_some_and(|body| body.contains("src=\"/img/emoji/wave.svg\""));
    require(is_picture != value.is_null(), || format!("the message became {answer}"))?;
    let reply = http::get(stage.server.http_port(), "/img/emoji/wave.svg").map_err(|error| error.to_string())?;
    let wanted = if value.is_null() { 404 } else { 200 };
    require(reply.status == wanted, || format!("the picture has status {}", reply.status))
}

/// Whether the engine recognises this one moderator by the secret of this name, and by no other.
fn moderator(stage: &Stage, name: &str, secret: &str) -> Result<(), String> {
    let moderators = stage.observed().moderators;
    let known: Vec<&str> = ["moderator", "moderator-rotated"]
        .into_iter()
        .filter(|secret| {
            let (_, value) = stage.secret(secret);
            moderators.get(name).is_some_and(|held| keys::recognise(held, value.as_bytes()))
        })
        .collect();
    require(moderators.len() == 1 && known == [secret], || format!("{name} is known by {known:?} of {moderators:?}"))
}

fn guest(stage: &Stage) -> Result<Chatter, String> {
    Chatter::enter(stage.server.http_port(), "")
}

/// Whether what a guest says is taken, or refused with these words.
fn answered(stage: &Stage, body: &str, refusal: Option<&str>) -> Result<(), String> {
    said(&mut guest(stage)?, body, refusal)
}

fn said(guest: &mut Chatter, body: &str, refusal: Option<&str>) -> Result<(), String> {
    let answer = guest.say(body)?.pop().unwrap_or_default();
    let is_right = match refusal {
        None => answer["type"] == "CHAT",
        Some(words) => answer["type"] == "REFUSED" && answer["body"].as_str().is_some_and(|text| text.contains(words)),
    };
    require(is_right, || format!("wanted {refusal:?}, and the answer is {answer}"))
}

fn enable(stage: &Stage, value: &Value) -> Result<(), String> {
    let port = stage.server.http_port();
    let reply = http::get(port, "/api/config").map_err(|error| error.to_string())?;
    let config: Value = serde_json::from_slice(&reply.body).map_err(|error| error.to_string())?;
    require(config["chatDisabled"] == json!(value != true), || format!("programs are told {config}"))?;
    let room =
        stage.page.within(SEEN_WITHIN, |shown| (shown.page["chat"].is_object() == (value == true)).then_some(()));
    require(room.is_some(), || "the open page shows it otherwise".to_owned())?;
    match (guest(stage), value == true) {
        (Ok(mut guest), true) => said(&mut guest, "good evening", None),
        (Err(reason), false) => require(reason.contains("turned off"), || reason),
        (Ok(_), false) => Err("somebody was let into a chat that is off".to_owned()),
        (Err(reason), true) => Err(reason),
    }
}

/// The one who came first is told of the second, or hears the second talk without having been told.
fn join_messages(stage: &Stage, value: &Value) -> Result<(), String> {
    let mut first = guest(stage)?;
    said(&mut first, "first", None)?;
    let mut second = guest(stage)?;
    said(&mut second, "second", None)?;
    let heard = first.until(|event| event["type"] == "CHAT" && event["user"]["id"] == *second.id)?;
    let is_told = heard.iter().any(|event| event["type"] == "USER_JOINED" && event["user"]["id"] == *second.id);
    require(is_told == (value == true), || format!("the first heard {heard:?}"))
}

fn welcome(stage: &Stage, value: &Value) -> Result<(), String> {
    let heard = guest(stage)?.say("good evening")?;
    let told = heard.iter().find(|event| event["type"] == "SYSTEM");
    let expected = (value != "").then(|| json!("<p>Welcome <strong>aboard</strong></p>"));
    let is_by_name = told.is_none_or(|event| event["user"]["displayName"] == stage.document["instance"]["name"]);
    require(told.map(|event| &event["body"]) == expected.as_ref() && is_by_name, || {
        format!("a newcomer heard {heard:?}")
    })
}

/// One name of the scene's own list and one of the other.
fn forbidden_names(stage: &Stage, value: &Value) -> Result<(), String> {
    let forbidden = value.as_array().ok_or("no list")?;
    for name in ["Operator", "Bosun"] {
        let given = chatter::register(stage.server.http_port(), name)?["displayName"].clone();
        let is_forbidden = forbidden.iter().any(|word| word.as_str() == Some(&name.to_lowercase()));
        require((given != name) == is_forbidden, || format!("who wants to be called {name} is called {given}"))?;
    }
    Ok(())
}

fn spam_protection(stage: &Stage, value: &Value) -> Result<(), String> {
    let mut anna = guest(stage)?;
    said(&mut anna, "one", None)?;
    let answers: Result<Vec<String>, String> = ["two", "three", "four"]
        .into_iter()
        .map(|body| Ok(anna.say(body)?.pop().unwrap_or_default()["type"].to_string()))
        .collect();
    let is_muted = answers?.iter().any(|answer| answer.contains("REFUSED"));
    require(is_muted == (value == true), || format!("muted: {is_muted}"))
}
