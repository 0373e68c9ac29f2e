//! Webhooks, seen by whoever is told. The receiver never takes the first message, so the engine tries again at once
//! whenever the webhook is declared otherwise: to the new address, signed with the new secret.

use nixcast_core::webhooks::SigningSecret;
use nixcast_tests::wait;
use serde_json::{Value, json};

use super::access::admin_status;
use super::{Recipe, one, require};
use crate::effects::receiver::Message;
use crate::effects::stage::{SEEN_WITHIN, Stage};

pub(super) fn recipes() -> Vec<Recipe> {
    vec![
        Recipe::of(
            "webhooks.<name>.url",
            |stage| one(stage.receivers[1].url()),
            |stage, value| {
                let to = usize::from(*value != stage.receivers[0].url());
                next_message(stage, to).map(|_| ())
            },
        )
        .at("desk"),
        Recipe::of(
            "webhooks.<name>.secretFile",
            |stage| vec![json!(stage.secret("signing-rotated").0), Value::Null],
            signed,
        )
        .at("desk"),
        // What it does to messages is seen when the broadcast ends, after the walk.
        Recipe::of(
            "webhooks.<name>.events",
            |_| vec![json!(["STREAM_STOPPED"])],
            |stage, value| {
                let events = json!(stage.observed().webhooks["desk"].events);
                require(events == *value, || format!("the engine holds {events}"))
            },
        )
        .at("desk"),
        Recipe::of("webhooks.<name>.name", |_| one("office"), |stage, value| listed(stage, value, true)).at("desk"),
        Recipe::of(
            "webhooks.<name>.enable",
            |_| one(false),
            |stage, value| listed(stage, &json!("desk"), value == true),
        )
        .at("desk"),
    ]
}

/// The first message that a receiver gets after the change.
fn next_message(stage: &Stage, receiver: usize) -> Result<Message, String> {
    let fresh = |message: &Message| message.at > stage.changed_at;
    wait::within(SEEN_WITHIN, || stage.receivers[receiver].taken().into_iter().find(fresh))
        .ok_or_else(|| format!("receiver {receiver} was told nothing"))
}

fn signed(stage: &Stage, value: &Value) -> Result<(), String> {
    // A try that was under way while the secret changed may still carry the old signature.
    let is_right = |message: &Message| {
        let signature = message.header("webhook-signature");
        let Some(path) = value.as_str() else { return signature.is_none() };
        let (Some(id), Some(timestamp)) = (message.header("webhook-id"), message.header("webhook-timestamp")) else {
            return false;
        };
        let secret = SigningSecret::from_file_content(stage.secrets[path].as_bytes()).unwrap();
        signature == Some(secret.sign(id, timestamp.parse().unwrap_or(0), &message.body).as_str())
    };
    next_message(stage, 0)?;
    wait::within(SEEN_WITHIN, || {
        let taken = stage.receivers[0].taken();
        taken.iter().any(|message| message.at > stage.changed_at && is_right(message)).then_some(())
    })
    .ok_or_else(|| format!("no message was signed with {value}"))
}

/// Whether the admin's status lists a webhook of this name.
fn listed(stage: &Stage, name: &Value, is_wanted: bool) -> Result<(), String> {
    let is_right = || {
        let status = admin_status(stage).ok()?;
        let is_there = status["webhooks"].as_array()?.iter().any(|webhook| webhook["name"] == *name);
        (is_there == is_wanted).then_some(())
    };
    wait::within(SEEN_WITHIN, is_right)
        .ok_or_else(|| format!("{name} listed: wanted {is_wanted}, got {:?}", admin_status(stage)))
}
