//! A ledger that is damaged, closed or out of room.

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use nixcast_schema::Settings;
use nixcast_tests::server::Scene;
use nixcast_tests::wait;
use rustix::process::{Pid, Resource, Rlimit, prlimit};

use super::machine::{Machine, SOON, condition};

/// A way for a generation's file to be damaged.
type Damage = (&'static str, fn(&Path));

const DAMAGES: [Damage; 5] = [
    ("empty", |file| fs::write(file, "").unwrap()),
    ("cut off", |file| {
        let whole = fs::read(file).unwrap();
        fs::write(file, &whole[..whole.len() / 2]).unwrap();
    }),
    ("changed by one letter", |file| {
        let whole = fs::read_to_string(file).unwrap();
        fs::write(file, whole.replace("Second", "5econd")).unwrap();
    }),
    ("not to be read", |file| fs::set_permissions(file, fs::Permissions::from_mode(0o000)).unwrap()),
    ("a folder", |file| {
        fs::remove_file(file).unwrap();
        fs::create_dir(file).unwrap();
    }),
];

/// Two generations, of which the first runs as `machine.state()` says; then everything has ended.
fn two_generations(machine: &mut Machine) -> serde_json::Value {
    machine.start_engine();
    machine.start_agent(&[]);
    machine.wait_converged();
    let first = machine.state();
    "Second".clone_into(&mut machine.scene.settings.instance.name);
    machine.scene.settings.video.latency_level = 4;
    machine.write(&machine.scene.settings);
    machine.told(0, &["apply"]);
    machine.stop_agent();
    machine.lose_engine();
    first
}

#[test]
fn a_damaged_generation_gives_way_to_the_one_before_it_and_is_named() {
    for (name, damage) in DAMAGES {
        let mut machine = Machine::new(Scene::with_key());
        machine.obey_file_modes();
        let first = two_generations(&mut machine);
        damage(&machine.generations()[&2]);
        machine.write_text("{}");
        machine.start_engine();
        machine.start_agent(&[]);
        machine.wait_converged();
        assert_eq!(machine.state(), first, "{name}");
        let status = machine.json(1, &["status"]);
        assert_eq!(status["accepted"]["generation"], 1, "{name}");
        let degraded = condition(&status, "Degraded");
        assert_eq!((&degraded["isTrue"], &degraded["reason"]), (&true.into(), &"LedgerTroubled".into()), "{name}");
        let shown = machine.told(1, &["status"]);
        assert!(shown.contains("! the ledger's generation 2: "), "{name}: {shown}");

        machine.write(&machine.scene.settings);
        machine.told(0, &["apply"]);
        let status = machine.json(0, &["status"]);
        assert_eq!(status["accepted"]["generation"], 3, "{name}: a number is never used twice");
        assert_eq!(condition(&status, "Degraded")["reason"], "AllPossible", "{name}");
        assert_eq!(machine.observe().page.unwrap().name, "Second");
        let kept = machine.story();
        // Only its digest tells that a letter changed, and history reads no documents.
        if name != "changed by one letter" {
            assert!(kept.contains(&"2 damaged".to_owned()), "{name}: {kept:?}");
        }
    }
}

#[test]
fn with_every_generation_damaged_nothing_opens() {
    let mut machine = Machine::new(Scene::with_key());
    two_generations(&mut machine);
    for file in machine.generations().values() {
        fs::write(file, "{").unwrap();
    }
    machine.write_text("");
    machine.start_engine();
    machine.start_agent(&[]);
    wait::until("the source to be refused", SOON, || {
        let status = machine.try_status().ok()?;
        (!status["source"]["refusal"].is_null() && !status["engine"].is_null()).then_some(())
    });
    machine.assert_nothing_is_open();
    let shown = machine.told(1, &["status"]);
    assert!(shown.contains("the ledger's generation 1: ") && shown.contains("the ledger's generation 2: "), "{shown}");
    assert_eq!(machine.observe().generation, 0);
}

#[test]
fn a_damaged_journal_costs_no_more_than_history() {
    let mut machine = Machine::new(Scene::with_key());
    two_generations(&mut machine);
    fs::write(machine.ledger().join("journal"), "{\"begins").unwrap();
    machine.write_text("");
    machine.start_engine();
    machine.start_agent(&[]);
    machine.wait_converged();
    assert_eq!(machine.observe().page.unwrap().name, "Second");
    assert_eq!(machine.story(), ["1 unknown", "2 converged", "refused"]);
}

/// How to make a ledger that cannot be opened, and what has to be said.
type Closed = (&'static str, fn(&Path), &'static str);

#[test]
fn an_agent_that_cannot_open_its_ledger_ends_and_leaves_the_engine_alone() {
    let closed: [Closed; 3] = [
        (
            "no permission",
            |ledger| fs::set_permissions(ledger, fs::Permissions::from_mode(0o000)).unwrap(),
            "Permission denied",
        ),
        (
            "no permission to write",
            |ledger| {
                fs::remove_file(ledger.join("lock")).unwrap();
                fs::set_permissions(ledger, fs::Permissions::from_mode(0o500)).unwrap();
            },
            "Permission denied",
        ),
        (
            "a file in its place",
            |ledger| {
                fs::remove_dir_all(ledger).unwrap();
                fs::write(ledger, "").unwrap();
            },
            "exists",
        ),
    ];
    for (name, close, said) in closed {
        let mut machine = Machine::new(Scene::with_key());
        machine.obey_file_modes();
        machine.start_engine();
        machine.start_agent(&[]);
        machine.wait_converged();
        let running = machine.state();
        machine.stop_agent();
        close(&machine.ledger());
        machine.scene.settings.instance.name = "Never accepted".to_owned();
        machine.write(&machine.scene.settings);
        machine.start_agent(&[]);
        assert_eq!(machine.agent().wait(SOON).code(), Some(1), "{name}");
        let log = machine.agent().log();
        assert!(log.contains(said) && log.contains("state/ledger"), "{name}: {log}");
        assert_eq!(machine.state(), running, "{name}");
        machine.told(3, &["status"]);
        if machine.ledger().is_dir() {
            fs::set_permissions(machine.ledger(), fs::Permissions::from_mode(0o700)).unwrap();
        } else {
            fs::remove_file(machine.ledger()).unwrap();
        }
        machine.start_agent(&[]);
        machine.wait_converged();
        assert_eq!(machine.observe().page.unwrap().name, "Never accepted", "{name}");
    }
}

/// Largest file the agent may write from now on; none: as large as it likes. Writing more fails as a full disk does,
/// for root too.
fn limit_files(machine: &Machine, bytes: Option<u64>) {
    let pid = Pid::from_raw(i32::try_from(machine.agent().id()).unwrap());
    prlimit(pid, Resource::Fsize, Rlimit { current: bytes, maximum: None }).unwrap();
}

#[test]
fn a_full_disk_refuses_new_settings_and_gives_way_by_itself() {
    let mut machine = Machine::new(Scene::with_key());
    // What the limit's signal would do to a process that does not ignore it is not what a full disk does.
    machine.prefix = ["sh", "-c", r#"trap "" XFSZ; exec "$0" "$@""#].map(OsString::from).into();
    machine.start_engine();
    machine.start_agent(&[]);
    machine.wait_converged();
    let before = machine.state();
    // Room for the beginning of a generation, not for all of it.
    limit_files(&machine, Some(100));
    let change = |settings: &mut Settings| {
        "On a full disk".clone_into(&mut settings.instance.name);
        settings.stream_keys.clear();
    };
    change(&mut machine.scene.settings);
    machine.write(&machine.scene.settings);
    let refusal = machine.json(1, &["apply"]);
    assert_eq!(refusal["reason"], "notDurable", "{refusal:#}");
    assert!(refusal["message"].as_str().unwrap().contains("state/ledger"), "{refusal:#}");
    assert_eq!(machine.state(), before, "what is not durable is not applied");
    let status = machine.json(1, &["status"]);
    assert_eq!(condition(&status, "Accepted")["reason"], "NotDurable");
    assert_eq!(status["accepted"]["generation"], 1);
    assert!(machine.told(1, &["status"]).contains("! history cannot be written down: "));
    // An agent that dies meanwhile comes back with what it had.
    assert_eq!(machine.generations().keys().copied().collect::<Vec<_>>(), [1]);

    limit_files(&machine, None);
    let renamed = || machine.observe().page.is_some_and(|page| page.name == "On a full disk").then_some(());
    wait::until("the new settings once there is room", SOON, renamed);
    machine.wait_converged();
    machine.told(0, &["status"]);
    assert_eq!(machine.story(), ["1 converged", "refused", "2 converged"]);
}
