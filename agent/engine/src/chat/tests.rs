#![allow(clippy::unwrap_used, clippy::panic)]

//! The chat as its clients see it: over real sockets.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Instant;

use nixcast_core::chat::audit::By;
use nixcast_core::chat::bounds::MAX_CONNECTIONS_PER_USER;
use serde_json::{Value, json};
use tempfile::TempDir;
use tungstenite::protocol::frame::coding::CloseCode;
use tungstenite::{Message, WebSocket};

use super::*;
use crate::broadcast::{self, Place};
use crate::control::Applied;
use crate::declared::Declared;
use crate::store::Store;
use crate::web::Site;
use crate::webhooks::Webhooks;

mod moderating;
mod programs;

/// However busy the machine is.
const PATIENCE: Duration = Duration::from_secs(60);

/// A chat on a port of its own.
struct Venue {
    chat: Chat,
    address: SocketAddr,
}

/// A client's socket, read by a thread that may wait.
struct Client(WebSocket<TcpStream>);

/// The one that every declared moderator here has.
fn secret() -> SecretId {
    SecretId("one".to_owned())
}

impl Venue {
    async fn open(folder: Option<&TempDir>) -> Self {
        let (settings, declared) = watch::channel(Arc::new(Declared::default()));
        let store = Store::default();
        let place = Place { store: store.clone(), worker_program: "/bin/false".into(), state_dir: None };
        let channel = broadcast::start(&settings, place);
        let chat = Chat::start(folder.map(|folder| folder.path().to_owned()), channel.view.clone());
        let (_applied, applied) = watch::channel(Applied::default());
        let door = Site::new(declared, channel, store, Webhooks::default(), applied, chat.clone(), None).door();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let permits = Arc::new(Semaphore::new(1_000));
        tokio::spawn(async move {
            let _settings = settings;
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                door.serve(stream, permits.clone().acquire_owned().await.unwrap());
            }
        });
        Self { chat, address }
    }

    async fn request(&self, request: String) -> (u16, String, String) {
        let address = self.address;
        tokio::task::spawn_blocking(move || {
            let mut stream = TcpStream::connect(address).unwrap();
            stream.set_read_timeout(Some(PATIENCE)).unwrap();
            stream.write_all(request.as_bytes()).unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).unwrap();
            let (head, body) = answer.split_once("\r\n\r\n").unwrap();
            (head[9..12].parse().unwrap(), head.to_lowercase(), body.to_owned())
        })
        .await
        .unwrap()
    }

    async fn get(&self, path: &str) -> (u16, String) {
        let (status, _, body) =
            self.request(format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")).await;
        (status, body)
    }

    async fn post(&self, path: &str, body: &str) -> (u16, String, Value) {
        let length = body.len();
        let head = format!("POST {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {length}\r\n");
        let (status, head, body) = self.request(format!("{head}\r\n{body}")).await;
        (status, head, serde_json::from_str(&body).unwrap_or(Value::Null))
    }

    /// The token and id of somebody new.
    async fn register(&self, name: &str) -> (String, String) {
        let (status, _, user) = self.post("/api/chat/register", &json!({ "displayName": name }).to_string()).await;
        assert_eq!(status, 200, "{user}");
        assert_eq!(user["displayName"], name);
        (user["accessToken"].as_str().unwrap().to_owned(), user["id"].as_str().unwrap().to_owned())
    }

    /// Opens a socket, or gives what was said instead.
    async fn socket(&self, query: &str) -> Result<Client, (u16, String)> {
        let (address, query) = (self.address, query.to_owned());
        tokio::task::spawn_blocking(move || {
            let stream = TcpStream::connect(address).unwrap();
            stream.set_read_timeout(Some(PATIENCE)).unwrap();
            match tungstenite::client(format!("ws://{address}/ws{query}"), stream) {
                Ok((socket, _)) => Ok(Client(socket)),
                Err(tungstenite::HandshakeError::Failure(tungstenite::Error::Http(response))) => {
                    let body = response.body().clone().unwrap_or_default();
                    Err((response.status().as_u16(), String::from_utf8(body).unwrap()))
                }
                Err(error) => panic!("{error}"),
            }
        })
        .await
        .unwrap()
    }

    /// Lets somebody in, past who they are.
    async fn enter(&self, token: &str) -> Client {
        let client = self.socket(&format!("?accessToken={token}")).await.unwrap_or_else(|said| panic!("{said:?}"));
        let (client, info) = client.next().await;
        assert_eq!(info["type"], "CONNECTED_USER_INFO");
        client
    }

    /// The body of `GET /ws` that is not upgraded because of what it says.
    async fn refused(&self, query: &str) -> (u16, String) {
        let head = format!("GET /ws{query} HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n");
        let key = "sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
        let address = self.address;
        tokio::task::spawn_blocking(move || {
            let mut stream = TcpStream::connect(address).unwrap();
            stream.set_read_timeout(Some(PATIENCE)).unwrap();
            stream.write_all(format!("{head}{key}\r\n").as_bytes()).unwrap();
            let mut answer = Vec::new();
            let mut byte = [0];
            while !answer.ends_with(b"\r\n\r\n") && stream.read(&mut byte).unwrap() == 1 {
                answer.push(byte[0]);
            }
            let head = String::from_utf8(answer).unwrap().to_lowercase();
            let length = head.split_once("content-length: ").unwrap().1.split("\r\n").next().unwrap().parse().unwrap();
            let mut body = vec![0; length];
            stream.read_exact(&mut body).unwrap();
            (head[9..12].parse().unwrap(), String::from_utf8(body).unwrap())
        })
        .await
        .unwrap()
    }
}

impl Client {
    async fn say(mut self, message: Value) -> Self {
        tokio::task::spawn_blocking(move || {
            self.0.send(Message::text(message.to_string())).unwrap();
            self
        })
        .await
        .unwrap()
    }

    async fn chat(self, body: &str) -> Self {
        self.say(json!({ "type": "CHAT", "body": body })).await
    }

    /// The next frame that says something.
    fn frame(&mut self) -> Message {
        loop {
            match self.0.read().unwrap() {
                Message::Ping(_) | Message::Pong(_) => {}
                message => return message,
            }
        }
    }

    /// The events of the next frame.
    async fn events(mut self) -> (Self, Vec<Value>) {
        tokio::task::spawn_blocking(move || {
            let frame = self.frame();
            let Message::Text(text) = frame else { panic!("{frame:?}") };
            let events = text.split('\n').map(|line| serde_json::from_str(line).unwrap()).collect();
            (self, events)
        })
        .await
        .unwrap()
    }

    /// The one event of the next frame.
    async fn next(self) -> (Self, Value) {
        let (client, mut events) = self.events().await;
        assert_eq!(events.len(), 1, "{events:?}");
        (client, events.remove(0))
    }

    /// The next event of that type.
    async fn until(mut self, kind: &str) -> (Self, Value) {
        loop {
            let (client, events) = self.events().await;
            self = client;
            if let Some(event) = events.into_iter().find(|event| event["type"] == kind) {
                return (self, event);
            }
        }
    }

    /// The code it is closed with, and what it was told before.
    async fn closed(mut self) -> (u16, Vec<String>) {
        tokio::task::spawn_blocking(move || {
            let mut told = Vec::new();
            loop {
                match self.frame() {
                    Message::Text(text) => told.push(text.to_string()),
                    Message::Close(frame) => return (frame.map_or(1005, |frame| u16::from(frame.code)), told),
                    other => panic!("{other:?}"),
                }
            }
        })
        .await
        .unwrap()
    }
}

fn rules() -> ChatRules {
    ChatRules { spam_protection: false, ..ChatRules::default() }
}

async fn open() -> Venue {
    let place = Venue::open(None).await;
    place.chat.declare(rules(), DeclaredModerators::new()).await.unwrap();
    place
}

#[tokio::test(flavor = "multi_thread")]
async fn two_people_talk() {
    let place = open().await;
    let (status, head, user) = place.post("/api/chat/register", "").await;
    assert_eq!((status, head.contains("access-control-allow-origin: *")), (200, true), "{head}");
    assert_eq!(user["id"].as_str().unwrap().len(), 11);
    assert_eq!(user["accessToken"].as_str().unwrap().len(), 43);
    assert!(!user["displayName"].as_str().unwrap().is_empty(), "who has no name is given one");
    let (anna_token, anna_id) = place.register("Anna").await;
    let (bob_token, _) = place.register("Bob").await;
    let anna = place.enter(&anna_token).await;
    let bob = place.enter(&bob_token).await;
    let anna = anna.say(json!({ "type": "CHAT", "body": "**hi** <b>", "nonce": "n1" })).await;
    let (_anna, own) = anna.until("CHAT").await;
    let (bob, heard) = bob.until("CHAT").await;
    assert_eq!(own, heard, "everybody is told the same");
    assert_eq!(heard["body"], "<p><strong>hi</strong> &lt;b&gt;</p>");
    assert_eq!((&heard["user"]["id"], &heard["user"]["displayName"]), (&json!(anna_id), &json!("Anna")));
    assert_eq!((&heard["visible"], &heard["nonce"]), (&json!(true), &json!("n1")));
    let (status, history) = place.get(&format!("/api/chat?accessToken={bob_token}")).await;
    assert_eq!((status, serde_json::from_str::<Value>(&history).unwrap()), (200, json!([heard])));
    let (status, _) = place.get("/api/chat?accessToken=unknown").await;
    assert_eq!((status, place.get("/api/chat").await.0), (401, 401));
    let bob = bob.say(json!({ "type": "NAME_CHANGE", "newName": "Robert" })).await;
    let (bob, change) = bob.until("NAME_CHANGE").await;
    assert_eq!((&change["oldName"], &change["user"]["displayName"]), (&json!("Bob"), &json!("Robert")));
    let bob = bob.say(json!({ "type": "COLOR_CHANGE", "newColor": 5 })).await;
    let (bob, info) = bob.until("CONNECTED_USER_INFO").await;
    assert!(matches!(info["user"]["displayColor"], Value::Number(_)));
    // What is no command is passed over.
    let bob = bob.say(json!(["nonsense"])).await.say(json!({ "type": "UNKNOWN" })).await;
    let (_bob, _) = bob.chat("still here").await.until("CHAT").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_let_in_before_rules_are_declared() {
    let place = Venue::open(None).await;
    assert_eq!(place.refused("?accessToken=unknown").await, (200, "CHAT_DISABLED".to_owned()));
    assert_eq!(place.post("/api/chat/register", "{}").await.0, 400);
    place.chat.greet("Harbour".to_owned(), "Welcome *aboard*").await.unwrap();
    place.chat.declare(rules(), DeclaredModerators::new()).await.unwrap();
    let (token, _) = place.register("Anna").await;
    let socket = place.socket(&format!("?accessToken={token}")).await.unwrap_or_else(|said| panic!("{said:?}"));
    let (_anna, told) = socket.until("SYSTEM").await;
    assert_eq!(
        (&told["body"], &told["user"]["displayName"]),
        (&json!("<p>Welcome <em>aboard</em></p>"), &json!("Harbour"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_may_not_come_in_is_told_what_owncast_tells() {
    let place = open().await;
    let (code, told) = place.socket("").await.unwrap_or_else(|said| panic!("{said:?}")).closed().await;
    assert_eq!((code, told), (1008, vec![]));
    let (_, told) = place.socket("?accessToken=unknown").await.unwrap_or_else(|said| panic!("{said:?}")).closed().await;
    assert_eq!(told, [r#"{"type":"ERROR_NEEDS_REGISTRATION"}"#]);
    let (token, id) = place.register("Spammer").await;
    let query = format!("?accessToken={token}");
    let banned = place.enter(&token).await;
    place.chat.apply(Command::Ban { by: By::Operator, user: UserId(id) }).await.unwrap();
    let (code, told) = banned.closed().await;
    let told: Value = serde_json::from_str(told.last().unwrap()).unwrap();
    assert_eq!((code, &told["type"]), (1008, &json!("ERROR_USER_DISABLED")));
    let (_, told) = place.socket(&query).await.unwrap_or_else(|said| panic!("{said:?}")).closed().await;
    assert_eq!(told, [r#"{"type":"ERROR_USER_DISABLED"}"#]);
    let network = |network: &str| (By::Operator, network.to_owned());
    let (by, banned) = network("127.0.0.0/8");
    place
        .chat
        .apply(Command::BanNetwork { by, network: banned, from: None, seconds: None, note: String::new() })
        .await
        .unwrap();
    assert_eq!(place.refused("?accessToken=unknown").await.0, 403);
    assert_eq!(place.get("/api/chat?accessToken=unknown").await.0, 401);
    assert_eq!(place.post("/api/chat/register", "{}").await.0, 401);
    let (by, network) = network("127.0.0.0/8");
    place.chat.apply(Command::UnbanNetwork { by, network }).await.unwrap();
    let (token, _) = place.register("Everywhere").await;
    let mut windows = Vec::new();
    for _ in 0..MAX_CONNECTIONS_PER_USER {
        windows.push(place.enter(&token).await);
    }
    let query = format!("?accessToken={token}");
    assert_eq!(place.refused(&query).await, (200, "ERROR_MAX_CONNECTIONS_EXCEEDED".to_owned()));
    place.chat.declare(ChatRules { enable: false, ..rules() }, DeclaredModerators::new()).await.unwrap();
    let (code, told) = windows.pop().unwrap().closed().await;
    assert_eq!((code, told.last().unwrap().contains("turned off")), (1008, true));
    assert_eq!(place.refused(&query).await, (200, "CHAT_DISABLED".to_owned()));
    assert_eq!(place.get("/ws").await, (200, "CHAT_DISABLED".to_owned()));
    assert_eq!(place.post("/api/chat/register", "{}").await.0, 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_long_is_refused_and_what_is_far_too_long_ends_the_socket() {
    let place = open().await;
    let (token, _) = place.register("Anna").await;
    let client = place.enter(&token).await.chat(&"x".repeat(2_100)).await;
    let (client, refused) = client.until("CHAT_ACTION").await;
    assert!(refused["body"].as_str().unwrap().contains("2048"), "{refused}");
    let (client, heard) = client.chat(&"x".repeat(2_048)).await.until("CHAT").await;
    assert_eq!(heard["body"].as_str().unwrap().len(), 2_048 + "<p></p>".len());
    let (code, _) = client.chat(&"x".repeat(4_096)).await.closed().await;
    assert_eq!(code, u16::from(CloseCode::Size));
    let client = place.enter(&token).await.chat(&"x".repeat(40_000)).await;
    let ended = tokio::task::spawn_blocking(move || {
        let mut client = client;
        client.0.read().map(|message| message.is_close()).unwrap_or(true)
    });
    assert!(ended.await.unwrap());
    let rules = ChatRules { max_message_bytes: 8_192, ..rules() };
    place.chat.declare(rules, DeclaredModerators::new()).await.unwrap();
    let (_, heard) = place.enter(&token).await.chat(&"x".repeat(8_000)).await.until("CHAT").await;
    assert!(heard["body"].as_str().unwrap().len() > 8_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_or_doubled_across_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let before = Venue::open(Some(&folder)).await;
    before.chat.declare(rules(), DeclaredModerators::new()).await.unwrap();
    let (token, id) = before.register("Anna").await;
    let (other, _) = before.register("Bob").await;
    let (anna, first) = before.enter(&token).await.chat("one").await.until("CHAT").await;
    let bob = before.enter(&other).await;
    let (_bob, _) = bob.chat("two").await.until("CHAT").await;
    drop(anna);
    before.chat.part().await;
    let after = Venue::open(Some(&folder)).await;
    after.chat.declare(rules(), DeclaredModerators::new()).await.unwrap();
    let since = first["id"].as_str().unwrap();
    let anna = after.socket(&format!("?accessToken={token}&since={since}")).await.unwrap_or_else(|e| panic!("{e:?}"));
    let (anna, events) = anna.events().await;
    let kinds: Vec<&str> = events.iter().map(|event| event["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["CONNECTED_USER_INFO", "CHAT", "RESUMED"]);
    assert_eq!((&events[0]["user"]["id"], &events[1]["body"]), (&json!(id), &json!("<p>two</p>")));
    assert_eq!(events[2]["complete"], true);
    let (_, next) = anna.chat("three").await.until("CHAT").await;
    assert!(next["id"].as_str() > events[1]["id"].as_str(), "ids go on");
    let (_, history) = after.get(&format!("/api/chat?accessToken={token}")).await;
    let bodies: Vec<Value> = serde_json::from_str::<Vec<Value>>(&history).unwrap();
    let bodies: Vec<&str> = bodies.iter().map(|event| event["body"].as_str().unwrap()).collect();
    assert_eq!(bodies, ["<p>one</p>", "<p>two</p>", "<p>three</p>"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_comes_in_the_middle_of_a_conversation_misses_nothing() {
    let place = open().await;
    let (talker, _) = place.register("Talker").await;
    let (token, _) = place.register("Newcomer").await;
    let (mut talking, first) = place.enter(&talker).await.chat("m0").await.until("CHAT").await;
    let since = first["id"].as_str().unwrap().to_owned();
    // Its own reading waits in its buffers meanwhile.
    let talk = tokio::task::spawn_blocking(move || {
        for number in 1..=60 {
            let message = json!({ "type": "CHAT", "body": format!("m{number}") });
            talking.0.send(Message::text(message.to_string())).unwrap();
        }
        talking
    });
    let mut listeners = Vec::new();
    for _ in 0..8 {
        listeners.push(place.socket(&format!("?accessToken={token}&since={since}")).await);
        tokio::time::sleep(Duration::from_millis(60)).await;
    }
    let expected: Vec<String> = (1..=60).map(|number| format!("<p>m{number}</p>")).collect();
    for listener in listeners {
        let mut listener = listener.unwrap_or_else(|said| panic!("{said:?}"));
        let mut heard = Vec::new();
        let deadline = Instant::now() + PATIENCE;
        while heard.len() < expected.len() {
            assert!(Instant::now() < deadline, "{heard:?}");
            let (client, events) = listener.events().await;
            listener = client;
            let talk = events.into_iter().filter(|event| event["type"] == "CHAT");
            heard.extend(talk.map(|event| event["body"].as_str().unwrap().to_owned()));
        }
        assert_eq!(heard, expected, "in order, once each");
    }
    drop(talk.await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn who_does_not_listen_holds_up_nobody() {
    let place = open().await;
    let (talker, _) = place.register("Talker").await;
    let (token, _) = place.register("Deaf").await;
    let deaf = place.enter(&token).await;
    let mut talking = place.enter(&talker).await;
    // Far more than may wait and the buffers of a socket hold.
    let text = "x".repeat(30_000);
    for round in 0..80 {
        for number in 0..8 {
            let body = format!("{round} {number} {text}");
            place.chat.apply(Command::Action { body }).await.unwrap();
        }
        let last = format!("{round} 7 ");
        loop {
            let (client, events) = talking.events().await;
            talking = client;
            if events.iter().any(|event| event["body"].as_str().is_some_and(|body| body.starts_with(&last))) {
                break;
            }
        }
    }
    // The one that read nothing has been left behind: it finds what was sent before, and no more.
    let heard = tokio::task::spawn_blocking(move || {
        let mut deaf = deaf;
        let mut heard = 0;
        loop {
            match deaf.0.read() {
                Ok(Message::Close(frame)) => return (heard, frame.map(|frame| u16::from(frame.code))),
                Ok(Message::Text(text)) => heard += text.split('\n').count(),
                Ok(_) => {}
                Err(_cut_off) => return (heard, None),
            }
        }
    });
    let (heard, code) = heard.await.unwrap();
    assert!(heard < 640, "{heard}");
    assert!(code.is_none_or(|code| code == 4000), "{code:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn emoji_are_offered_and_shown() {
    let place = open().await;
    let emoji = |name: &str, picture: &'static [u8]| DeclaredEmoji {
        name: name.to_owned(),
        media_type: "image/png".to_owned(),
        picture: Bytes::from_static(picture),
    };
    let refused = place.chat.declare_emoji(vec![emoji("wave", b"picture"), emoji("no name", b"")]);
    assert_eq!(refused, [("no name".to_owned(), EmojiError::Name)]);
    let (_, list) = place.get("/api/emoji").await;
    assert_eq!(list, r#"[{"name":"wave","url":"/img/emoji/wave.png"}]"#);
    assert_eq!(place.get("/img/emoji/wave.png").await, (200, "picture".to_owned()));
    assert_eq!(place.get("/img/emoji/none.png").await.0, 404);
    assert_eq!(place.get("/img/emoji/..%2f..%2flogo").await.0, 404);
    let (token, _) = place.register("Anna").await;
    let (_, heard) = place.enter(&token).await.chat(":wave:").await.until("CHAT").await;
    assert!(heard["body"].as_str().unwrap().contains("src=\"/img/emoji/wave.png\""), "{heard}");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_leaves_is_gone_and_comes_back_as_the_same() {
    let place = open().await;
    let (token, id) = place.register("Anna").await;
    let connections = async |place: &Venue| place.chat.look(|room, _| room.connections().count()).await.unwrap();
    let client = place.enter(&token).await;
    assert_eq!(connections(&place).await, 1);
    drop(client);
    let deadline = Instant::now() + PATIENCE;
    while connections(&place).await > 0 {
        assert!(Instant::now() < deadline);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let client = place.socket(&format!("?accessToken={token}")).await.unwrap_or_else(|said| panic!("{said:?}"));
    let (_client, info) = client.next().await;
    assert_eq!(info["user"]["id"], json!(id));
    assert_eq!(place.chat.0.places.available_permits(), most_sockets() - 1);
    let moderator = place.chat.register_moderator("anna".to_owned(), secret()).await;
    assert!(matches!(moderator, Err(ChatError::Refused(Refusal::NotDeclared { .. }))), "{moderator:?}");
    place.chat.declare(rules(), [("anna".to_owned(), secret())].into()).await.unwrap();
    let moderator = place.chat.register_moderator("anna".to_owned(), secret()).await.unwrap();
    let again = place.chat.register_moderator("anna".to_owned(), secret()).await.unwrap();
    assert_eq!(moderator.user.id, again.user.id);
    assert!(!format!("{moderator:?}").contains(moderator.token.as_str()));
    place.enter(&again.token).await;
}
