//! How the agent goes about its work, seen in what it does and in its status.

use std::time::{Duration, Instant};

use nixcast_core::control::{Action, ObjectId, Phase, Request, Step};
use nixcast_schema::Effect;
use nixcast_tests::server::ask;
use nixcast_tests::wait;
use serde_json::Value;

use super::{Recipe, one, require};
use crate::effects::stage::{SEEN_WITHIN, Stage};

pub(super) fn recipes() -> Vec<Recipe> {
    vec![
        Recipe::of(
            "reconcile.timeoutSeconds",
            |_| one(77),
            |stage, value| {
                let status = stage.agent().status()?;
                require(status["timeoutSeconds"] == *value, || format!("status says {}", status["timeoutSeconds"]))
            },
        ),
        Recipe::of("reconcile.intervalSeconds", |_| one(8), interval),
        Recipe::of("reconcile.onDrift", |_| one("report"), drift),
    ]
}

/// Two comparisons that nothing but the timer caused lie this far apart.
fn interval(stage: &Stage, value: &Value) -> Result<(), String> {
    // The two values of the walk are three seconds apart; a busy machine delays what is seen of either.
    const NEAR: Duration = Duration::from_millis(1400);
    let wanted = Duration::from_secs(value.as_u64().unwrap_or(0));
    let mut agent = stage.agent();
    let mut last = None;
    let mut seen = Vec::new();
    let found = wait::within(SEEN_WITHIN * 2, || {
        let passes = agent.status().ok()?["passes"].as_u64()?;
        let (before, at) = *last.get_or_insert((passes, None::<Instant>));
        if passes == before {
            return None;
        }
        let now = Instant::now();
        last = Some((passes, Some(now)));
        let gap = now.duration_since(at?);
        seen.push(gap);
        (gap.abs_diff(wanted) < NEAR).then_some(())
    });
    found.ok_or_else(|| format!("comparisons came after {seen:?}"))
}

/// Somebody changes the engine behind the agent's back.
fn drift(stage: &Stage, value: &Value) -> Result<(), String> {
    let found = |status: &Value| status["drift"]["found"].as_u64().unwrap_or(0);
    let before = stage.agent().status()?;
    let mut page = stage.observed().page.ok_or("the engine has no page")?;
    "Not what was declared".clone_into(&mut page.name);
    let step = Step {
        object: ObjectId::Page,
        phase: Phase::Switch,
        effect: Effect::Live,
        action: Action::PutPage { page, logo_base64: None },
    };
    let accepted = &before["accepted"];
    let request = Request::Apply {
        generation: accepted["generation"].as_u64().unwrap_or(0),
        digest: accepted["digest"].as_str().unwrap_or_default().to_owned(),
        steps: vec![step],
    };
    let request = serde_json::to_string(&request).map_err(|error| error.to_string())?;
    ask(&stage.server.state_dir().join("engine.sock"), &request)?;
    let status = wait::within(SEEN_WITHIN, || stage.agent().status().ok().filter(|now| found(now) > found(&before)))
        .ok_or("the drift was not found")?;
    let name = || stage.observed().page.map(|page| page.name);
    if value == "heal" {
        return wait::within(SEEN_WITHIN, || (name().as_deref() == Some("nixcast")).then_some(()))
            .ok_or_else(|| format!("the drift was not healed: {status}"));
    }
    let conditions = status["conditions"].as_array().cloned().unwrap_or_default();
    let is_reported = conditions.iter().any(|one| one["kind"] == "Drifted" && one["isTrue"] == true);
    require(is_reported, || format!("the drift is not in the status: {status}"))?;
    require(name().as_deref() == Some("Not what was declared"), || "the drift was healed".to_owned())?;
    // An apply is an order to heal, whatever the setting.
    let output = stage.server.command(&["apply", "--wait"]);
    require(output.status.success() && name().as_deref() == Some("nixcast"), || format!("{output:?}"))
}
