//! Moderators over real sockets: what they do reaches people at once, and outlives a crash of the engine.

use std::fs;
use std::net::TcpStream;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use nixcast_schema::{Moderator, Network};
use nixcast_tests::http::{self, Reply};
use nixcast_tests::process;
use nixcast_tests::server::{self, CONVERGED_WITHIN, Nixcast, Scene};
use nixcast_tests::wait;
use serde_json::{Value, json};
use tungstenite::client::IntoClientRequest;
use tungstenite::{Message, WebSocket};

/// `base64` of "admin:correct horse".
const OPERATOR: (&str, &str) = ("authorization", "Basic YWRtaW46Y29ycmVjdCBob3JzZQ==");

/// Longest silence of a socket that has something to say.
const PATIENCE: Duration = Duration::from_secs(60);

/// Somebody at an address of their own, as far as a trusted proxy says.
struct Somebody {
    port: u16,
    address: &'static str,
    id: String,
    token: String,
}

struct Socket(WebSocket<TcpStream>);

/// A server whose clients all come through a trusted proxy on this machine.
fn behind_proxy() -> Scene {
    let mut scene = Scene::new();
    let file = scene.folder().join("admin.password");
    server::replace(&file, "correct horse\n", 0o600);
    scene.settings.admin.password_file = Some(file.to_str().unwrap().to_owned());
    scene.settings.http.trusted_proxies = vec![Network("127.0.0.0/8".to_owned())];
    scene.settings.chat.spam_protection = false;
    scene
}

fn register(port: u16, name: &str, headers: &[(&str, &str)]) -> Reply {
    http::post(port, "/api/chat/register", headers, &json!({ "displayName": name }).to_string()).unwrap()
}

fn parse(reply: &Reply) -> Value {
    serde_json::from_slice(&reply.body).unwrap_or_else(|error| panic!("{error}: {}", reply.text()))
}

fn as_operator(server: &Nixcast, path: &str, body: &Value) -> Reply {
    http::post(server.http_port(), &format!("/api/admin/{path}"), &[OPERATOR], &body.to_string()).unwrap()
}

#[track_caller]
fn read_as_operator(server: &Nixcast, path: &str) -> Value {
    let reply = http::get_with(server.http_port(), &format!("/api/admin/{path}"), &[OPERATOR]).unwrap();
    assert_eq!(reply.status, 200, "{path}: {}", reply.text());
    parse(&reply)
}

impl Somebody {
    #[track_caller]
    fn register(server: &Nixcast, name: &str, address: &'static str) -> Self {
        let port = server.http_port();
        let reply = register(port, name, &[("x-forwarded-for", address)]);
        assert_eq!(reply.status, 200, "{name}: {}", reply.text());
        let user = parse(&reply);
        let text = |field: &str| user[field].as_str().unwrap().to_owned();
        Self { port, address, id: text("id"), token: text("accessToken") }
    }

    fn get(&self, path: &str) -> Reply {
        let sign = if path.contains('?') { '&' } else { '?' };
        let path = format!("{path}{sign}accessToken={}", self.token);
        http::get_with(self.port, &path, &[("x-forwarded-for", self.address)]).unwrap()
    }

    #[track_caller]
    fn reads(&self, path: &str) -> Value {
        let reply = self.get(path);
        assert_eq!(reply.status, 200, "{path}: {}", reply.text());
        parse(&reply)
    }

    fn post(&self, path: &str, body: &Value) -> Reply {
        let path = format!("{path}?accessToken={}", self.token);
        http::post(self.port, &path, &[("x-forwarded-for", self.address)], &body.to_string()).unwrap()
    }

    #[track_caller]
    fn does(&self, path: &str, body: &Value) {
        let reply = self.post(path, body);
        assert_eq!(reply.status, 200, "{path}: {}", reply.text());
    }

    fn enter(&self) -> Socket {
        let mut request =
            format!("ws://127.0.0.1:{}/ws?accessToken={}", self.port, self.token).into_client_request().unwrap();
        request.headers_mut().insert("x-forwarded-for", self.address.parse().unwrap());
        let stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let (socket, _) = tungstenite::client(request, stream).unwrap();
        let mut socket = Socket(socket);
        socket.until("CONNECTED_USER_INFO");
        socket
    }
}

impl Socket {
    fn say(&mut self, body: &str) -> Value {
        self.0.send(Message::text(json!({ "type": "CHAT", "body": body }).to_string())).unwrap();
        let html = format!("<p>{body}</p>");
        self.find(|event| event["type"] == "CHAT" && event["body"] == *html)
    }

    fn until(&mut self, kind: &str) -> Value {
        self.find(|event| event["type"] == kind)
    }

    fn find(&mut self, is_it: impl Fn(&Value) -> bool) -> Value {
        let deadline = Instant::now() + PATIENCE;
        loop {
            assert!(Instant::now() < deadline, "what was waited for was not said");
            let Message::Text(text) = self.0.read().unwrap() else { continue };
            let mut events = text.split('\n').map(|line| serde_json::from_str::<Value>(line).unwrap());
            if let Some(event) = events.find(&is_it) {
                return event;
            }
        }
    }

    /// Waits until the server has closed it, and gives what was said last.
    fn last_words(mut self) -> String {
        let mut last = String::new();
        loop {
            match self.0.read() {
                Ok(Message::Text(text)) => last = text.to_string(),
                Ok(Message::Close(_)) => return last,
                Ok(_ping) => (),
                Err(error) => panic!("{error} after {last}"),
            }
        }
    }
}

/// Ends the engine as a crash would, and waits for the next one.
fn crash_the_engine(server: &Nixcast) {
    let pid = server.observe().engine_pid;
    process::kill(pid);
    wait::until("another engine with the same settings", CONVERGED_WITHIN, || {
        let observed = server.try_observe().ok()?;
        (observed.engine_pid != pid && observed.generation > 0 && server.is_converged()).then_some(())
    });
}

#[test]
fn what_moderators_did_is_in_force_after_a_crash() {
    let server = behind_proxy().start();
    let paul = Somebody::register(&server, "Paul", "198.51.100.1");
    let anna = Somebody::register(&server, "Anna", "198.51.100.2");
    let ben = Somebody::register(&server, "Ben", "203.0.113.8");
    let eve = Somebody::register(&server, "Eve", "2001:db8:7::1");
    let dora = Somebody::register(&server, "Dora", "198.51.100.3");
    let appoint = json!({ "userId": paul.id, "isModerator": true });
    assert_eq!(as_operator(&server, "chat/users/setmoderator", &appoint).status, 200);
    let (mut anna_socket, mut dora_socket) = (anna.enter(), dora.enter());
    let (mut ben_socket, eve_socket) = (ben.enter(), eve.enter());
    let (rude, fine) = (anna_socket.say("rude"), anna_socket.say("fine"));
    let (asked, spam) = (ben_socket.say("why"), dora_socket.say("spam"));

    let show = |message: &Value, visible: bool| json!({ "idArray": [message["id"]], "visible": visible });
    paul.does("/api/chat/messagevisibility", &show(&rude, false));
    paul.does("/api/chat/messagevisibility", &show(&asked, false));
    paul.does("/api/chat/messagevisibility", &show(&asked, true));
    let told = dora_socket.find(|event| event["type"] == "VISIBILITY-UPDATE" && event["visible"] == true);
    assert_eq!(told["ids"], json!([asked["id"]]));
    paul.does("/api/chat/users/timeout", &json!({ "userId": ben.id, "seconds": 3600 }));
    assert!(ben_socket.until("CHAT_ACTION")["body"].as_str().unwrap().contains("60 minutes"));
    paul.does("/api/chat/users/removeall", &json!({ "userId": dora.id }));
    paul.does("/api/chat/users/setenabled", &json!({ "userId": anna.id, "enabled": false }));
    assert!(anna_socket.last_words().contains("ERROR_USER_DISABLED"), "a ban closes the socket");
    paul.does("/api/chat/bans", &json!({ "network": "203.0.113.77/24", "reason": "raid" }));
    assert!(ben_socket.last_words().contains("ERROR_USER_DISABLED"), "and so does that of a network");
    paul.does("/api/chat/bans", &json!({ "network": "2001:db8:7::/48" }));
    assert!(eve_socket.last_words().contains("ERROR_USER_DISABLED"));
    let own = paul.post("/api/chat/bans", &json!({ "network": "198.51.100.0/24" }));
    assert_eq!((own.status, own.text().contains("lock yourself out")), (400, true), "{}", own.text());
    let appoint = json!({ "userId": dora.id, "isModerator": true });
    assert_eq!(as_operator(&server, "chat/users/setmoderator", &appoint).status, 200);

    let lists = ["moderation/messages", "moderation/audit", "bans"];
    let before = lists.map(|list| paul.reads(&format!("/api/chat/{list}")));
    crash_the_engine(&server);
    assert_eq!(lists.map(|list| paul.reads(&format!("/api/chat/{list}"))), before);

    let [messages, audit, bans] = before;
    let standing = |message: &Value| {
        let row = messages.as_array().unwrap().iter().find(|row| row["id"] == message["id"]).unwrap();
        (row["visible"].as_bool().unwrap(), row["hiddenBy"].clone())
    };
    for message in [&rude, &fine, &spam] {
        assert_eq!(standing(message), (false, json!("Paul")), "{message}");
    }
    assert_eq!(standing(&asked), (true, Value::Null));
    let deeds: Vec<&str> = audit.as_array().unwrap().iter().rev().map(|row| row["deed"].as_str().unwrap()).collect();
    let done = "promote hide hide restore timeOut removeAll ban banNetwork banNetwork promote";
    assert_eq!(deeds, done.split(' ').collect::<Vec<_>>());
    assert!(audit.as_array().unwrap().iter().all(|row| row["at"].is_string() && row["target"].is_string()), "{audit}");
    let mut networks: Vec<_> = bans.as_array().unwrap().iter().filter_map(|ban| ban["network"].as_str()).collect();
    networks.sort_unstable();
    assert_eq!(networks, ["2001:db8:7::/48", "203.0.113.0/24"]);

    assert_eq!(anna.get("/api/chat").status, 401, "the banned stay out");
    for address in ["203.0.113.200", "2001:db8:7:ffff::9"] {
        assert_eq!(register(server.http_port(), "New", &[("x-forwarded-for", address)]).status, 401, "{address}");
    }
    let ben_now = &paul.reads("/api/chat/moderation/users?q=Ben")[0];
    assert!(ben_now["timedOutUntil"].is_string(), "{ben_now}");
    assert_eq!(dora.get("/api/chat/bans").status, 200, "Dora moderates still");
    let history = paul.reads("/api/chat");
    assert_eq!(history.as_array().unwrap().iter().map(|row| &row["id"]).collect::<Vec<_>>(), [&asked["id"]]);
}

#[test]
fn nobody_but_a_trusted_proxy_says_who_somebody_is() {
    let mut scene = behind_proxy();
    scene.settings.http.trusted_proxies = vec![Network("192.0.2.1".to_owned())];
    let mut server = scene.start();
    let name = |server: &Nixcast| {
        let headers = [("x-forwarded-user", "Professor")];
        let reply = http::post(server.http_port(), "/api/chat/register", &headers, "{}").unwrap();
        parse(&reply)["displayName"].as_str().unwrap().to_owned()
    };
    assert_ne!(name(&server), "Professor");
    let guest = Somebody::register(&server, "Guest", "203.0.113.8");
    let _socket = guest.enter();
    assert_eq!(read_as_operator(&server, "chat/clients")[0]["ipAddress"], "127.0.0.1");
    server.change(|settings| settings.http.trusted_proxies = vec![Network("127.0.0.1".to_owned())]);
    assert_eq!(name(&server), "Professor");
    let guest = Somebody::register(&server, "Guest", "203.0.113.8");
    let _socket = guest.enter();
    let addresses = read_as_operator(&server, "chat/clients");
    let addresses: Vec<_> = addresses.as_array().unwrap().iter().map(|client| client["ipAddress"].clone()).collect();
    assert!(addresses.contains(&json!("203.0.113.8")), "{addresses:?}");
}

#[test]
fn while_the_bans_cannot_be_read_people_can_read_and_moderators_write() {
    let scene = behind_proxy();
    // No file can be where a folder is.
    fs::create_dir_all(scene.folder().join("state/chat.sqlite")).unwrap();
    let server = scene.start();
    let kinds = |server: &Nixcast| {
        let conditions = read_as_operator(server, "status")["conditions"].clone();
        conditions.as_array().unwrap().iter().map(|row| row["kind"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let told = wait::until("the operator to be told", CONVERGED_WITHIN, || {
        Some(kinds(&server)).filter(|kinds| kinds.contains(&"ChatReadOnly".to_owned()))
    });
    assert!(told.contains(&"ChatStoreDamaged".to_owned()), "{told:?}");
    assert!(server.status().to_string().contains("ChatReadOnly"), "{}", server.status());
    let (anna, paul) =
        (Somebody::register(&server, "Anna", "198.51.100.2"), Somebody::register(&server, "Paul", "198.51.100.1"));
    let mut socket = anna.enter();
    socket.0.send(Message::text(r#"{"type":"CHAT","body":"hello"}"#)).unwrap();
    assert!(socket.until("CHAT_ACTION")["body"].as_str().unwrap().contains("can only be read"));
    let appoint = json!({ "userId": paul.id, "isModerator": true });
    assert_eq!(as_operator(&server, "chat/users/setmoderator", &appoint).status, 200);
    paul.enter().say("we are working on it");
    socket.until("CHAT");
}

/// As its test suites go about it, from the operator's own address.
#[test]
fn what_owncasts_admin_page_does_to_people_works_with_the_password() {
    let server = behind_proxy().start();
    let anna = Somebody::register(&server, "Anna", "127.0.0.1");
    let message = anna.enter().say("hello");
    let does = |path: &str, body: Value| {
        let reply = as_operator(&server, path, &body);
        let answer = parse(&reply);
        assert_eq!((reply.status, &answer["success"]), (200, &json!(true)), "{path}: {answer}");
    };
    let ids = |path: &str| -> Vec<String> {
        let rows = read_as_operator(&server, path);
        rows.as_array().unwrap().iter().map(|row| row["id"].as_str().unwrap().to_owned()).collect()
    };
    let _socket = anna.enter();
    let clients = read_as_operator(&server, "chat/clients");
    assert!(clients.as_array().unwrap().iter().all(|client| client["user"]["id"] == *anna.id), "{clients}");
    does("chat/users/setmoderator", json!({ "userId": anna.id, "isModerator": true }));
    assert_eq!(ids("chat/users/moderators"), [&*anna.id]);
    does("chat/messagevisibility", json!({ "idArray": [message["id"]], "visible": false }));
    let messages = read_as_operator(&server, "chat/messages");
    assert!(messages[0]["hiddenAt"].is_string() && messages[0]["user"]["id"] == *anna.id, "{messages}");
    does("chat/users/setenabled", json!({ "userId": anna.id, "enabled": false }));
    assert_eq!(ids("chat/users/disabled"), [&*anna.id]);
    assert!(read_as_operator(&server, "chat/messages")[0]["user"]["disabledAt"].is_string());
    does("chat/users/setenabled", json!({ "userId": anna.id, "enabled": true }));
    assert!(ids("chat/users/disabled").is_empty());
    for address in ["127.0.0.1", "::1"] {
        does("chat/users/ipbans/create", json!({ "value": address }));
    }
    let bans = read_as_operator(&server, "chat/users/ipbans");
    assert_eq!((&bans[0]["ipAddress"], &bans[1]["ipAddress"]), (&json!("127.0.0.1"), &json!("::1")));
    assert_eq!(anna.get("/api/chat").status, 401, "whoever was promoted at run time is banned with their network");
    for address in ["127.0.0.1", "::1"] {
        does("chat/users/ipbans/remove", json!({ "value": address }));
    }
    assert_eq!(read_as_operator(&server, "chat/users/ipbans"), json!([]));
    assert_eq!(anna.get("/api/chat").status, 200);

    let users = read_as_operator(&server, "users?search=nna&limit=1");
    assert_eq!((&users["total"], &users["results"][0]["id"]), (&json!(1), &json!(anna.id)));
    assert_eq!(read_as_operator(&server, "users?status=bots")["total"], 0);
    does("users/delete", json!({ "userId": anna.id }));
    assert_eq!(read_as_operator(&server, "users")["total"], 0);
    for (path, body) in [
        ("users/delete", json!({ "userId": anna.id })),
        ("users/delete", json!({})),
        ("chat/users/ipbans/create", json!({ "value": "nonsense" })),
        ("chat/users/setenabled", json!({ "userId": anna.id })),
    ] {
        let reply = as_operator(&server, path, &body);
        assert_eq!((reply.status, &parse(&reply)["success"]), (400, &json!(false)), "{path} {body}");
    }
    for path in ["chat/clients", "chat/messages", "chat/users/ipbans", "users"] {
        assert_eq!(http::get(server.http_port(), &format!("/api/admin/{path}")).unwrap().status, 401, "{path}");
    }
}

/// Marie is declared, and the file holds her secret.
fn with_marie() -> (Scene, PathBuf) {
    let mut scene = behind_proxy();
    let file = scene.folder().join("marie.secret");
    server::replace(&file, "rather-secret-words\n", 0o600);
    let secret_file = file.to_str().unwrap().to_owned();
    scene.settings.chat.moderators = vec![Moderator { name: "Marie".to_owned(), secret_file }];
    (scene, file)
}

#[test]
fn a_declared_moderator_logs_in_and_a_guesser_waits() {
    let (scene, _file) = with_marie();
    let server = scene.start();
    let port = server.http_port();
    let log_in = |address: &str, name: &str, secret: &str| {
        let body = json!({ "name": name, "secret": secret }).to_string();
        http::post(port, "/api/chat/moderators/login", &[("x-forwarded-for", address)], &body).unwrap()
    };
    let right = |address: &'static str| {
        let reply = log_in(address, "Marie", "rather-secret-words");
        assert_eq!(reply.status, 200, "{}", reply.text());
        let user = parse(&reply);
        assert_eq!(user["displayName"], "Marie");
        let text = |field: &str| user[field].as_str().unwrap().to_owned();
        Somebody { port, address, id: text("id"), token: text("accessToken") }
    };
    let (marie, tablet) = (right("198.51.100.1"), right("198.51.100.2"));
    assert_eq!(marie.id, tablet.id, "the same moderator on two devices");
    let anna = Somebody::register(&server, "Anna", "198.51.100.3");
    marie.does("/api/chat/users/setmoderator", &json!({ "userId": anna.id, "isModerator": true }));
    let demote = json!({ "userId": marie.id, "isModerator": false });
    for reply in
        [tablet.post("/api/chat/users/setmoderator", &demote), as_operator(&server, "chat/users/setmoderator", &demote)]
    {
        assert_eq!(reply.status, 409, "{}", reply.text());
        let told = parse(&reply);
        assert_eq!((&told["success"], &told["error"]), (&json!(false), &json!("declared")));
        assert_eq!(told["option"], "services.nixcast.chat.moderators.Marie");
    }

    let guesses: Vec<u16> = (0..7).map(|_| log_in("203.0.113.8", "Marie", "a-wrong-guess").status).collect();
    assert_eq!(guesses[..5], [401; 5]);
    assert!(guesses.contains(&429), "{guesses:?}");
    let refused = log_in("203.0.113.8", "Marie", "rather-secret-words");
    assert_eq!((refused.status, refused.header("retry-after").is_some()), (429, true), "{}", refused.text());
    assert_eq!(log_in("203.0.113.9", "Nobody", "rather-secret-words").status, 401);
    right("198.51.100.1");

    crash_the_engine(&server);
    assert_eq!(marie.get("/api/chat/bans").status, 200, "the token outlives the engine");
    let mut server = server;
    server.change(|settings| settings.chat.moderators.clear());
    assert_eq!(marie.get("/api/chat/bans").status, 403, "whoever is declared no longer is a guest");
    server.assert_not_kept("the secret of a moderator", "rather-secret-words");
}

#[test]
fn another_secret_ends_the_logins_made_with_the_one_before() {
    let (scene, file) = with_marie();
    let server = scene.start();
    let log_in = |server: &Nixcast, secret: &str| {
        let body = json!({ "name": "Marie", "secret": secret }).to_string();
        let from = [("x-forwarded-for", "198.51.100.1")];
        http::post(server.http_port(), "/api/chat/moderators/login", &from, &body).unwrap()
    };
    let marie_with = |server: &Nixcast, secret: &str| {
        let reply = log_in(server, secret);
        assert_eq!(reply.status, 200, "{}", reply.text());
        let user = parse(&reply);
        let text = |field: &str| user[field].as_str().unwrap().to_owned();
        Somebody { port: server.http_port(), address: "198.51.100.1", id: text("id"), token: text("accessToken") }
    };
    let marie = marie_with(&server, "rather-secret-words");
    let anna = Somebody::register(&server, "Anna", "198.51.100.3");
    marie.does("/api/chat/users/setmoderator", &json!({ "userId": anna.id, "isModerator": true }));

    // Neither of the two remembers anything but what it has written down.
    let agent = server.pid_of("agent").unwrap();
    process::kill(agent);
    wait::until("another agent", CONVERGED_WITHIN, || server.pid_of("agent").filter(|pid| *pid != agent));
    crash_the_engine(&server);
    assert_eq!(marie.get("/api/chat/bans").status, 200, "a restart of everything ends no login");
    let (socket, other) = (marie.enter(), anna.enter());

    server::replace(&file, "other-secret-words\n", 0o600);
    let last: Value = serde_json::from_str(&socket.last_words()).unwrap();
    assert_eq!(last["type"], "ERROR_NEEDS_REGISTRATION", "who is connected is told: {last}");
    assert_eq!(marie.get("/api/chat/bans").status, 401);
    assert_eq!(anna.get("/api/chat/bans").status, 200, "whom she appointed stays one");
    drop(other);
    let again = marie_with(&server, "other-secret-words");
    assert_eq!(again.id, marie.id, "the same moderator");
    assert_eq!(log_in(&server, "rather-secret-words").status, 401);

    crash_the_engine(&server);
    assert_eq!(marie.get("/api/chat/bans").status, 401, "the end outlives the engine");
    assert_eq!(again.get("/api/chat/bans").status, 200);
    server::replace(&file, "rather-secret-words\n", 0o600);
    wait::until("the first secret to be in force again", CONVERGED_WITHIN, || {
        (again.get("/api/chat/bans").status == 401).then_some(())
    });
    assert_eq!(marie.get("/api/chat/bans").status, 401, "an old secret does not bring its logins back");
    server.assert_not_kept("the secret of a moderator", "other-secret-words");
}

#[test]
fn whoever_reads_along_hears_everything_and_is_nobody() {
    let server = behind_proxy().start();
    let port = server.http_port();
    let anna = Somebody::register(&server, "Anna", "198.51.100.1");
    let mut talker = anna.enter();
    talker.say("before");
    let observe = |address: &str| {
        let mut request =
            format!("ws://127.0.0.1:{port}/ws?readonly=1&since={}", "0".repeat(26)).into_client_request().unwrap();
        request.headers_mut().insert("x-forwarded-for", address.parse().unwrap());
        let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        tungstenite::client(request, stream).ok().map(|(socket, _)| Socket(socket))
    };
    let mut stage = observe("198.51.100.2").unwrap();
    stage.find(|event| event["body"] == "<p>before</p>");
    stage.0.send(Message::text(json!({ "type": "CHAT", "body": "me too", "nonce": "n" }).to_string())).unwrap();
    let told = stage.until("CHAT_ACTION");
    assert!(told["body"].as_str().unwrap().contains("only reads along"), "{told}");
    talker.say("after");
    stage.find(|event| event["body"] == "<p>after</p>");
    let said = anna.reads("/api/chat");
    assert!(!said.to_string().contains("me too"), "{said}");

    let clients = read_as_operator(&server, "chat/clients");
    assert_eq!(clients.as_array().unwrap().len(), 1, "{clients}");
    let users = read_as_operator(&server, "users");
    assert_eq!(users["total"], 1, "{users}");

    let mut others: Vec<Socket> = (1..50).map(|_| observe("198.51.100.2").unwrap()).collect();
    assert!(observe("198.51.100.2").is_none(), "so many from one address and no more");
    others.push(observe("198.51.100.3").unwrap());

    talker.0.send(Message::text(json!({ "type": "CHAT", "body": "why", "question": true }).to_string())).unwrap();
    let asked = stage.find(|event| event["body"] == "<p>why</p>");
    let ben = Somebody::register(&server, "Ben", "198.51.100.4");
    let mut voter = ben.enter();
    voter.0.send(Message::text(json!({ "type": "UPVOTE", "id": asked["id"] }).to_string())).unwrap();
    stage.find(|event| event["type"] == "QUESTION-UPDATE" && event["votes"] == 1);
    crash_the_engine(&server);
    let voted = |questions: &Value| questions[0].get("voted").cloned();
    assert_eq!(voted(&ben.reads("/api/chat/questions")), Some(json!(true)), "his vote is known again");
    assert_eq!(voted(&anna.reads("/api/chat/questions")), Some(json!(false)));
    let for_all = parse(&http::get(port, "/api/chat/questions").unwrap());
    assert_eq!((&for_all[0]["votes"], voted(&for_all)), (&json!(1), None));
}
