//! What cannot be had right now is held, said, tried again, and holds back nobody else.

use std::fs;
use std::net::TcpListener;

use nixcast_tests::server::{Scene, free_port};
use nixcast_tests::wait;
use serde_json::Value;

use super::machine::{Machine, SOON, condition};

fn object(status: &Value, option: &str) -> Value {
    let all = status["objects"].as_array().unwrap();
    all.iter().find(|object| object["option"] == option).cloned().unwrap_or_default()
}

#[test]
fn a_taken_port_and_a_missing_secret_hold_back_nobody_and_settle_by_themselves() {
    let mut scene = Scene::with_key();
    scene.add_key("late");
    let (main, late) = (scene.settings.stream_keys[0].clone(), scene.settings.stream_keys[1].clone());
    scene.settings.stream_keys.pop();
    let mut machine = Machine::converged(scene);
    let old_port = machine.scene.settings.http.port;

    let taken = free_port();
    let in_the_way = TcpListener::bind(("127.0.0.1", taken)).unwrap();
    let key_file = fs::read(&late.key_file).unwrap();
    fs::remove_file(&late.key_file).unwrap();
    machine.scene.settings.http.port = taken;
    machine.scene.settings.stream_keys = vec![late.clone(), main];
    "While something is held".clone_into(&mut machine.scene.settings.instance.name);
    machine.scene.settings.video.latency_level = 3;
    machine.write(&machine.scene.settings);

    let report = machine.json(2, &["apply", "--wait", "20"]);
    let status = &report["status"];
    assert_eq!(report["verdict"], "notConverged");
    assert_eq!(condition(status, "Converged")["reason"], "Held");
    let degraded = condition(status, "Degraded");
    assert_eq!((&degraded["isTrue"], &degraded["reason"]), (&true.into(), &"SomethingHeld".into()));
    for (option, why) in [
        ("services.nixcast.http", format!("cannot listen on 127.0.0.1:{taken}")),
        ("services.nixcast.streamKeys.late", format!("services.nixcast.streamKeys.late.keyFile: {}", late.key_file)),
    ] {
        let held = object(status, option);
        assert_eq!(held["state"], "held", "{status:#}");
        assert!(held["reason"].as_str().unwrap().starts_with(&why), "{held}");
        assert!(degraded["message"].as_str().unwrap().contains(&why), "{degraded}");
    }
    for object in status["objects"].as_array().unwrap() {
        let option = object["option"].as_str().unwrap();
        let is_held = ["services.nixcast.http", "services.nixcast.streamKeys.late"].contains(&option);
        assert_eq!(object["state"] == "held", is_held, "{object}");
    }
    let observed = machine.observe();
    assert_eq!(observed.listeners.values().map(|address| address.port()).filter(|port| *port == old_port).count(), 1);
    assert_eq!(observed.page.unwrap().name, "While something is held");
    assert_eq!((observed.latency_level, observed.stream_keys.len()), (Some(3), 1));
    let shown = machine.told(1, &["status"]);
    assert!(shown.starts_with("● generation 2 accepted, not all of it runs (held: services.nixcast.http, "), "{shown}");
    assert_eq!(machine.story(), ["1 converged", "2 held"]);
    let history = machine.told(0, &["history"]);
    assert!(history.contains(&format!("! services.nixcast.http: cannot listen on 127.0.0.1:{taken}")), "{history}");

    // No apply from here on: what can be had again is taken.
    fs::write(&late.key_file, key_file).unwrap();
    wait::until("the late key", SOON, || machine.observe().stream_keys.contains_key("late").then_some(()));
    assert_eq!(object(&machine.try_status().unwrap(), "services.nixcast.http")["state"], "held");
    drop(in_the_way);
    machine.wait_converged();
    assert_eq!(condition(&machine.try_status().unwrap(), "Degraded")["reason"], "AllPossible");
    assert_eq!(machine.story(), ["1 converged", "2 converged"]);
    machine.told(0, &["status"]);
}

#[test]
fn a_generation_that_never_came_to_run_whole_is_remembered_as_such() {
    let mut machine = Machine::converged(Scene::with_key());
    let good = machine.state();
    let in_the_way = TcpListener::bind("127.0.0.1:0").unwrap();
    let old = machine.scene.settings.clone();
    machine.scene.settings.rtmp.port = in_the_way.local_addr().unwrap().port();
    machine.write(&machine.scene.settings);
    machine.told(2, &["apply", "--wait", "20"]);
    machine.write(&old);
    machine.told(0, &["apply"]);
    assert_eq!(machine.state(), good);
    assert_eq!(machine.story(), ["1 converged", "2 superseded", "3 converged"]);
    let history = machine.told(0, &["history"]);
    assert!(history.contains("superseded by generation 3 before it was seen to converge"), "{history}");
    assert!(history.contains("! services.nixcast.rtmp: cannot listen on"), "{history}");
    assert!(history.contains("back to generation 1, converged"), "{history}");
}
