//! `nixcast run --nix` with the real Nix: what a person edits is what runs.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use nixcast_tests::clip::Clip;
use nixcast_tests::publish::Publisher;
use nixcast_tests::server::{CONVERGED_WITHIN, Nixcast, Scene, replace};
use nixcast_tests::wait;
use serde_json::Value;

use crate::live::Live;

/// The Nix library that the module is evaluated with.
pub(crate) fn nixpkgs() -> PathBuf {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/nix/fetch-nixpkgs");
    let output = Command::new(script).output().expect("the script can be started");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().into()
}

/// A Nix file that imports another, for the ports and the key of the scene.
fn write_nix(scene: &Scene) -> PathBuf {
    let file = scene.folder().join("settings.nix");
    let settings = &scene.settings;
    let text = format!(
        r#"{{
  imports = [ ./brand.nix ];
  services.nixcast = {{
    enable = true;
    http = {{ address = "127.0.0.1"; port = {}; }};
    rtmp = {{ address = "127.0.0.1"; port = {}; }};
    streamKeys.main.keyFile = "{}";
    video.latencyLevel = 0;
    reconcile.intervalSeconds = 5;
    instance.summary = "first";
  }};
}}
"#,
        settings.http.port, settings.rtmp.port, settings.stream_keys[0].key_file
    );
    fs::write(&file, text).unwrap();
    fs::write(scene.folder().join("brand.nix"), brand("Imported")).unwrap();
    file
}

fn brand(name: &str) -> String {
    format!("{{ services.nixcast.instance.name = \"{name}\"; }}\n")
}

fn page(server: &Nixcast) -> Value {
    let body: Value = serde_json::from_slice(&server.get("/api/page").body).unwrap();
    body["page"].clone()
}

#[test]
fn edits_of_the_file_and_of_what_it_imports_are_applied_and_an_error_is_shown_in_nix_s_own_words() {
    let scene = Scene::with_key();
    let file = write_nix(&scene);
    let server = scene.start_nix(&file, &nixpkgs());
    assert_eq!(page(&server)["name"], "Imported");
    let publisher = Publisher::copy(&server.target("main"), &Clip::SMALL);
    let live = Live::around(server, publisher);

    // Longer than the interval: the agent has looked once, found nothing to evaluate, and goes on.
    live.watcher.wait_segments(6);

    let imported = live.server.folder().join("brand.nix");
    replace(&imported, &brand("Imported again"), 0o644);
    wait_page(&live, "name", "Imported again");

    let good = fs::read_to_string(&file).unwrap();
    replace(&file, &good.replace("\"first\"", "\"second\""), 0o644);
    wait_page(&live, "summary", "second");

    let before = live.server.accepted();
    replace(&file, &good.replace("\"first\"", "undefinedName"), 0o644);
    let words = wait::until("Nix's words in the status", CONVERGED_WITHIN, || {
        let refusal = live.server.status()["source"]["refusal"]["message"].as_str()?.to_owned();
        Some(refusal)
    });
    assert!(words.contains("undefined variable 'undefinedName'"), "{words}");
    assert_eq!(live.server.accepted(), before, "what is accepted has not changed");
    live.assert_untouched();

    replace(&file, &good.replace("\"first\"", "\"third\""), 0o644);
    wait_page(&live, "summary", "third");
    live.finish();
}

fn wait_page(live: &Live, member: &str, expected: &str) {
    wait::until(&format!("{member} {expected:?} on the page"), CONVERGED_WITHIN, || {
        (page(&live.server)[member] == expected).then_some(())
    });
}
