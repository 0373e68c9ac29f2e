//! How a broadcast waits for its publisher.

use serde_json::Value;

use super::{Recipe, one, require};
use crate::effects::stage::Stage;

pub(super) fn recipes() -> Vec<Recipe> {
    vec![
        // What it does to a lost publisher, also while that is waited for, is shown in `life_cycle.rs`: here none is lost.
        Recipe::of("broadcast.graceSeconds", |_| vec![0.into(), 7.into(), 3600.into()], grace),
        // "always" would end the session that is to go on; `life_cycle.rs` has it.
        Recipe::of("broadcast.takeover", |_| one("never"), takeover),
    ]
}

fn grace(stage: &Stage, value: &Value) -> Result<(), String> {
    let rules = stage.observed().broadcast_rules.ok_or("the engine knows no rules")?;
    require(*value == rules.grace_seconds, || format!("the engine waits {} s", rules.grace_seconds))
}

/// What the owner of the key reads who publishes twice.
fn takeover(stage: &Stage, value: &Value) -> Result<(), String> {
    let reason = if value == "never" { "stop the other encoder first" } else { "sent nothing for 2 seconds" };
    let log = stage.refusal(&stage.server.keys["main"]);
    require(log.contains(reason), || format!("a second publisher did not read {reason:?}:\n{log}"))
}
