//! Every example runs: the document that NixOS would write, with ports and key files of the test's own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use nixcast_schema::Settings;
use nixcast_tests::certificate::{Authority, KeyKind};
use nixcast_tests::clip::Clip;
use nixcast_tests::playlist;
use nixcast_tests::publish::Publisher;
use nixcast_tests::server::{CONVERGED_WITHIN, LIVE_WITHIN, Nixcast, Scene, binary, free_port};
use nixcast_tests::wait;

use crate::nix_run::nixpkgs;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ lies in the checkout")
}

fn examples() -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = fs::read_dir(root().join("examples"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "nix"))
        .collect();
    found.sort();
    found
}

/// The document of an example, as a NixOS machine would have it.
#[track_caller]
fn document(example: &Path) -> Vec<u8> {
    let output = Command::new("nix-instantiate")
        .args(["--eval", "--strict", "--json", "--store", "dummy://"])
        .arg(root().join("tests/nix/example.nix"))
        .args(["--argstr", "nixpkgs", nixpkgs().to_str().unwrap()])
        .args(["--argstr", "file", example.to_str().unwrap()])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}: {}", example.display(), String::from_utf8_lossy(&output.stderr));
    output.stdout
}

/// The server of an example. What it says about the world outside is exchanged: ports, secrets, whom webhooks tell, and
/// the place in the Nix store of a logo that nobody has built.
#[track_caller]
fn start(example: &Path) -> Nixcast {
    let declared: Settings = serde_json::from_slice(&document(example)).unwrap();
    let mut scene = Scene::new();
    for key in &declared.stream_keys {
        let own = scene.add_key(&key.name);
        own.comment.clone_from(&key.comment);
        own.enable = key.enable;
        own.expires.clone_from(&key.expires);
    }
    if declared.rtmps.enable {
        scene.declare_rtmps(&Authority::new().issue(KeyKind::Pkcs8));
    }
    let own = scene.settings;
    scene.settings = Settings { stream_keys: own.stream_keys, rtmp: own.rtmp, rtmps: own.rtmps, ..declared };
    own.http.address.clone_into(&mut scene.settings.http.address);
    scene.settings.http.port = own.http.port;
    if scene.settings.admin.password_file.is_some() {
        let file = scene.folder().join("admin");
        fs::write(&file, "an administrator's password").unwrap();
        scene.settings.admin.password_file = file.to_str().map(str::to_owned);
    }
    let folder = scene.folder().to_owned();
    for moderator in &mut scene.settings.chat.moderators {
        let file = folder.join(format!("moderator-{}", moderator.name));
        fs::write(&file, format!("the-secret-of-{}", moderator.name)).unwrap();
        file.to_str().unwrap().clone_into(&mut moderator.secret_file);
    }
    for token in &mut scene.settings.integrations.access_tokens {
        let file = folder.join(format!("token-{}", token.name));
        fs::write(&file, format!("the-token-of-{}", token.name)).unwrap();
        file.to_str().unwrap().clone_into(&mut token.token_file);
    }
    if scene.settings.instance.logo.is_some() {
        scene.settings.instance.logo = root().join("examples/logo.svg").to_str().map(str::to_owned);
    }
    for webhook in &mut scene.settings.webhooks {
        webhook.url = format!("http://127.0.0.1:{}/", free_port());
    }
    scene.start()
}

#[test]
fn every_example_is_accepted_and_serves_its_page() {
    let examples = examples();
    assert!(examples.len() >= 8, "only {examples:?}");
    for example in examples {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), document(&example)).unwrap();
        let output = Command::new(binary()).arg("validate").arg(file.path()).output().unwrap();
        assert!(output.status.success(), "{}: {}", example.display(), String::from_utf8_lossy(&output.stderr));

        let server = start(&example);
        // Texts are made into a page aside, so that a long one holds up nobody: a fresh server may lag for a moment.
        let heading = format!(">{}</h1>", server.settings.instance.name);
        wait::until(&format!("{heading} on the page of {}", example.display()), CONVERGED_WITHIN, || {
            let page = server.get("/");
            assert_eq!(page.status, 200, "{}", example.display());
            page.text().contains(&heading).then_some(())
        });
    }
}

#[test]
fn the_conference_day_has_three_rungs() {
    let server = start(&root().join("examples/conference-day.nix"));
    // A camera's picture would be larger; a small machine encodes two rungs of this one beside the other tests.
    let publisher = Publisher::copy_at(&server.target("hall"), &Clip::SMALL, 0.5);
    server.wait_live();
    let names = ["source", "720p", "360p"];
    wait::until("three rungs", LIVE_WITHIN, || {
        let playlist = playlist::multivariant(server.http_port())?;
        let listed: Vec<String> = playlist.variants.iter().map(|variant| variant.uri.clone()).collect();
        let is_there = |name: &&str| listed.iter().any(|uri| uri.contains(&format!("/{name}/")));
        (listed.len() == names.len() && names.iter().all(is_there)).then_some(())
    });
    let tracks = playlist::multivariant(server.http_port()).unwrap();
    for path in playlist::media_paths(&tracks) {
        assert!(playlist::media(server.http_port(), &path).is_ok(), "{path}");
    }
    assert!(publisher.is_running(), "{}", publisher.log());
}
