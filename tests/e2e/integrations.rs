//! Programs that take part: a bot that hears what is said and answers, a title for the stream, the operator's last word.

use std::fs;
use std::net::TcpStream;
use std::path::PathBuf;
use std::time::Duration;

use nixcast_schema::{AccessToken, Scope, Webhook, WebhookEvent};
use nixcast_tests::clip::Clip;
use nixcast_tests::http::{self, Reply};
use nixcast_tests::open_page::OpenPage;
use nixcast_tests::process;
use nixcast_tests::publish::Publisher;
use nixcast_tests::server::{self, CONVERGED_WITHIN, Nixcast, Scene};
use nixcast_tests::wait;
use serde_json::{Value, json};
use tungstenite::stream::MaybeTlsStream;
use tungstenite::{Message, WebSocket};

use crate::owncast::{RIGHT, access_token, declare_admin};
use crate::webhooks::receiver::{Receiver, TOLD_WITHIN, Told};

/// A viewer who is in the chat.
struct Chatter {
    socket: WebSocket<MaybeTlsStream<TcpStream>>,
    /// What came in one text and was not looked at yet.
    waiting: Vec<Value>,
}

impl Chatter {
    fn come_in(server: &Nixcast, name: &str) -> Self {
        let port = server.http_port();
        let wish = json!({ "displayName": name }).to_string();
        let reply = http::post(port, "/api/chat/register", &[], &wish).unwrap();
        let token = json_of(&reply)["accessToken"].as_str().unwrap().to_owned();
        let (socket, _) = tungstenite::connect(format!("ws://127.0.0.1:{port}/ws?accessToken={token}")).unwrap();
        let MaybeTlsStream::Plain(stream) = socket.get_ref() else { unreachable!("nothing is encrypted here") };
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        Self { socket, waiting: Vec::new() }
    }

    fn say(&mut self, event: &Value) {
        self.socket.send(Message::text(event.to_string())).unwrap();
    }

    /// The next event of that type; what comes before it is passed over.
    #[track_caller]
    fn hear(&mut self, kind: &str) -> Value {
        loop {
            while !self.waiting.is_empty() {
                let event = self.waiting.remove(0);
                if event["type"] == kind {
                    return event;
                }
            }
            if let Message::Text(text) = self.socket.read().unwrap_or_else(|error| panic!("no {kind}: {error}")) {
                self.waiting = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
            }
        }
    }
}

#[track_caller]
fn json_of(reply: &Reply) -> Value {
    serde_json::from_slice(&reply.body).unwrap_or_else(|error| panic!("{error}: {}", reply.text()))
}

fn program(server: &Nixcast, token: &str, path: &str, body: &Value) -> Reply {
    let bearer = format!("Bearer {token}");
    let path = format!("/api/integrations/{path}");
    http::post(server.http_port(), &path, &[("authorization", &bearer)], &body.to_string()).unwrap()
}

fn read(server: &Nixcast, token: &str, path: &str) -> Reply {
    let bearer = format!("Bearer {token}");
    http::get_with(server.http_port(), &format!("/api/integrations/{path}"), &[("authorization", &bearer)]).unwrap()
}

fn admin(server: &Nixcast, path: &str, body: &Value) -> Reply {
    http::post(server.http_port(), &format!("/api/admin/{path}"), &[RIGHT], &body.to_string()).unwrap()
}

/// The first message of that event, once it is there.
#[track_caller]
fn told(bot: &Receiver, event: &str) -> Value {
    wait::until(event, TOLD_WITHIN, || bot.told().iter().map(Told::json).find(|told| told["type"] == event))
}

fn everything_to(bot: &Receiver) -> Vec<Webhook> {
    let (name, url) = ("bot".to_owned(), bot.url("/"));
    vec![Webhook { name, enable: true, url, events: WebhookEvent::ALL.to_vec(), secret_file: None }]
}

#[test]
fn a_bot_hears_what_is_said_and_answers_as_itself() {
    let bot = Receiver::open();
    let mut scene = Scene::new();
    declare_admin(&mut scene);
    scene.settings.public_url = Some("https://live.example".to_owned());
    scene.settings.webhooks = everything_to(&bot);
    let server = scene.start();
    let clock = access_token(&server, "Clock", &["CAN_SEND_MESSAGES"]);
    let mut viewer = Chatter::come_in(&server, "Ada");
    let me = viewer.hear("CONNECTED_USER_INFO");
    let joined = told(&bot, "USER_JOINED");
    assert_eq!(joined["eventData"]["user"]["id"], me["user"]["id"]);
    let client = joined["eventData"]["clientId"].as_u64().expect("a client has a number");

    viewer.say(&json!({ "type": "CHAT", "body": "what *time* is it?" }));
    let question = told(&bot, "CHAT");
    let data = &question["eventData"];
    assert_eq!(
        (&data["rawBody"], &data["body"]),
        (&json!("what *time* is it?"), &json!("<p>what <em>time</em> is it?</p>"))
    );
    assert_eq!(json!([data["user"]["displayName"], data["clientId"], data["visible"]]), json!(["Ada", client, true]));
    assert_eq!((&data["serverURL"], &data["status"]["online"]), (&json!("https://live.example"), &json!(false)));
    assert!(data["id"].is_string() && data["timestamp"].as_str().unwrap().ends_with('Z'), "{data}");
    assert_eq!(viewer.hear("CHAT")["id"], data["id"]);

    let sent = program(&server, &clock, "chat/send", &json!({ "body": "It is **noon**." }));
    assert_eq!((sent.status, &json_of(&sent)["success"]), (200, &json!(true)));
    let answer = viewer.hear("CHAT");
    assert_eq!(
        json!([answer["body"], answer["user"]["displayName"]]),
        json!(["<p>It is <strong>noon</strong>.</p>", "Clock"])
    );
    assert_eq!((&answer["user"]["isBot"], &answer["user"]["scopes"]), (&json!(true), &json!(["CAN_SEND_MESSAGES"])));
    program(&server, &clock, "chat/send", &json!({ "body": "again" }));
    assert_eq!(viewer.hear("CHAT")["user"]["id"], answer["user"]["id"], "one program is one user");

    // Somebody else: who has just said something has to wait.
    let mut other = Chatter::come_in(&server, "Bob");
    other.say(&json!({ "type": "NAME_CHANGE", "newName": "Grace" }));
    let renamed = told(&bot, "NAME_CHANGE");
    assert_eq!(
        json!([renamed["eventData"]["newName"], renamed["eventData"]["user"]["displayName"]]),
        json!(["Grace", "Grace"])
    );

    let keeper = access_token(&server, "Keeper", &["HAS_ADMIN_ACCESS", "CAN_SEND_SYSTEM_MESSAGES"]);
    let hide = json!({ "idArray": [answer["id"]], "visible": false });
    assert_eq!(program(&server, &keeper, "chat/messagevisibility", &hide).status, 200);
    let hidden = told(&bot, "VISIBILITY-UPDATE");
    assert_eq!((&hidden["eventData"]["ids"], &hidden["eventData"]["visible"]), (&json!([answer["id"]]), &json!(false)));
    assert_eq!(viewer.hear("VISIBILITY-UPDATE")["ids"], json!([answer["id"]]));
    let history = json_of(&read(&server, &keeper, "chat"));
    let bodies: Vec<&Value> = history.as_array().unwrap().iter().map(|event| &event["body"]).collect();
    assert_eq!(bodies, [&data["body"], &json!("<p>again</p>")]);

    assert_eq!(program(&server, &keeper, "chat/system", &json!({ "body": "Welcome." })).status, 200);
    let system = viewer.hear("SYSTEM");
    assert_eq!(
        json!([system["body"], system["user"]["displayName"]]),
        json!(["<p>Welcome.</p>", server.settings.instance.name])
    );
    assert_eq!(
        program(&server, &keeper, &format!("chat/system/client/{client}"), &json!({ "body": "You." })).status,
        200
    );
    assert_eq!(viewer.hear("SYSTEM")["body"], "<p>You.</p>");
    assert_eq!(program(&server, &keeper, "chat/action", &json!({ "body": "A bell rings." })).status, 200);
    assert_eq!(viewer.hear("CHAT_ACTION")["body"], "<p>A bell rings.</p>");
    let clients = json_of(&read(&server, &keeper, "clients"));
    let names: Vec<&Value> = clients.as_array().unwrap().iter().map(|client| &client["user"]["displayName"]).collect();
    assert_eq!(names, [&json!("Ada"), &json!("Grace")]);
    assert_eq!(json_of(&read(&server, &keeper, "status"))["online"], false);
    let user = read(&server, &keeper, &format!("moderation/chat/user/{}", me["user"]["id"].as_str().unwrap()));
    assert_eq!(json_of(&user)["messages"][0]["id"], data["id"]);

    drop((viewer, other));
    let parted = wait::until("both to have gone", TOLD_WITHIN, || {
        let events = bot.told();
        let partings = events.iter().map(Told::json).filter(|told| told["type"] == "USER_PARTED");
        let names: Vec<Value> = partings.map(|told| told["eventData"]["user"]["displayName"].clone()).collect();
        (names.len() == 2).then_some(names)
    });
    assert!(parted.contains(&json!("Ada")) && parted.contains(&json!("Grace")), "{parted:?}");
    for secret in [&clock, &keeper] {
        assert!(!server.log().contains(secret.as_str()));
        assert!(!server.status().to_string().contains(secret.as_str()));
        server.assert_not_kept("an access token", secret);
    }
}

#[test]
fn a_token_opens_what_its_scopes_say_until_it_is_deleted() {
    let mut scene = Scene::new();
    declare_admin(&mut scene);
    let server = scene.start();
    let wish = json!({ "name": "Bell", "scopes": ["CAN_SEND_SYSTEM_MESSAGES"] });
    let made = json_of(&admin(&server, "accesstokens/create", &wish));
    let (token, id) = (made["accessToken"].as_str().unwrap(), made["id"].as_str().unwrap());
    assert_eq!((&made["displayName"], &made["scopes"]), (&json!("Bell"), &json!(["CAN_SEND_SYSTEM_MESSAGES"])));
    assert!(made["createdAt"].is_string() && token.len() >= 43, "{made}");
    assert_eq!(admin(&server, "accesstokens/create", &wish).status, 400, "one token for each name");
    for wrong in
        [json!({ "name": "x", "scopes": [] }), json!({ "name": "x", "scopes": ["ALL"] }), json!({ "name": "x" })]
    {
        assert_eq!(admin(&server, "accesstokens/create", &wrong).status, 400, "{wrong}");
    }
    let stranger = ("authorization", "Basic YWRtaW46d3JvbmcgaG9yc2U=");
    for path in ["accesstokens/create", "accesstokens/delete", "streamtitle", "disconnect"] {
        let reply =
            http::post(server.http_port(), &format!("/api/admin/{path}"), &[stranger], &wish.to_string()).unwrap();
        assert_eq!(reply.status, 401, "{path}");
        // The door looks at one password at a time.
        let right = http::get_with(server.http_port(), "/api/admin/accesstokens", &[RIGHT]).unwrap();
        assert_eq!(right.status, 200, "{}", right.text());
    }

    let say = json!({ "body": "x" });
    assert_eq!(program(&server, token, "chat/system", &say).status, 200);
    for path in ["chat/send", "chat/messagevisibility", "streamtitle"] {
        assert_eq!(program(&server, token, path, &say).status, 401, "{path}");
    }
    for path in ["chat", "clients", "status", "moderation/chat/user/x"] {
        assert_eq!(read(&server, token, path).status, 401, "{path}");
        assert_eq!(read(&server, id, path).status, 401, "an id opens nothing: {path}");
        assert_eq!(http::get(server.http_port(), &format!("/api/integrations/{path}")).unwrap().status, 401);
    }
    assert_eq!(program(&server, token, "chat/system", &json!({ "body": "x".repeat(3000) })).status, 400);
    assert_eq!(program(&server, token, "chat/system", &json!({ "text": "x" })).status, 400);

    let listed = http::get_with(server.http_port(), "/api/admin/accesstokens", &[RIGHT]).unwrap();
    assert!(!listed.text().contains(token), "a token is shown once");
    let entry = &json_of(&listed)[0];
    assert_eq!((&entry["id"], &entry["accessToken"], &entry["isBot"]), (&json!(id), &json!(id), &json!(true)));
    assert!(entry["lastUsedAt"].is_string(), "{entry}");
    assert_eq!(admin(&server, "accesstokens/delete", &json!({ "token": "nonsense" })).status, 404);
    let deleted = admin(&server, "accesstokens/delete", &json!({ "token": token }));
    assert_eq!((deleted.status, &json_of(&deleted)["success"]), (200, &json!(true)));
    assert_eq!(program(&server, token, "chat/system", &say).status, 401);
}

/// The option that declares the token of the tests below.
const OPTION: &str = "services.nixcast.integrations.accessTokens.clock";

const OLD: &str = "the-first-token-of-the-clock";
const NEW: &str = "the-second-token-of-the-clock";

/// A scene that declares the access token "clock", and the file that holds it.
fn with_declared(scopes: &[Scope]) -> (Scene, PathBuf) {
    let mut scene = Scene::new();
    declare_admin(&mut scene);
    let file = scene.folder().join("clock.token");
    server::replace(&file, &format!("{OLD}\n"), 0o600);
    let token_file = file.to_str().unwrap().to_owned();
    scene.settings.integrations.access_tokens =
        vec![AccessToken { name: "clock".to_owned(), token_file, scopes: scopes.into() }];
    (scene, file)
}

fn listed(server: &Nixcast) -> Value {
    let reply = http::get_with(server.http_port(), "/api/admin/accesstokens", &[RIGHT]).unwrap();
    assert_eq!(reply.status, 200, "{}", reply.text());
    for secret in [OLD, NEW] {
        assert!(!reply.text().contains(secret), "{}", reply.text());
    }
    json_of(&reply)
}

fn send(server: &Nixcast, token: &str) -> u16 {
    program(server, token, "chat/send", &json!({ "body": "tick" })).status
}

/// Why the declared token is held; none while it is not.
fn held(server: &Nixcast) -> Option<String> {
    let status = server.agent_status().ok()?;
    let object = status["objects"].as_array()?.iter().find(|object| object["option"] == OPTION)?;
    (object["state"] == "held").then(|| object["reason"].as_str().map(str::to_owned))?
}

#[track_caller]
fn wait_for_answer(server: &Nixcast, token: &str, status: u16) {
    wait::until("the token to be answered otherwise", CONVERGED_WITHIN, || {
        (send(server, token) == status).then_some(())
    });
}

#[test]
fn a_declared_token_is_what_its_file_holds_and_may_what_is_declared() {
    let (scene, file) = with_declared(&[Scope::CanSendMessages]);
    let mut server = scene.start();
    let mut viewer = Chatter::come_in(&server, "Ada");
    assert_eq!(send(&server, OLD), 200);
    let said = viewer.hear("CHAT");
    assert_eq!((&said["user"]["displayName"], &said["user"]["isBot"]), (&json!("clock"), &json!(true)));
    assert_eq!(said["user"]["scopes"], json!(["CAN_SEND_MESSAGES"]));
    assert_eq!(read(&server, OLD, "clients").status, 401);

    server::replace(&file, &format!("{NEW}\n"), 0o600);
    wait_for_answer(&server, NEW, 200);
    assert_eq!(send(&server, OLD), 401, "the token that was is refused as soon as the new one is good");
    assert_eq!(viewer.hear("CHAT")["user"]["id"], said["user"]["id"], "the program is who it was");

    fs::remove_file(&file).unwrap();
    let told = wait::until("the file to be missed", CONVERGED_WITHIN, || held(&server));
    assert!(told.starts_with(&format!("{OPTION}.tokenFile: {} does not exist", file.display())), "{told}");
    assert_eq!((send(&server, NEW), send(&server, OLD)), (200, 401), "the one read last stays good");
    for (content, reason) in [("", "is empty"), ("7-bytes", "holds 7 bytes"), ("hush hush", "holds a blank")] {
        server::replace(&file, content, 0o600);
        let told = wait::until(reason, CONVERGED_WITHIN, || held(&server).filter(|told| told.contains(reason)));
        assert!(!told.contains("hush"), "{told}");
        assert_eq!(send(&server, NEW), 200, "{reason}");
    }
    server::replace(&file, NEW, 0o600);
    wait::until("the good file to be taken", CONVERGED_WITHIN, || held(&server).is_none().then_some(()));

    server.change(|settings| settings.integrations.access_tokens[0].scopes = vec![Scope::HasAdminAccess]);
    assert_eq!((send(&server, NEW), read(&server, NEW, "clients").status), (401, 200));
    let clients = json_of(&read(&server, NEW, "clients"));
    assert_eq!(clients[0]["user"]["displayName"], "Ada", "who is in the chat has not noticed: {clients}");

    let engine = server.pid_of("engine").unwrap();
    process::kill(engine);
    wait::until("another engine", CONVERGED_WITHIN, || server.pid_of("engine").filter(|pid| *pid != engine));
    wait::until("the token to be good there", CONVERGED_WITHIN, || {
        let bearer = format!("Bearer {NEW}");
        let reply = http::get_with(server.http_port(), "/api/integrations/clients", &[("authorization", &bearer)]);
        (reply.ok()?.status == 200).then_some(())
    });

    server.change(|settings| settings.integrations.access_tokens.clear());
    assert_eq!(read(&server, NEW, "clients").status, 401, "what is no longer declared is refused at once");
    assert_eq!(listed(&server), json!([]));
    for secret in [OLD, NEW] {
        assert!(!server.log().contains(secret) && !server.status().to_string().contains(secret));
        server.assert_not_kept("a declared access token", secret);
    }
}

#[test]
fn a_declared_token_has_its_name_to_itself_and_goes_by_its_option_alone() {
    let (mut scene, _file) = with_declared(&[Scope::CanSendMessages]);
    let declared = std::mem::take(&mut scene.settings.integrations.access_tokens);
    let mut server = scene.start();
    // Made at run time, before anybody declared that name.
    let made = access_token(&server, "Clock", &["CAN_SEND_MESSAGES"]);
    let bell = access_token(&server, "Bell", &["CAN_SEND_MESSAGES"]);
    assert_eq!((send(&server, &made), send(&server, OLD)), (200, 401));

    server.change(|settings| settings.integrations.access_tokens.clone_from(&declared));
    assert_eq!((send(&server, &made), send(&server, OLD), send(&server, &bell)), (401, 200, 200));
    let entries = listed(&server);
    let shown = |entry: &Value| json!([entry["displayName"], entry["option"], entry["overriddenBy"]]);
    let shown: Vec<Value> = entries.as_array().unwrap().iter().map(shown).collect();
    assert_eq!(
        json!(shown),
        json!([["Bell", null, null], ["Clock", null, OPTION], ["clock", OPTION, null]]),
        "the declared name is one token's, and the list says of the other why it is refused"
    );
    let clock = &entries[2];
    assert_eq!((&clock["id"], &clock["accessToken"]), (&json!(OPTION), &json!(OPTION)));
    assert_eq!((&clock["scopes"], &clock["isBot"]), (&json!(["CAN_SEND_MESSAGES"]), &json!(true)));
    assert!(clock["createdAt"].is_string() && clock["lastUsedAt"].is_string(), "{clock}");

    let create = json!({ "name": "CLOCK", "scopes": ["CAN_SEND_MESSAGES"] });
    for (path, body) in [
        ("accesstokens/create", create),
        ("accesstokens/delete", json!({ "token": OPTION })),
        ("accesstokens/delete", json!({ "token": OLD })),
    ] {
        let reply = admin(&server, path, &body);
        let told = json_of(&reply);
        assert_eq!((reply.status, &told["success"], &told["error"]), (409, &json!(false), &json!("declared")));
        assert_eq!(told["option"], OPTION, "{path}");
        assert!(!reply.text().contains(OLD), "{told}");
    }
    assert_eq!(send(&server, OLD), 200);
    assert_eq!(send(&server, OPTION), 401, "what it is listed as opens nothing");

    server.change(|settings| settings.integrations.access_tokens.clear());
    assert_eq!((send(&server, &made), send(&server, OLD)), (200, 401), "the name is free again");
    server.change(|settings| settings.integrations.access_tokens.clone_from(&declared));
    assert_eq!(admin(&server, "accesstokens/delete", &json!({ "token": made })).status, 200);
    assert_eq!(listed(&server).as_array().unwrap().len(), 2, "one that is overridden can be deleted");
}

#[test]
fn a_title_is_seen_at_once_everywhere_and_outlives_the_engine() {
    let bot = Receiver::open();
    let mut scene = Scene::new();
    declare_admin(&mut scene);
    scene.settings.webhooks = everything_to(&bot);
    let server = scene.start();
    let namer = access_token(&server, "Namer", &["HAS_ADMIN_ACCESS"]);
    let page = OpenPage::open(server.http_port());
    assert_eq!(page.shown().title, "");
    assert_eq!(admin(&server, "config/streamtitle", &json!({ "value": "Tides & <ebbs>" })).status, 200);
    let seen = page.within(CONVERGED_WITHIN, |shown| (shown.title == "Tides & <ebbs>").then_some(()));
    assert!(seen.is_some(), "{:?}", page.shown());
    let title = |server: &Nixcast| {
        let status = json_of(&server.get("/api/status"));
        status["streamTitle"].as_str().unwrap().to_owned()
    };
    assert_eq!(title(&server), "Tides & <ebbs>");
    let first = told(&bot, "STREAM_TITLE_UPDATED");
    assert_eq!(
        json!([first["eventData"]["streamTitle"], first["eventData"]["status"]["streamTitle"]]),
        json!(["Tides & <ebbs>", "Tides & <ebbs>"])
    );
    assert_eq!(program(&server, &namer, "streamtitle", &json!({ "value": "Moon" })).status, 200);
    assert_eq!(program(&server, &namer, "streamtitle", &json!({ "value": "x".repeat(201) })).status, 400);
    let shell = server.get("/").text();
    assert!(shell.contains("<p class=\"stream-title\" dir=\"auto\">Moon</p>"), "{shell}");
    let history = json_of(&read(&server, &namer, "chat"));
    assert_eq!(history.as_array().unwrap().len(), 2, "the chat is told: {history}");

    let engine = server.pid_of("engine").unwrap();
    process::kill(engine);
    wait::until("another engine", CONVERGED_WITHIN, || server.pid_of("engine").filter(|pid| *pid != engine));
    wait::until("the title of before", CONVERGED_WITHIN, || {
        let reply = http::get(server.http_port(), "/api/status").ok()?;
        (json_of(&reply)["streamTitle"] == "Moon").then_some(())
    });
    assert_eq!(read(&server, &namer, "chat").status, 200, "tokens outlive the engine too");
    assert_eq!(admin(&server, "streamtitle", &json!({ "value": "" })).status, 200);
    assert_eq!(title(&server), "");
}

#[test]
fn the_operator_ends_a_broadcast_and_the_key_stays_good() {
    let mut scene = Scene::with_key();
    declare_admin(&mut scene);
    let server = scene.start();
    let nothing = json_of(&admin(&server, "disconnect", &json!({})));
    assert_eq!(nothing["success"], false);
    let publisher = Publisher::copy(&server.target("main"), &Clip::SMALL);
    server.wait_live();
    let elsewhere = [RIGHT, ("sec-fetch-site", "cross-site")];
    assert_eq!(http::get_with(server.http_port(), "/api/admin/disconnect", &elsewhere).unwrap().status, 403);
    assert!(server.broadcast().is_some(), "no other site's page ends it");
    let ended = admin(&server, "disconnect", &json!({}));
    assert_eq!((ended.status, &json_of(&ended)["success"]), (200, &json!(true)));
    assert!(server.broadcast().is_none(), "it is over when it is answered");
    wait::until("the publisher to be sent away", CONVERGED_WITHIN, || (!publisher.is_running()).then_some(()));
    let _another = Publisher::copy(&server.target("main"), &Clip::SMALL);
    server.wait_live();
}
