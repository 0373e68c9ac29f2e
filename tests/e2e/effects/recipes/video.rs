//! What is made of the picture besides the ladder.

use nixcast_core::control::ObjectId;
use nixcast_tests::{process, wait};
use serde_json::{Value, json};

use super::{Recipe, one};
use crate::effects::stage::{SEEN_WITHIN, Stage};

pub(super) fn recipes() -> Vec<Recipe> {
    vec![
        Recipe::of("video.encoder", |_| vec![json!("vaapi"), json!("v4l2m2m")], encoder),
        Recipe::of("video.stills", |_| one(false), stills),
        // What it does to a ladder that is too much is shown in `overload.rs`: here nothing is.
        Recipe::of("video.whenOverloaded", |_| one("dropLowest"), policy),
    ]
}

fn stills(stage: &Stage, value: &Value) -> Result<(), String> {
    for (path, content_type) in [("/thumbnail.jpg", "image/jpeg"), ("/preview.gif", "image/gif")] {
        wait::within(SEEN_WITHIN, || {
            let is_made = stage.server.get(path).header("content-type") == Some(content_type);
            (json!(is_made) == *value).then_some(())
        })
        .ok_or_else(|| format!("{path} answers {:?}", stage.server.get(path).headers))?;
    }
    Ok(())
}

/// The hardware encodes, or the operator is told why it does not.
fn encoder(stage: &Stage, value: &Value) -> Result<(), String> {
    let told = || stage.server.observe().conditions.into_iter().find(|told| told.kind == "EncoderFallback");
    let encodes = || {
        let worker = stage.server.broadcast()?.worker_pid?;
        process::command_line(worker).last().map(|word| json!(word) == *value)
    };
    wait::within(SEEN_WITHIN, || {
        let is_told = told().is_some_and(|told| value.as_str().is_some_and(|name| told.message.starts_with(name)));
        let is_settled = !stage.server.observe().pending.contains(&ObjectId::Encoder);
        let is_quiet = told().is_none() && is_settled && encodes() == Some(true);
        (is_told || is_quiet).then_some(())
    })
    .ok_or_else(|| format!("{value} is neither used nor told to be unusable: {:?}", told()))
}

fn policy(stage: &Stage, value: &Value) -> Result<(), String> {
    let policy = || stage.server.observe().when_overloaded;
    wait::within(SEEN_WITHIN, || (json!(policy()) == *value).then_some(()))
        .ok_or_else(|| format!("the engine goes by {:?}", policy()))
}
