//! An engine that was told something behind the agent's back.

use nixcast_core::control::{Action, ObjectId, Phase, Step};
use nixcast_schema::{Effect, OnDrift};
use nixcast_tests::server::Scene;
use nixcast_tests::wait;

use super::machine::{Machine, SOON, condition};

/// Takes the key away and puts another name on the page.
fn meddle(machine: &Machine) {
    let mut page = machine.observe().page.unwrap();
    "Defaced".clone_into(&mut page.name);
    let remove = Action::RemoveStreamKey { name: "main".to_owned() };
    let key = ObjectId::StreamKey("main".to_owned());
    machine.meddle(vec![
        Step { object: key, phase: Phase::Switch, effect: Effect::Session, action: remove },
        Step {
            object: ObjectId::Page,
            phase: Phase::Switch,
            effect: Effect::Live,
            action: Action::PutPage { page, logo_base64: None },
        },
    ]);
}

fn scene(on_drift: OnDrift) -> Scene {
    let mut scene = Scene::with_key();
    "Declared".clone_into(&mut scene.settings.instance.name);
    scene.settings.reconcile.on_drift = on_drift;
    scene.settings.reconcile.interval_seconds = 5;
    scene
}

#[test]
fn drift_is_put_right_logged_with_before_and_after_and_counted() {
    let machine = Machine::converged(scene(OnDrift::Heal));
    let good = machine.state();
    meddle(&machine);
    assert_ne!(machine.state(), good);
    wait::until("the drift to be put right", SOON, || (machine.state() == good).then_some(()));
    let status = wait::until("the drift to be counted", SOON, || {
        machine.try_status().ok().filter(|status| status["drift"]["healed"] == 2)
    });
    assert_eq!(status["drift"]["found"], 2);
    let drifted = condition(&status, "Drifted");
    assert_eq!((&drifted["isTrue"], &drifted["reason"]), (&false.into(), &"PutRight".into()));
    let log = machine.agent().log();
    let named = log.lines().find(|line| line.contains("drift") && line.contains("services.nixcast.instance.name"));
    let line = named.unwrap_or_else(|| panic!("the log does not tell of the name:\n{log}"));
    assert!(line.contains("Defaced") && line.contains("Declared"), "{line}");
    assert!(
        log.lines().any(|line| line.contains("drift") && line.contains("services.nixcast.streamKeys.main")),
        "{log}"
    );
    machine.told(0, &["status"]);
    assert_eq!(machine.story(), ["1 converged"]);
}

#[test]
fn drift_is_only_reported_where_that_is_declared_and_new_settings_still_apply() {
    let mut machine = Machine::converged(scene(OnDrift::Report));
    meddle(&machine);
    let defaced = machine.state();
    let status = wait::until("the drift to be found", SOON, || {
        machine.try_status().ok().filter(|status| status["drift"]["found"] == 2)
    });
    let passes = status["passes"].as_u64().unwrap();
    wait::until("another comparison", SOON, || (machine.try_status().ok()?["passes"].as_u64()? > passes).then_some(()));
    let status = machine.json(1, &["status"]);
    assert_eq!(machine.state(), defaced, "nothing was put right");
    assert_eq!((&status["drift"]["found"], &status["drift"]["healed"]), (&2.into(), &0.into()));
    assert_eq!(condition(&status, "Converged")["reason"], "Drifted");
    let drifted = condition(&status, "Drifted");
    assert_eq!((&drifted["isTrue"], &drifted["reason"]), (&true.into(), &"ReportOnly".into()));
    let message = drifted["message"].as_str().unwrap();
    assert!(message.contains(r#"services.nixcast.instance.name runs "Defaced", declared "Declared""#), "{message}");
    let shown = machine.told(1, &["status"]);
    assert!(
        shown.contains(r#"! drifted: services.nixcast.instance.name runs "Defaced", declared "Declared""#),
        "{shown}"
    );
    assert!(shown.contains("! drifted: services.nixcast.streamKeys.main does not run\n"), "{shown}");
    assert!(machine.agent().log().contains("heals=false"), "{}", machine.agent().log());

    // A new document is a new wish: all of it applies.
    machine.scene.settings.video.latency_level = 4;
    machine.write(&machine.scene.settings);
    machine.told(0, &["apply"]);
    let observed = machine.observe();
    assert_eq!((observed.page.unwrap().name.as_str(), observed.latency_level), ("Declared", Some(4)));
    assert!(observed.stream_keys.contains_key("main"));

    // And so is an apply of the same one.
    meddle(&machine);
    wait::until("the drift to be found again", SOON, || {
        machine.try_status().ok().filter(|status| status["drift"]["found"] == 4)
    });
    machine.told(0, &["apply"]);
    assert_eq!(machine.observe().page.unwrap().name, "Declared");
    machine.told(0, &["status"]);
}
