//! The chat over real sockets: nothing is lost or doubled while the engine dies under those who talk, who does not listen
//! holds up nobody, and what no client would say ends nobody's conversation but its own.

use std::collections::BTreeSet;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use nixcast_schema::Network;
use nixcast_tests::random::Random;
use nixcast_tests::server::{Nixcast, Scene};
use nixcast_tests::talker::{Said, Talker};
use nixcast_tests::{process, wait};
use rustix::process::Signal;

/// An engine that starts again, with people who come back, while other tests run.
const BACK_WITHIN: Duration = Duration::from_secs(60);

/// Between two things that somebody says.
const BETWEEN: Duration = Duration::from_millis(750);

fn start() -> Nixcast {
    let mut scene = Scene::new();
    scene.settings.http.trusted_proxies = vec![Network("127.0.0.1".to_owned())];
    // What people said while the engine was away comes all at once.
    scene.settings.chat.spam_protection = false;
    scene.settings.chat.history_messages = 100;
    scene.start()
}

fn address(of: usize) -> String {
    format!("10.1.{}.{}", of / 250, of % 250 + 1)
}

/// Everybody talks, `each` messages one after the other, until all of it is confirmed.
fn talk(people: Vec<Talker>, each: usize) -> Vec<Talker> {
    let threads: Vec<_> = people
        .into_iter()
        .map(|mut one| {
            thread::spawn(move || {
                for number in 0..each {
                    let began = Instant::now();
                    one.say(&format!("number {number}"));
                    let end = began + BACK_WITHIN;
                    while !one.is_confirmed() || began.elapsed() < BETWEEN {
                        assert!(Instant::now() < end, "not confirmed: {:?}", one.refused);
                        one.listen();
                    }
                }
                one
            })
        })
        .collect();
    threads.into_iter().map(|thread| thread.join().unwrap()).collect()
}

fn hear(people: &mut [Talker], messages: usize) {
    for one in people {
        let end = Instant::now() + BACK_WITHIN;
        while one.heard.len() < messages {
            assert!(Instant::now() < end, "heard {} of {messages}", one.heard.len());
            one.listen();
        }
    }
}

fn ids(heard: &[Said]) -> Vec<&str> {
    heard.iter().map(|said| said.id.as_str()).collect()
}

#[test]
fn nothing_is_lost_or_doubled_while_the_engine_dies_and_is_restarted() {
    const PEOPLE: usize = 6;
    const EACH: usize = 16;
    let server = start();
    let people: Vec<Talker> = (0..PEOPLE).map(|one| Talker::enter(server.http_port(), &address(one))).collect();
    let talking = thread::spawn(move || talk(people, EACH));
    for signal in [Signal::KILL, Signal::TERM, Signal::KILL] {
        thread::sleep(BETWEEN * 4);
        let before = wait::until("an engine", BACK_WITHIN, || server.pid_of("engine"));
        process::send(before, signal);
        wait::until("another engine", BACK_WITHIN, || server.pid_of("engine").filter(|pid| *pid != before));
    }
    let mut people = talking.join().unwrap();
    hear(&mut people, PEOPLE * EACH);
    let first = people[0].heard.clone();
    let nonces: BTreeSet<_> = first.iter().map(|said| (&said.user, &said.nonce)).collect();
    assert_eq!((nonces.len(), first.len()), (PEOPLE * EACH, PEOPLE * EACH), "each message once");
    assert!(first.is_sorted_by(|one, next| one.id < next.id), "in the order of their ids");
    for one in &people {
        assert_eq!(ids(&one.heard), ids(&first), "everybody heard the same in the same order");
        // On a busy machine somebody may be away while two engines come and go.
        assert!(one.lost >= 1 && one.resumed.iter().all(|is_complete| *is_complete), "{one:?}");
        assert_eq!(one.refused, Vec::<String>::new());
    }
}

/// Says so much that the buffers of somebody who reads nothing are full within seconds.
#[test]
fn who_does_not_listen_is_sent_away_and_holds_up_nobody() {
    const PEOPLE: usize = 10;
    const EACH: usize = 120;
    /// As fast as a socket is listened to.
    const PAUSE: Duration = Duration::from_millis(200);
    // Each of these is written with six characters.
    let long = "\"".repeat(5_000);
    let mut server = start();
    server.change(|settings| settings.chat.max_message_bytes = 8192);
    let mut sleeper = Talker::enter(server.http_port(), &address(PEOPLE));
    let mut people: Vec<Talker> = (0..PEOPLE).map(|one| Talker::enter(server.http_port(), &address(one))).collect();
    for _ in 0..EACH {
        let began = Instant::now();
        people.iter_mut().for_each(|one| one.say(&long));
        while !people.iter().all(Talker::is_confirmed) || began.elapsed() < PAUSE {
            assert!(began.elapsed() < BACK_WITHIN, "those who listen are held up");
            people.iter_mut().for_each(Talker::listen);
        }
    }
    hear(&mut people, PEOPLE * EACH);
    assert!(people.iter().all(|one| one.lost == 0 && one.refused.is_empty()));
    // It wakes up: what was on its way, the end, and what came after that.
    let last = people[0].heard.last().map(|said| said.id.clone());
    let end = Instant::now() + BACK_WITHIN;
    while sleeper.heard.last().map(|said| said.id.clone()) != last {
        assert!(Instant::now() < end, "the sleeper does not catch up");
        sleeper.listen();
    }
    assert!(sleeper.lost > 0, "it was sent away: {} heard", sleeper.heard.len());
    let told: BTreeSet<_> = ids(&sleeper.heard).into_iter().collect();
    assert_eq!(told.len(), sleeper.heard.len(), "nothing twice");
    let is_all = told.len() == PEOPLE * EACH;
    assert_eq!(sleeper.resumed.last(), Some(&is_all), "it is told whether that was all");
}

/// A client's frame, masked with zero: RFC 6455, section 5.2.
fn frame(first: u8, length: &[u8], payload: &[u8]) -> Vec<u8> {
    [&[first, length[0] | 0x80], &length[1..], &[0; 4], payload].concat()
}

/// What no client would send, and whether the server has to hang up on it.
fn hostile() -> Vec<(&'static str, Vec<u8>, bool)> {
    let mut random = Random::new(5);
    let noise: Vec<u8> = (0..4096).map(|_| random.number().to_le_bytes()[0]).collect();
    let text = |json: &str| {
        let length = u16::try_from(json.len()).unwrap().to_be_bytes();
        frame(0x81, &[126, length[0], length[1]], json.as_bytes())
    };
    vec![
        ("a frame without a mask", vec![0x81, 2, b'{', b'}'], true),
        ("noise", [vec![0xff], noise].concat(), true),
        ("a frame of four exabytes", frame(0x81, &[127, 0x40, 0, 0, 0, 0, 0, 0, 0], b"x"), true),
        ("a frame of a megabyte", frame(0x81, &[127, 0, 0, 0, 0, 0, 16, 0, 0], &vec![b'x'; 1 << 20]), true),
        (
            "a hundred pieces of a thousand bytes",
            [vec![frame(1, &[126, 4, 0], &[b'x'; 1024])], vec![frame(0, &[126, 4, 0], &[b'x'; 1024]); 99]]
                .concat()
                .concat(),
            true,
        ),
        ("text that is no UTF-8", frame(0x81, &[2], &[0xc3, 0x28]), true),
        ("a long ping", frame(0x89, &[126, 1, 0], &[0; 256]), true),
        ("an operation that does not exist", frame(0x83, &[0], &[]), true),
        ("a continuation of nothing", frame(0x80, &[1], b"x"), true),
        ("a message beyond the limit", text(&format!(r#"{{"type":"CHAT","body":"{}"}}"#, "x".repeat(30_000))), true),
        ("no JSON", text("}{"), false),
        ("JSON of another kind", text(r#"[{"type":["CHAT"],"body":{}}]"#), false),
        ("a body that is none", text(r#"{"type":"CHAT","body":[1,2,3]}"#), false),
        ("deep JSON", text(&"[".repeat(4_000)), false),
        ("a number beyond all", text(r#"{"type":"COLOR_CHANGE","newColor":1e999}"#), false),
        ("bytes", frame(0x82, &[3], &[0, 1, 2]), false),
        ("half a frame", vec![0x81, 0xfe, 0x10], false),
    ]
}

/// Waits until the server has hung up.
fn assert_ends(stream: &mut TcpStream, what: &str) {
    let end = Instant::now() + BACK_WITHIN;
    let mut buffer = [0; 4096];
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => return,
            Err(error) if !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => return,
            Ok(_) | Err(_) => assert!(Instant::now() < end, "{what} is borne"),
        }
    }
}

#[test]
fn what_no_client_would_say_ends_nobodys_conversation_but_its_own() {
    const CONNECTS: usize = 600;
    let server = start();
    let engine = server.pid_of("engine").unwrap();
    let mut people: Vec<Talker> = (0..2).map(|one| Talker::enter(server.http_port(), &address(one))).collect();
    let mut said = 0;
    let mut speak = |people: &mut [Talker]| {
        thread::sleep(BETWEEN);
        said += 1;
        people[0].say("still here");
        hear(people, said);
    };
    let mut borne = Vec::new();
    for (number, (what, bytes, is_end)) in hostile().into_iter().enumerate() {
        let mut stranger = Talker::enter(server.http_port(), &address(10 + number));
        let stream = stranger.stream().unwrap();
        // It may hang up before all was sent.
        stream.write_all(&bytes).ok();
        if is_end {
            assert_ends(stream, what);
        } else {
            borne.push(stranger);
        }
    }
    speak(&mut people);
    for one in &mut borne {
        one.listen();
        assert!(one.is_connected(), "who says something odd stays");
    }
    let upgrade = "GET /ws?accessToken=nobody HTTP/1.1\r\nhost: x\r\nupgrade: websocket\r\nconnection: upgrade\r\n\
                   sec-websocket-version: 13\r\nsec-websocket-key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n\r\n";
    let heads = [
        upgrade.to_owned(),
        upgrade[..90].to_owned(),
        upgrade.replace("13", "9"),
        upgrade.replace("nobody", &"x".repeat(6_000)),
    ];
    let mut open = Vec::new();
    for number in 0..CONNECTS {
        let mut stream = TcpStream::connect(("127.0.0.1", server.http_port())).unwrap();
        stream.write_all(heads[number % heads.len()].as_bytes()).ok();
        if number % 3 == 0 {
            open.push(stream);
        }
    }
    speak(&mut people);
    drop((open, borne));
    speak(&mut people);
    assert!(people.iter().all(|one| one.lost == 0 && one.refused.is_empty()), "{people:?}");
    assert_eq!(server.pid_of("engine"), Some(engine), "the engine is the same");
    assert!(!server.log().contains("panic"), "{}", process::tail(&server.log(), 20));
}
