//! What is made of the picture besides the ladder.

use nixcast_tests::wait;
use serde_json::{Value, json};

use super::{Recipe, one};
use crate::effects::stage::{SEEN_WITHIN, Stage};

pub(super) fn recipes() -> Vec<Recipe> {
    vec![
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

fn policy(stage: &Stage, value: &Value) -> Result<(), String> {
    let policy = || stage.server.observe().when_overloaded;
    wait::within(SEEN_WITHIN, || (json!(policy()) == *value).then_some(()))
        .ok_or_else(|| format!("the engine goes by {:?}", policy()))
}
