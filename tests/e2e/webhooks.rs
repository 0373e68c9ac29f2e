//! Webhooks: declared addresses are told what happens, once they take it, and hold up nobody until then.

pub(crate) mod receiver;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use nixcast_core::control::Condition;
use nixcast_schema::{Webhook, WebhookEvent};
use nixcast_tests::certificate::{Authority, KeyKind};
use nixcast_tests::clip::Clip;
use nixcast_tests::http;
use nixcast_tests::publish::Publisher;
use nixcast_tests::server::{self, Nixcast, Scene};
use nixcast_tests::wait;
use serde_json::{Value, json};

use crate::owncast::{access_token, declare_admin};
use receiver::{Answer, Receiver, TOLD_WITHIN, TlsFront, TlsReceiver};

/// 24 bytes, and the base64 of them as the Standard Webhooks libraries print a secret.
const KEY: &[u8] = b"0123456789abcdef01234567";
const SECRET: &str = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3";

fn webhook(name: &str, url: String) -> Webhook {
    let events = vec![WebhookEvent::StreamStarted, WebhookEvent::StreamStopped];
    Webhook { name: name.to_owned(), enable: true, url, events, secret_file: None }
}

/// Puts a secret into `folder` and names the file.
fn secret(folder: &Path, name: &str, value: &str) -> Option<String> {
    let file = folder.join(name);
    server::replace(&file, &format!("{value}\n"), 0o600);
    Some(file.to_str().unwrap().to_owned())
}

fn publish(server: &Nixcast) -> Publisher {
    let publisher = Publisher::copy(&server.target("main"), &Clip::SMALL);
    server.wait_live();
    publisher
}

fn failing(server: &Nixcast) -> Option<Condition> {
    server.observe().conditions.into_iter().find(|condition| condition.kind == "WebhookFailing")
}

#[track_caller]
fn wait_failing(server: &Nixcast) -> Condition {
    wait::until("the failing webhook to be reported", TOLD_WITHIN, || failing(server))
}

#[track_caller]
fn wait_no_longer_failing(server: &Nixcast) {
    wait::until("no webhook to fail any more", TOLD_WITHIN, || failing(server).is_none().then_some(()));
}

#[test]
fn a_start_and_an_end_are_told_in_order_to_those_who_want_them() {
    let (bot, board, off) = (Receiver::open(), Receiver::open(), Receiver::open());
    let mut scene = Scene::with_key();
    scene.settings.public_url = Some("https://live.example".to_owned());
    scene.settings.instance.name = "Harbour".to_owned();
    scene.settings.webhooks = vec![
        Webhook { events: vec![WebhookEvent::StreamStopped], ..webhook("board", board.url("/")) },
        Webhook { secret_file: secret(scene.folder(), "bot.secret", SECRET), ..webhook("bot", bot.url("/in?room=1")) },
        Webhook { enable: false, ..webhook("off", off.url("/")) },
    ];
    let server = scene.start();
    let publisher = publish(&server);
    let started = bot.wait_told(1).remove(0);
    let live = server.broadcast().expect("it is live");
    drop(publisher);
    let stopped = bot.wait_told(2).remove(1);

    let message = started.json();
    assert_eq!((started.request.as_str(), started.event().as_str()), ("POST /in?room=1", "STREAM_STARTED"));
    assert_eq!(started.header("content-type"), Some("application/json"));
    assert_eq!(started.header("authorization"), None);
    let data = &message["eventData"];
    assert_eq!((&data["name"], &data["serverURL"]), (&json!("Harbour"), &json!("https://live.example")));
    assert_eq!((&data["status"]["online"], &data["id"]), (&json!(true), &json!(started.header("webhook-id").unwrap())));
    let connected: jiff::Timestamp = data["status"]["lastConnectTime"].as_str().unwrap().parse().unwrap();
    assert_eq!(connected.as_second(), live.started_at);

    assert_eq!(stopped.event(), "STREAM_STOPPED");
    assert_eq!(stopped.json()["eventData"]["status"]["online"], false);
    assert_ne!(started.header("webhook-id"), stopped.header("webhook-id"));
    started.assert_signed_with(KEY);
    stopped.assert_signed_with(KEY);

    let told = board.wait_told(1);
    assert_eq!((told.len(), told[0].event()), (1, "STREAM_STOPPED".to_owned()));
    assert_eq!(told[0].header("webhook-signature"), None, "nothing to sign with is declared");
    assert_eq!(told[0].json(), stopped.json(), "one event, one content");
    assert!(off.told().is_empty(), "a disabled webhook is told nothing");
    assert_eq!(failing(&server), None);
    assert!(!server.log().contains(SECRET) && !server.log().contains("room=1"));
}

/// Messages come in order, so the one that is known to be next also says that there was none before it.
#[test]
fn a_lost_publisher_who_comes_back_is_told_as_one_broadcast_and_one_who_does_not_as_its_end() {
    let bot = Receiver::open();
    let mut scene = Scene::with_key();
    scene.settings.broadcast.grace_seconds = 600;
    scene.settings.webhooks = vec![webhook("bot", bot.url("/"))];
    let mut server = scene.start();
    let events = |count| bot.wait_told(count).iter().map(receiver::Told::event).collect::<Vec<_>>();

    let first = publish(&server);
    assert_eq!(events(1), ["STREAM_STARTED"]);
    let began = server.broadcast().unwrap();
    first.kill();
    server.wait_reconnecting();
    let second = publish(&server);
    let after = server.broadcast().unwrap();
    assert_eq!(after.started_at, began.started_at, "the same broadcast goes on");
    assert!(after.session > began.session);
    drop(second);
    assert_eq!(events(2), ["STREAM_STARTED", "STREAM_STOPPED"]);

    let third = publish(&server);
    assert_eq!(events(3)[2], "STREAM_STARTED");
    third.kill();
    server.wait_reconnecting();
    assert_eq!(bot.told().len(), 3, "who is waited for has not stopped");
    server.change(|settings| settings.broadcast.grace_seconds = 1);
    server.wait_offline(TOLD_WITHIN);
    assert_eq!(events(4)[3], "STREAM_STOPPED");
    let _fourth = publish(&server);
    assert_eq!(events(5)[4], "STREAM_STARTED", "an end is told once");
    let ids: BTreeSet<_> = bot.told().iter().map(|told| told.header("webhook-id").unwrap().to_owned()).collect();
    assert_eq!(ids.len(), 5, "five events, and none told twice");
}

#[test]
fn a_receiver_that_fails_is_named_in_status_and_told_once_it_recovers() {
    let (bad, good) = (Receiver::open(), Receiver::open());
    bad.answer(Answer::Status(500));
    let mut scene = Scene::with_key();
    scene.settings.webhooks = vec![
        Webhook { secret_file: secret(scene.folder(), "bad.secret", SECRET), ..webhook("bad", bad.url("/?key=token")) },
        webhook("good", good.url("/")),
    ];
    let server = scene.start();
    let publisher = publish(&server);
    let session = server.broadcast().unwrap().session;
    let condition = wait_failing(&server);
    assert!(condition.message.starts_with("services.nixcast.webhooks.bad: STREAM_STARTED"), "{condition:?}");
    assert!(condition.message.contains("500"), "{condition:?}");
    let shown = wait::until("status to show it", TOLD_WITHIN, || {
        let shown = String::from_utf8(server.command(&["status"]).stdout).unwrap();
        shown.contains("WebhookFailing").then_some(shown)
    });
    assert!(server.is_converged(), "an address that is away is no difference from the settings");
    for text in [shown, condition.message, server.log()] {
        assert!(!text.contains("token") && !text.contains(SECRET), "{text}");
    }

    let tries = bad.wait_told(3);
    let first = tries[0].header("webhook-id");
    assert!(tries.iter().all(|told| told.header("webhook-id") == first && told.body == tries[0].body));
    tries.iter().for_each(|told| told.assert_signed_with(KEY));
    assert_eq!(good.wait_told(1).len(), 1, "others are told meanwhile");
    assert_eq!(server.broadcast().unwrap().session, session, "the broadcast does not notice");

    drop(publisher);
    assert_eq!(good.wait_told(2)[1].event(), "STREAM_STOPPED");
    assert!(bad.told().iter().all(|told| told.event() == "STREAM_STARTED"), "the end waits for its turn");
    let failed = bad.told().len();
    bad.answer(Answer::Status(204));
    let last = wait::until("the end to be told", TOLD_WITHIN, || {
        bad.told().into_iter().skip(failed).find(|told| told.event() == "STREAM_STOPPED")
    });
    assert_ne!(last.header("webhook-id"), first);
    wait_no_longer_failing(&server);
    wait::until("status to forget it", TOLD_WITHIN, || {
        let shown = String::from_utf8(server.command(&["status"]).stdout).unwrap();
        (!shown.contains("WebhookFailing")).then_some(())
    });
}

#[test]
fn what_waits_goes_where_the_settings_say_by_then() {
    let port = server::free_port();
    let mut scene = Scene::with_key();
    let url = format!("http://127.0.0.1:{port}/");
    let secret_file = secret(scene.folder(), "bot.secret", "whsec_b2xkIG9sZCBvbGQgb2xkIG9sZCBvbGQh");
    scene.settings.webhooks = vec![Webhook { secret_file, ..webhook("bot", url) }];
    let mut server = scene.start();
    let publisher = publish(&server);
    let condition = wait_failing(&server);
    assert!(condition.message.contains("could not be reached"), "{condition:?}");

    // The secret is rotated as a secret manager does it; the agent notices by itself.
    secret(server.folder(), "bot.secret", SECRET);
    let moved = Receiver::open();
    server.change(|settings| settings.webhooks[0].url = moved.url("/moved"));
    let told = wait::until("a message signed with the new secret", TOLD_WITHIN, || moved.told().pop());
    assert_eq!((told.event(), told.request.as_str()), ("STREAM_STARTED".to_owned(), "POST /moved"));
    wait_no_longer_failing(&server);

    // What waits for a webhook that is turned off is not sent later either.
    moved.answer(Answer::Status(503));
    drop(publisher);
    wait_failing(&server);
    server.change(|settings| settings.webhooks[0].enable = false);
    wait_no_longer_failing(&server);
    let before = moved.told().len();
    moved.answer(Answer::Status(200));
    server.change(|settings| settings.webhooks[0].enable = true);
    let _publisher = self::publish(&server);
    let after = moved.wait_told(before + 1).split_off(before);
    assert_eq!(after[0].event(), "STREAM_STARTED", "the end that waited was dropped");
    after[0].assert_signed_with(KEY);
}

#[test]
fn a_receiver_that_comes_up_later_is_told_without_anybody_asking() {
    let port = server::free_port();
    let mut scene = Scene::with_key();
    scene.settings.webhooks = vec![webhook("bot", format!("http://127.0.0.1:{port}/"))];
    let server = scene.start();
    let _publisher = publish(&server);
    wait_failing(&server);
    let late = Receiver::open_on(port);
    assert_eq!(late.wait_told(1)[0].event(), "STREAM_STARTED");
    wait_no_longer_failing(&server);
}

#[test]
fn redirects_are_not_followed_and_a_silent_receiver_holds_up_nobody() {
    let (moved, target, silent, good) = (Receiver::open(), Receiver::open(), Receiver::open(), Receiver::open());
    moved.answer(Answer::Elsewhere(target.url("/elsewhere")));
    silent.answer(Answer::Silence);
    let mut scene = Scene::with_key();
    scene.settings.webhooks =
        vec![webhook("good", good.url("/")), webhook("moved", moved.url("/")), webhook("silent", silent.url("/"))];
    let server = scene.start();
    let publisher = publish(&server);
    drop(publisher);
    let told: Vec<_> = good.wait_told(2).iter().map(receiver::Told::event).collect();
    assert_eq!(told, ["STREAM_STARTED", "STREAM_STOPPED"]);
    moved.wait_told(2);
    let find = |name: &str, words: &str| {
        let option = format!("services.nixcast.webhooks.{name}: ");
        wait::until(&format!("{words:?} in the status of {name}"), TOLD_WITHIN, || {
            server
                .observe()
                .conditions
                .into_iter()
                .find(|condition| condition.message.starts_with(&option) && condition.message.contains(words))
        })
    };
    find("moved", "redirects are not followed");
    find("silent", "no answer within 10 seconds");
    assert!(target.told().is_empty(), "a redirect was followed");
    assert!(silent.told().iter().all(|told| told.event() == "STREAM_STARTED"), "one message at a time, in order");
}

#[test]
fn a_receiver_with_tls_is_told_if_the_machine_trusts_it() {
    let mut scene = Scene::with_key();
    let mut receiver = TlsReceiver::open(scene.folder());
    let trusted = scene.folder().join("authority.pem").into_os_string();
    scene.environment.push(("SSL_CERT_FILE".to_owned(), trusted));
    scene.settings.webhooks = vec![webhook("bot", receiver.url("/told"))];
    let server = scene.start();
    let _publisher = publish(&server);
    let told = receiver.wait_told();
    assert_eq!((told.request.as_str(), told.event()), ("POST /told", "STREAM_STARTED".to_owned()));
    wait_no_longer_failing(&server);
}

#[test]
fn what_follows_soon_is_told_over_the_same_connection() {
    const DEEDS: usize = 20;
    let (authority, bot) = (Authority::new(), Receiver::open());
    let mut scene = Scene::new();
    declare_admin(&mut scene);
    let folder = scene.folder().join("nginx");
    fs::create_dir(&folder).unwrap();
    let front = TlsFront::open(&folder, &authority.issue(KeyKind::Pkcs8), &bot);
    scene.environment.push(("SSL_CERT_FILE".to_owned(), authority.file().into_os_string()));
    let events = vec![WebhookEvent::VisibilityUpdate];
    scene.settings.webhooks = vec![Webhook { events, ..webhook("bot", front.url("/told")) }];
    let server = scene.start();
    let token = access_token(&server, "Keeper", &["HAS_ADMIN_ACCESS", "CAN_SEND_MESSAGES"]);
    let bearer = format!("Bearer {token}");
    let post = |path: &str, body: &Value| {
        let path = format!("/api/integrations/chat/{path}");
        let reply = http::post(server.http_port(), &path, &[("authorization", &bearer)], &body.to_string()).unwrap();
        assert_eq!(reply.status, 200, "{}", reply.text());
    };
    post("send", &json!({ "body": "hello" }));
    let history = http::get_with(server.http_port(), "/api/integrations/chat", &[("authorization", &bearer)]).unwrap();
    let id = serde_json::from_slice::<Value>(&history.body).unwrap()[0]["id"].clone();
    for deed in 0..DEEDS {
        post("messagevisibility", &json!({ "idArray": [id], "visible": deed % 2 == 1 }));
    }
    let told = bot.wait_told(DEEDS);
    let shown: Vec<_> = told.iter().map(|told| told.json()["eventData"]["visible"].as_bool()).collect();
    assert_eq!(shown, (0..DEEDS).map(|deed| Some(deed % 2 == 1)).collect::<Vec<_>>(), "in order, each once");
    let connections = wait::until("nginx to note them all", TOLD_WITHIN, || {
        Some(front.connections()).filter(|connections| connections.len() == DEEDS)
    });
    // On a machine that stands still for seconds one may be closed meanwhile.
    let different: BTreeSet<_> = connections.iter().collect();
    assert!(different.len() <= DEEDS / 4, "{connections:?}");
    assert_eq!(failing(&server), None);
}

#[test]
fn a_receiver_that_the_machine_does_not_trust_is_told_nothing() {
    let mut scene = Scene::with_key();
    let receiver = TlsReceiver::open(scene.folder());
    // A certificate that vouches for somebody else.
    let elsewhere = tempfile::tempdir().unwrap();
    drop(TlsReceiver::open(elsewhere.path()));
    let trusted = elsewhere.path().join("authority.pem").into_os_string();
    scene.environment.push(("SSL_CERT_FILE".to_owned(), trusted));
    scene.settings.webhooks = vec![webhook("bot", receiver.url("/told"))];
    let server = scene.start();
    let _publisher = publish(&server);
    let condition = wait_failing(&server);
    assert!(condition.message.contains("certificate"), "{condition:?}");
}
