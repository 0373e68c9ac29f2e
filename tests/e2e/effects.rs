//! Every setting there is, changed while live.
//!
//! One engine, one publisher, one open page and one watcher on a connection that is never given up go through the
//! whole effect table. Each leaf is changed through the settings document and changed back; each time the change must
//! converge, be planned with the effect the table states, be seen from outside, and be felt by nobody.

mod receiver;
mod recipes;
mod stage;

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use nixcast_schema::{StreamKey, WebhookEvent, effects};
use nixcast_tests::clip::Clip;
use nixcast_tests::leaves::locate;
use nixcast_tests::publish::Publisher;
use nixcast_tests::server::{CONVERGED_WITHIN, LIVE_WITHIN, Scene, replace};
use nixcast_tests::{http, wait};
use serde_json::{Value, json};

use recipes::{Proof, Recipe};
use stage::Stage;

/// Leaves of the table that no recipe changes, and recipes for leaves that are not in the table.
fn uncovered<'a>(table: impl Iterator<Item = &'a str>, recipes: &[Recipe]) -> (Vec<String>, Vec<String>) {
    let table: BTreeSet<&str> = table.collect();
    let covered: BTreeSet<String> = recipes.iter().map(Recipe::pattern).collect();
    let missing = table.iter().filter(|leaf| !covered.contains(**leaf)).map(|leaf| (*leaf).to_owned()).collect();
    let idle = covered.iter().filter(|leaf| !table.contains(leaf.as_str())).cloned().collect();
    (missing, idle)
}

#[test]
fn every_setting_has_a_recipe_and_every_recipe_a_setting() {
    let table = effects();
    let (missing, idle) = uncovered(table.keys().map(String::as_str), &recipes::all());
    assert!(missing.is_empty(), "state in tests/e2e/effects/recipes.rs how a change of these is seen: {missing:#?}");
    assert!(idle.is_empty(), "no such settings: {idle:#?}");
}

#[test]
fn a_setting_without_a_recipe_and_a_recipe_without_a_setting_are_noticed() {
    let table = effects();
    let with_another = table.keys().map(String::as_str).chain(["services.nixcast.recording.enable"]);
    let (missing, idle) = uncovered(with_another, &recipes::all());
    assert_eq!(missing, ["services.nixcast.recording.enable"]);
    assert!(idle.is_empty());
    let without_one = table.keys().map(String::as_str).filter(|leaf| !leaf.ends_with(".http.port"));
    assert_eq!(uncovered(without_one, &recipes::all()), (Vec::new(), vec!["services.nixcast.http.port".to_owned()]));
}

#[test]
fn every_setting_changes_while_live_and_nobody_is_cut_off() {
    let mut stage = Stage::set();
    let table = effects();
    let mut failed = Vec::new();
    let mut changes = 0;
    for recipe in recipes::all() {
        let began = Instant::now();
        let pattern = recipe.pattern();
        let effect = table.get(&pattern).unwrap_or_else(|| panic!("{pattern} is no setting"));
        let verdict = match &recipe.proof {
            Proof::Refused(other) => refuse(&mut stage, &recipe, other),
            Proof::Seen { .. } => walk(&mut stage, &recipe, *effect, &mut changes),
        };
        println!(
            "{:6} ms  {:<8} {}",
            began.elapsed().as_millis(),
            format!("{effect:?}").to_lowercase(),
            recipe.title()
        );
        if let Err(reason) = verdict {
            println!("           FAILED: {reason}");
            failed.push(format!("{}: {reason}", recipe.title()));
            stage.put_back();
        }
    }
    println!("{changes} changes of {} settings", table.len());
    webhooks_are_told_what_they_were_declared_to_be_told(&mut stage);
    stage.finish();
    assert!(failed.is_empty(), "{} of {} recipes failed:\n{}", failed.len(), recipes::all().len(), failed.join("\n"));
}

/// Changes one leaf to each value of its recipe and back.
fn walk(stage: &mut Stage, recipe: &Recipe, effect: nixcast_schema::Effect, changes: &mut usize) -> Result<(), String> {
    let Proof::Seen { first, values, shows } = &recipe.proof else { return Ok(()) };
    let mut base = stage.base.clone();
    first(&mut base);
    if base != stage.base {
        stage.apply(&base)?;
        stage.untouched()?;
    }
    let pointer = locate(&base, &recipe.pattern(), recipe.entry)
        .ok_or_else(|| format!("the scene has no entry {:?}", recipe.entry))?;
    let old = base.pointer(&pointer).cloned().unwrap_or(Value::Null);
    let new = values(stage);
    assert!(!new.is_empty() && !new.contains(&old), "{}: {new:?} must differ from {old}", recipe.title());
    for value in new.into_iter().chain([old]) {
        let mut document = base.clone();
        *document.pointer_mut(&pointer).ok_or("the leaf is gone")? = value.clone();
        stage.planned_as(&document, effect)?;
        stage.apply(&document).map_err(|reason| format!("changed to {value}: {reason}"))?;
        shows(stage, &value).map_err(|reason| format!("changed to {value}: {reason}"))?;
        stage.untouched().map_err(|reason| format!("changed to {value}: {reason}"))?;
        *changes += 1;
    }
    if base != stage.base {
        stage.apply(&stage.base.clone())?;
        stage.untouched()?;
    }
    Ok(())
}

/// A leaf with one possible value: any other is refused by name, and nothing changes.
fn refuse(stage: &mut Stage, recipe: &Recipe, other: &str) -> Result<(), String> {
    let mut document = stage.base.clone();
    let pointer = locate(&document, &recipe.pattern(), recipe.entry).ok_or("the scene has no such leaf")?;
    *document.pointer_mut(&pointer).ok_or("the leaf is gone")? = json!(other);
    let before = stage.observed();
    let answer = stage.agent().apply(&document.to_string(), 20)?;
    let problems = answer["problems"].to_string();
    if answer["response"] != "refused" || !problems.contains(other) {
        return Err(format!("{other:?} was not refused: {answer}"));
    }
    if stage.observed() != before {
        return Err("a refused document changed the engine".to_owned());
    }
    stage.untouched()
}

/// The one setting whose effect only another broadcast shows: which events are sent.
fn webhooks_are_told_what_they_were_declared_to_be_told(stage: &mut Stage) {
    stage.receivers[0].accept();
    let mut document = stage.base.clone();
    document["webhooks"][0]["events"] = json!([WebhookEvent::StreamStarted]);
    stage.apply(&document).unwrap();
    stage.untouched().unwrap();
    let told = stage.receivers[0].taken().len();
    let is_told = |stage: &Stage, event: &str| {
        let fresh = stage.receivers[0].taken().split_off(told);
        wait::within(Duration::ZERO, || fresh.first().map(|message| message.event())).map(|first| first == event)
    };
    stage.end_broadcast();
    stage.start_broadcast();
    // Messages of one webhook come in order: had the end been told, it would be here first.
    let first = wait::until("the webhook to be told", LIVE_WITHIN, || is_told(stage, "STREAM_STARTED"));
    assert!(first, "told of more than was declared: {:?}", stage.receivers[0].taken());
    let base = stage.base.clone();
    stage.apply(&base).unwrap();
    stage.untouched().unwrap();
    stage.end_broadcast();
    wait::until("the webhook to be told of the end", LIVE_WITHIN, || {
        stage.receivers[0].taken().iter().any(|message| message.event() == "STREAM_STOPPED").then_some(())
    });
    stage.start_broadcast();
}

#[test]
fn whatever_takes_the_key_in_use_away_ends_its_session() {
    let scene = Scene::with_key();
    let other = scene.folder().join("other.key");
    replace(&other, "another-key-altogether\n", 0o600);
    let mut server = scene.start();
    let base = server.settings.clone();
    let ways: [(&str, StreamKey); 4] = [
        ("enable", StreamKey { enable: false, ..base.stream_keys[0].clone() }),
        ("expires", StreamKey { expires: Some("2001-01-01T00:00:00Z".to_owned()), ..base.stream_keys[0].clone() }),
        ("keyFile", StreamKey { key_file: other.to_str().unwrap().to_owned(), ..base.stream_keys[0].clone() }),
        ("name", StreamKey { name: "renamed".to_owned(), ..base.stream_keys[0].clone() }),
    ];
    for (leaf, key) in ways {
        let publisher = Publisher::copy(&server.target("main"), &Clip::SMALL);
        wait::until("the publisher to be let in", LIVE_WITHIN, || server.broadcast());
        server.change(|settings| settings.stream_keys[0] = key);
        publisher.process.wait(CONVERGED_WITHIN);
        server.wait_offline(CONVERGED_WITHIN);
        println!("{leaf}: the session has ended");
        server.change(|settings| *settings = base.clone());
    }
}

#[test]
fn a_listener_that_moves_turns_away_at_most_a_connect() {
    let mut stage = Stage::set();
    let port = stage.server.http_port();
    // From and to, and an address that both listen on.
    let moves = [
        ("127.0.0.1", "0.0.0.0", "127.0.0.1"),
        ("0.0.0.0", "127.0.0.1", "127.0.0.1"),
        ("127.0.0.1", "0.0.0.0", "127.0.0.1"),
        ("0.0.0.0", "127.0.0.2", "127.0.0.2"),
        ("127.0.0.2", "0.0.0.0", "127.0.0.2"),
        ("0.0.0.0", "127.0.0.1", "127.0.0.1"),
    ];
    for (from, to, both) in moves {
        assert_eq!(stage.document["http"]["address"], from);
        let newcomers = stage::Newcomers::start(both, port);
        newcomers.wait_served(5);
        let mut document = stage.document.clone();
        document["http"]["address"] = json!(to);
        stage.apply(&document).unwrap();
        newcomers.wait_served(5);
        let outcome = newcomers.finish();
        println!("{from} to {to}: {outcome:?}");
        assert!(outcome.broken.is_empty() && outcome.reset <= 1, "{from} to {to}: {outcome:?}");
        stage.untouched().unwrap();
    }
    assert_eq!(http::get(port, "/api/page").unwrap().status, 200);
    stage.finish();
}
