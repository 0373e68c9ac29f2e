//! What the operator declares about the chat reaches people who are in it, and nobody who watches is touched.

use std::fs;

use nixcast_tests::agent::Agent;
use nixcast_tests::chatter::{self, Chatter};
use nixcast_tests::clip::Clip;
use nixcast_tests::http;
use nixcast_tests::open_page::OpenPage;
use nixcast_tests::publish::Publisher;
use nixcast_tests::server::{CONVERGED_WITHIN, Nixcast, Scene};
use nixcast_tests::wait;
use nixcast_tests::watcher::LiveWatcher;
use serde_json::{Value, json};

const SVG: &str = "<svg xmlns=\"http://www.w3.org/2000/svg\"/>";

fn config(server: &Nixcast) -> Value {
    serde_json::from_slice(&http::get(server.http_port(), "/api/config").unwrap().body).unwrap()
}

#[test]
fn the_chat_goes_off_and_on_while_people_talk_and_watch() {
    let mut server = Scene::with_key().start();
    let port = server.http_port();
    let publisher = Publisher::copy(&server.target("main"), &Clip::SMALL);
    let session = server.wait_live().session;
    let watcher = LiveWatcher::start_kept(port);
    let page = OpenPage::open(port);
    let has_chat = |wanted: bool| {
        page.within(CONVERGED_WITHIN, |shown| (shown.page["chat"].is_object() == wanted).then_some(()))
            .unwrap_or_else(|| panic!("the open page is not told that there is a chat: {wanted}"));
    };
    has_chat(true);
    let account = chatter::register(port, "Anna").unwrap();
    let mut anna = Chatter::open(port, &account).unwrap();
    let before = anna.say("before").unwrap().pop().unwrap();
    assert_eq!((&before["type"], &before["body"]), (&json!("CHAT"), &json!("<p>before</p>")));

    server.change(|settings| settings.chat.enable = false);
    let (code, heard) = anna.closed().unwrap();
    let last = heard.last().unwrap();
    assert_eq!((code, &last["type"]), (1008, &json!("CHAT_ACTION")), "{heard:?}");
    assert!(last["body"].as_str().unwrap().contains("turned off"), "{last}");
    has_chat(false);
    assert_eq!(config(&server)["chatDisabled"], true);
    let refused = Chatter::open(port, &account).unwrap_err();
    assert!(refused.contains("CHAT_DISABLED"), "{refused}");
    let shell = http::get(port, "/").unwrap().text();
    assert!(!shell.contains("<aside"), "the page has a place for a chat that is off");

    server.change(|settings| settings.chat.enable = true);
    has_chat(true);
    assert_eq!(config(&server)["chatDisabled"], false);
    let mut anna = Chatter::open(port, &account).unwrap();
    let after = anna.say("after").unwrap().pop().unwrap();
    assert_eq!((&after["body"], &after["user"]["displayName"]), (&json!("<p>after</p>"), &json!("Anna")));
    let history = http::get(port, &format!("/api/chat?accessToken={}", anna.token)).unwrap().text();
    assert!(history.contains("<p>before</p>") && history.contains("<p>after</p>"), "{history}");

    watcher.wait_segments(2);
    assert_eq!(watcher.problems(), [""; 0]);
    assert!(page.shown().ended.is_none() && publisher.is_running());
    assert_eq!(server.broadcast().map(|broadcast| broadcast.session), Some(session));
}

#[test]
fn emoji_come_and_go_with_their_files() {
    let mut scene = Scene::new();
    let folder = scene.folder().join("emoji");
    fs::create_dir(&folder).unwrap();
    let write = |name: &str, content: &str| fs::write(folder.join(name), content).unwrap();
    write("wave.svg", SVG);
    scene.settings.chat.emoji_folder = Some(folder.to_str().unwrap().to_owned());
    // What is noticed is noticed by watching.
    scene.settings.reconcile.interval_seconds = 3600;
    let server = scene.start();
    let offered = || -> Vec<String> {
        let listed: Value = serde_json::from_slice(&http::get(server.http_port(), "/api/emoji").unwrap().body).unwrap();
        listed.as_array().unwrap().iter().map(|emoji| emoji["name"].as_str().unwrap().to_owned()).collect()
    };
    let held = || {
        let status = Agent::at(&server.state_dir().join("agent.sock")).status().ok()?;
        let objects = status["objects"].as_array()?;
        let object = objects.iter().find(|object| object["option"] == "services.nixcast.chat.emojiFolder")?;
        Some(object["reason"].as_str().unwrap_or_default().to_owned())
    };
    let wait_for = |names: &[&str], is_told: &dyn Fn(&str) -> bool| {
        wait::until(&format!("{names:?} to be offered"), CONVERGED_WITHIN, || {
            (offered() == names && held().is_some_and(|reason| is_told(&reason))).then_some(())
        });
    };
    wait_for(&["wave"], &str::is_empty);
    write("party.svg", SVG);
    wait_for(&["party", "wave"], &str::is_empty);
    write("no picture.png", "x");
    write("+1.png", "x");
    wait_for(&["party", "wave"], &|reason| {
        reason.starts_with("services.nixcast.chat.emojiFolder: /")
            && reason.contains("\"no picture.png\" has a name")
            && reason.contains("\"+1.png\" is not an SVG, PNG")
    });
    fs::remove_file(folder.join("no picture.png")).unwrap();
    write("+1.png", SVG);
    wait_for(&["+1", "party", "wave"], &str::is_empty);
    fs::rename(&folder, folder.with_extension("away")).unwrap();
    wait_for(&["+1", "party", "wave"], &|reason| reason.ends_with("does not exist"));
    fs::create_dir(&folder).unwrap();
    wait_for(&[], &str::is_empty);
}
