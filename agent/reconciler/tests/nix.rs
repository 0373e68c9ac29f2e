//! The examples, evaluated by the real Nix with the module that the binary carries.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::path::{Path, PathBuf};
use std::process::Command;

use nixcast_reconciler::nix::{NixError, NixSource};
use nixcast_schema::Settings;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

fn nixpkgs() -> PathBuf {
    let fetched = Command::new(root().join("tests/nix/fetch-nixpkgs")).output().unwrap();
    assert!(fetched.status.success(), "{}", String::from_utf8_lossy(&fetched.stderr));
    String::from_utf8(fetched.stdout).unwrap().trim().into()
}

async fn evaluate(file: PathBuf) -> Result<Settings, NixError> {
    let source = NixSource { file, nixpkgs: Some(nixpkgs()) };
    let evaluated = source.evaluate().await?;
    Ok(Settings::parse(&evaluated.json).unwrap_or_else(|problems| panic!("{problems}")))
}

#[tokio::test]
async fn every_example_is_a_valid_document() {
    let demo = evaluate(root().join("examples/demo.nix")).await.unwrap();
    assert_eq!(demo.instance.logo.map(PathBuf::from), Some(root().join("examples/logo.svg")));
    let lecture = evaluate(root().join("examples/lecture.nix")).await.unwrap();
    let names: Vec<_> = lecture.video.variants.iter().map(|rung| rung.name.as_str()).collect();
    assert_eq!(names, ["source", "720p", "480p"]);
    let minimal = evaluate(root().join("examples/minimal.nix")).await.unwrap();
    assert_eq!(minimal.stream_keys.len(), 1);
}

/// What `make run` does: a file of its own that imports an example and adds the key.
#[tokio::test]
async fn a_settings_file_may_import_another_and_add_to_it() {
    let folder = tempfile::Builder::new().prefix("with a space ").tempdir().unwrap();
    let file = folder.path().join("settings.nix");
    let text = format!(
        "{{ imports = [ {}/examples/demo.nix ]; services.nixcast.streamKeys.demo.keyFile = \"/run/demo-key\"; }}",
        root().display()
    );
    std::fs::write(&file, text).unwrap();
    let settings = evaluate(file).await.unwrap();
    assert_eq!(settings.stream_keys[0].key_file, "/run/demo-key");
    assert_eq!(settings.instance.name, "nixcast demo");
}

#[tokio::test]
async fn a_fault_names_the_option_and_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("settings.nix");
    for (text, expected) in [
        ("{ services.nixcast.http.port = 70000; }", "services.nixcast.http.port"),
        ("{ services.nixcast.htpp.port = 80; }", "services.nixcast.htpp"),
        ("{ networking.hostName = \"a\"; }", "networking"),
        ("{ services.nixcast.video.variants.a.enable = false; }", "services.nixcast.video.variants: no variant"),
        ("{ services.nixcast. }", "settings.nix"),
    ] {
        std::fs::write(&file, text).unwrap();
        let error = evaluate(file.clone()).await.unwrap_err();
        assert!(matches!(&error, NixError::Evaluation(told) if told.contains(expected)), "{text}: {error}");
    }
}
