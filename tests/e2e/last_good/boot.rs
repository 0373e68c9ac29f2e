//! Booting with a source that cannot be used.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use nixcast_tests::server::Scene;
use nixcast_tests::wait;
use serde_json::Value;

use super::machine::{Machine, SOON, condition};

/// A way for a source to be bad: its name, what makes it so, the reason it is refused with, and what has to be said.
type Fault = (&'static str, fn(&Machine), &'static str, &'static str);

const FAULTS: [Fault; 8] = [
    ("a wrong value", |machine| edit(machine, "/http/port", 0.into()), "Invalid", "services.nixcast.http.port"),
    ("a newer version", |machine| edit(machine, "/apiVersion", "nixcast/v2".into()), "Invalid", "nixcast/v2"),
    ("cut off", |machine| machine.write_text(&text(machine)[..200]), "Invalid", "line 1, column 200"),
    ("empty", |machine| machine.write_text(""), "Invalid", "line 1, column 0"),
    ("missing", |machine| fs::remove_file(machine.source()).unwrap(), "Unreadable", "No such file"),
    ("a folder", replace_by_a_folder, "Unreadable", "Is a directory"),
    ("not to be read", forbid, "Unreadable", "Permission denied"),
    ("not text", |machine| fs::write(machine.source(), [0xff, 0xfe]).unwrap(), "Unreadable", "UTF-8"),
];

fn text(machine: &Machine) -> String {
    serde_json::to_string(&machine.scene.settings).unwrap()
}

fn edit(machine: &Machine, place: &str, value: Value) {
    let mut document = serde_json::to_value(&machine.scene.settings).unwrap();
    *document.pointer_mut(place).unwrap() = value;
    machine.write_text(&document.to_string());
}

fn replace_by_a_folder(machine: &Machine) {
    fs::remove_file(machine.source()).unwrap();
    fs::create_dir(machine.source()).unwrap();
}

fn forbid(machine: &Machine) {
    fs::set_permissions(machine.source(), fs::Permissions::from_mode(0o000)).unwrap();
}

fn mend(machine: &Machine) {
    if machine.source().is_dir() {
        fs::remove_dir(machine.source()).unwrap();
    }
    machine.write(&machine.scene.settings);
}

/// Starts engine and agent from nothing and waits for the verdict on the source.
fn boot(machine: &mut Machine) -> Value {
    machine.stop_agent();
    machine.lose_engine();
    machine.start_engine();
    machine.start_agent(&[]);
    wait::until("the source to be refused", SOON, || {
        let status = machine.try_status().ok()?;
        let is_told = status["observedGeneration"] == status["accepted"]["generation"] || status["accepted"].is_null();
        (!status["source"]["refusal"].is_null() && !status["engine"].is_null() && is_told).then_some(status)
    })
}

#[test]
fn a_bad_source_at_boot_leaves_the_last_good_settings_running_and_says_why() {
    let mut machine = Machine::new(Scene::with_key());
    machine.obey_file_modes();
    machine.start_engine();
    machine.start_agent(&[]);
    machine.wait_converged();
    let good = machine.state();
    for (name, spoil, reason, said) in FAULTS {
        spoil(&machine);
        let status = boot(&mut machine);
        machine.wait_converged();
        assert_eq!(machine.state(), good, "{name}");
        let accepted = condition(&status, "Accepted");
        assert_eq!((&accepted["isTrue"], &accepted["reason"]), (&false.into(), &reason.into()), "{name}");
        let message = accepted["message"].as_str().unwrap();
        assert!(message.starts_with("generation 1, the last good one, stays in force; "), "{name}: {message}");
        assert!(message.contains(said), "{name}: {message}");
        let shown = machine.told(1, &["status"]);
        assert!(
            shown.starts_with("● generation 1 runs; the source is refused, so the last good settings stay\n"),
            "{shown}"
        );
        assert!(shown.contains("Refused: ") && shown.contains(said), "{name}: {shown}");
        assert!(machine.told(1, &["apply"]).contains(said), "{name}");
        assert_eq!(machine.story().last().map(String::as_str), Some("refused"), "{name}");
        mend(&machine);
    }
    assert_eq!(machine.json(0, &["apply"])["verdict"], "converged");
    assert_eq!(machine.state(), good);
    let refusals = machine.story().iter().filter(|event| *event == "refused").count();
    assert_eq!(refusals, FAULTS.len(), "each fault once, however often it was met: {:?}", machine.story());
}

#[test]
fn a_bad_source_at_the_first_boot_opens_nothing() {
    for (name, spoil, reason, said) in FAULTS {
        let mut machine = Machine::new(Scene::with_key());
        machine.obey_file_modes();
        spoil(&machine);
        let status = boot(&mut machine);
        machine.assert_nothing_is_open();
        assert_eq!(machine.observe().generation, 0, "{name}: the engine was told something");
        assert_eq!(condition(&status, "Accepted")["reason"], reason, "{name}");
        assert_eq!(condition(&status, "Converged")["reason"], "NothingAccepted", "{name}");
        let shown = machine.told(1, &["status"]);
        assert!(
            shown.starts_with("● no settings accepted yet; the source is refused, so nothing is open\n"),
            "{shown}"
        );
        assert!(shown.contains(said), "{name}: {shown}");
        assert_eq!(machine.story(), ["refused"], "{name}");
        machine.told(1, &["apply"]);
        machine.assert_nothing_is_open();

        mend(&machine);
        machine.told(0, &["apply"]);
        machine.wait_converged();
        assert_eq!(machine.story(), ["refused", "1 converged"], "{name}");
    }
}
