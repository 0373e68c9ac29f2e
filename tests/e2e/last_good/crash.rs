//! The agent dies at every point of accepting and applying. What runs afterwards is the old generation or the new one,
//! never a mixture and never an open server; and a further apply converges.
//!
//! The points are those that the binary itself names, so that a new one is tested as soon as it exists.

use std::ffi::OsString;
use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use nixcast_schema::{
    AccessToken, Encoder, Moderator, Network, Overload, Scope, Settings, Takeover, Variant, Webhook, WebhookEvent,
};
use nixcast_tests::certificate::{Authority, KeyKind};
use nixcast_tests::server::{Scene, binary, free_port};
use nixcast_tests::wait;
use rustix::process::Signal;
use serde_json::Value;

use super::machine::{Machine, SOON};

const VARIABLE: &str = "NIXCAST_CRASH_AT";

/// What goes with the agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Loss {
    Agent,
    /// As after a power cut: nobody remembers anything but the disk.
    AgentAndEngine,
}

/// The points at which the binary can be made to die.
fn points() -> Vec<String> {
    let words = ["agent", "--settings", "x", "--engine-socket", "x", "--socket", "x", "--state-dir", "x"];
    let output = Command::new(binary()).args(words).env(VARIABLE, "?").output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let listed = said.split_once("one of these points: ").map(|(_, names)| names);
    let listed = listed.unwrap_or_else(|| panic!("only a debug build can be made to die; this one says: {said}"));
    listed.split_whitespace().map(str::to_owned).collect()
}

/// Two documents of one server that differ in every kind of object.
fn documents(scene: &mut Scene) -> (Settings, Settings) {
    for name in ["main", "gone", "new"] {
        scene.add_key(name);
    }
    let secret = |name: &str| {
        let file = scene.folder().join(format!("{name}.key"));
        fs::write(&file, format!("secret of {name}\n").replace(' ', "-")).unwrap();
        Some(file.to_str().unwrap().to_owned())
    };
    let webhook = |name: &str, secret_file| Webhook {
        name: name.to_owned(),
        enable: true,
        url: format!("https://example.org/{name}"),
        events: vec![WebhookEvent::StreamStarted],
        secret_file,
    };
    let moderator =
        |name: &str, file: &str| Moderator { name: name.to_owned(), secret_file: secret(file).unwrap_or_default() };
    let folder = scene.folder().join("emoji");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("wave.svg"), "<svg/>").unwrap();
    let emoji = folder.to_str().unwrap().to_owned();
    let old_moderators = vec![moderator("gone", "gone-mate"), moderator("kept", "mate")];
    let new_moderators = vec![moderator("kept", "other-mate"), moderator("new", "new-mate")];
    let token = |name: &str, file: &str| AccessToken {
        name: name.to_owned(),
        token_file: secret(file).unwrap_or_default(),
        scopes: Scope::ALL.to_vec(),
    };
    let old_tokens = vec![token("gone", "gone-token"), token("kept", "token")];
    let new_tokens = vec![token("kept", "other-token"), token("new", "new-token")];
    let (admin, hook, other_hook) = (secret("admin"), secret("hook"), secret("other-hook"));
    let plain = scene.settings.rtmps.clone();
    scene.declare_rtmps(&Authority::new().issue(KeyKind::Pkcs8));
    let rtmps = std::mem::replace(&mut scene.settings.rtmps, plain);
    let mut old = scene.settings.clone();
    old.stream_keys.retain(|key| key.name != "new");
    old.chat.moderators = old_moderators;
    old.integrations.access_tokens = old_tokens;
    old.webhooks = vec![webhook("gone", None), webhook("kept", hook)];

    let mut new = scene.settings.clone();
    new.stream_keys.retain(|key| key.name != "gone");
    "A comment".clone_into(&mut new.stream_keys[0].comment);
    new.http.port = free_port();
    new.http.trusted_proxies = vec![Network("10.0.0.0/8".to_owned())];
    new.rtmp.port = free_port();
    new.admin.password_file = admin;
    "New".clone_into(&mut new.instance.name);
    "# New".clone_into(&mut new.instance.page_content);
    new.video.latency_level = 4;
    new.video.encoder = Encoder::V4l2m2m;
    new.video.when_overloaded = Overload::DropLowest;
    new.video.stills = !old.video.stills;
    new.chat.slow_mode_seconds = 7;
    new.chat.emoji_folder = Some(emoji);
    new.chat.moderators = new_moderators;
    new.integrations.access_tokens = new_tokens;
    new.broadcast.takeover = Takeover::Never;
    new.rtmps = rtmps;
    new.video.variants[0].order = 900;
    new.video.variants.push(Variant { height: Some(144), order: 1, ..Variant::named("low") });
    new.webhooks = vec![webhook("kept", other_hook), webhook("new", None)];
    new.metrics.enable = !old.metrics.enable;
    (old, new)
}

/// Lets the agent die at `point` while it takes the new document, and holds what comes up against both documents.
fn die_at(point: &str, loss: Loss) {
    let mut scene = Scene::new();
    let (old_document, new_document) = documents(&mut scene);
    scene.settings = old_document.clone();
    let mut machine = Machine::new(scene);
    let trigger = machine.path("die");
    let aim = OsString::from(format!("{point}:{}", trigger.display()));
    machine.start_engine();
    machine.start_agent(&[(VARIABLE, aim)]);
    machine.wait_converged();
    let old = machine.state();
    machine.write(&new_document);
    machine.told(0, &["apply"]);
    let new = machine.state();
    let is_the_same = |name: &&String| old[name.as_str()] == new[name.as_str()];
    let same: Vec<&String> = old.as_object().unwrap().keys().filter(is_the_same).collect();
    assert!(same.is_empty(), "both documents agree about {same:?}: a mixture would not be seen there");
    machine.write(&old_document);
    machine.told(0, &["apply"]);
    assert_eq!(machine.state(), old, "going back goes back");
    let is_whole = |when: &str, state: &Value| {
        assert!(*state == old || *state == new, "{point}, {loss:?}, {when}: neither old nor new:\n{state:#}");
    };

    fs::write(&trigger, "").unwrap();
    machine.write(&new_document);
    let client = machine.command(&["apply", "--wait", "30"]);
    let ended = machine.agent().wait(SOON);
    assert_eq!(ended.signal(), Some(Signal::ABORT.as_raw()), "{point}: {ended:?}\n{}", machine.agent().log());
    // It is told the truth: that the agent went away, or how it ended if the answer was still sent.
    assert!(matches!(client.status.code(), Some(0 | 3)), "{point}: {client:?}");
    let while_dead = wait::until("the engine to finish what it was told", SOON, || {
        let first = machine.state();
        (first == machine.state()).then_some(first)
    });
    is_whole("while the agent is dead", &while_dead);

    // The source is of no help: what comes up is what the ledger holds.
    fs::remove_file(&trigger).unwrap();
    machine.write_text("{");
    if loss == Loss::AgentAndEngine {
        machine.lose_engine();
        machine.start_engine();
        machine.assert_nothing_is_open();
    }
    machine.start_agent(&[]);
    machine.wait_converged();
    let came_up = machine.state();
    is_whole("after the restart", &came_up);
    let status = machine.json(1, &["status"]);
    let generation = status["accepted"]["generation"].as_u64().unwrap();
    assert_eq!(came_up == new, generation == 4, "{point}: generation {generation} runs something else");
    assert_eq!(
        machine.told(0, &["diff", "newest", if generation == 4 { "2" } else { "1" }]).lines().last(),
        Some("Nothing differs.")
    );

    machine.write(&new_document);
    machine.told(0, &["apply"]);
    assert_eq!(machine.state(), new, "{point}, {loss:?}");
    let story = machine.story();
    assert!(story.contains(&"4 converged".to_owned()), "{point}, {loss:?}: {story:?}");
    println!(
        "{point}, {loss:?}: while dead {}, came up with generation {generation}",
        if while_dead == new { "new" } else { "old" }
    );
}

#[test]
fn wherever_the_agent_dies_one_generation_runs_whole() {
    let cases: Vec<(String, Loss)> =
        points().into_iter().flat_map(|point| [(point.clone(), Loss::Agent), (point, Loss::AgentAndEngine)]).collect();
    assert!(cases.len() > 20, "{cases:?}");
    let next = AtomicUsize::new(0);
    let failed = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                while let Some((point, loss)) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if std::panic::catch_unwind(|| die_at(point, *loss)).is_err() {
                        failed.lock().unwrap().push(format!("{point}, {loss:?}"));
                    }
                }
            });
        }
    });
    let failed = failed.into_inner().unwrap();
    assert!(failed.is_empty(), "{} of {} failed: {failed:#?}", failed.len(), cases.len());
}
