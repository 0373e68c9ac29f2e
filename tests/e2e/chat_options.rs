//! What the operator declares about the chat reaches people who are in it, and nobody who watches is touched.

use nixcast_tests::chatter::{self, Chatter};
use nixcast_tests::clip::Clip;
use nixcast_tests::http;
use nixcast_tests::open_page::OpenPage;
use nixcast_tests::publish::Publisher;
use nixcast_tests::server::{CONVERGED_WITHIN, Nixcast, Scene};
use nixcast_tests::watcher::LiveWatcher;
use serde_json::{Value, json};

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
