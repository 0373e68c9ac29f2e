//! A document that cannot be applied changes nothing; bad bytes end their own connection; a process that dies is
//! replaced.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use nixcast_schema::Settings;
use nixcast_tests::server::{CONVERGED_WITHIN, Scene, replace};
use nixcast_tests::{process, wait};
use serde_json::{Value, json};

use crate::live::{Live, playlist_of, source_and_low};

/// Longest a connection that says nothing sensible is kept.
const ENDED_WITHIN: Duration = Duration::from_secs(40);

/// A document with twenty mistakes, each in another option.
fn twenty_mistakes(good: &Settings) -> Value {
    let mut document = serde_json::to_value(good).unwrap();
    let variant = document["video"]["variants"][0].clone();
    let mut second = variant.clone();
    second["name"] = json!("sec ond");
    second["width"] = json!(63);
    second["height"] = json!(361);
    second["framerate"] = json!(0);
    second["videoBitrateKbps"] = json!(1);
    second["audioBitrateKbps"] = json!("128");
    second["preset"] = json!("placebo");
    second["passthrough"] = json!(false);
    let mistakes: [(&str, Value); 12] = [
        ("/http/address", json!("localhost")),
        ("/http/port", json!(0)),
        ("/rtmp/port", json!(70000)),
        ("/instance/name", json!("")),
        ("/instance/tags", json!([""])),
        ("/instance/socialHandles", json!([{ "platform": "web", "url": "ftp://example.org" }])),
        ("/instance/theme/accent", json!("blue")),
        ("/video/latencyLevel", json!(9)),
        ("/reconcile/intervalSeconds", json!(1)),
        ("/reconcile/timeoutSeconds", json!(601)),
        ("/reconcile/onDrift", json!("ignore")),
        ("/streamKeys/0/keyFile", json!("relative/path")),
    ];
    for (place, value) in mistakes {
        *document.pointer_mut(place).unwrap() = value;
    }
    document["video"]["variants"] = json!([variant, second]);
    document["surprise"] = json!(true);
    document
}

#[test]
fn a_document_with_twenty_mistakes_reports_twenty_problems_and_changes_nothing() {
    let live = Live::start(Scene::with_key());
    let before = live.server.accepted();
    let document = twenty_mistakes(&live.server.settings).to_string();
    let expected = Settings::parse(&document).unwrap_err().as_slice().len();
    assert_eq!(expected, 20);

    let file = live.server.folder().join("mistaken.json");
    std::fs::write(&file, &document).unwrap();
    let file = file.to_str().unwrap();
    let commands = [
        vec!["validate", file, "--json"],
        vec!["plan", "--settings", file, "--json"],
        vec!["apply", "--settings", file, "--json"],
    ];
    for words in commands {
        let output = live.server.command(&words);
        assert_eq!(output.status.code(), Some(1), "{words:?}: {output:?}");
        let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(
            find(&answer, "problems").and_then(Value::as_array).map(Vec::len),
            Some(20),
            "{words:?}: {answer:#}"
        );
    }

    replace(&live.server.settings_file(), &document, 0o644);
    let refused = wait::until("the refusal in the status", CONVERGED_WITHIN, || {
        let status = live.server.status();
        find(&status, "problems").and_then(Value::as_array).map(Vec::len)
    });
    assert_eq!(refused, 20);
    assert_eq!(live.server.accepted(), before, "what is accepted has not changed");
    live.finish();
}

/// The value under `name`, wherever it stands.
fn find<'a>(value: &'a Value, name: &str) -> Option<&'a Value> {
    match value {
        Value::Object(members) => members.get(name).or_else(|| members.values().find_map(|member| find(member, name))),
        Value::Array(entries) => entries.iter().find_map(|entry| find(entry, name)),
        _ => None,
    }
}

/// Sends `bytes`, then says no more, and waits for the server to close.
fn assert_ended(port: u16, what: &str, bytes: &[u8]) {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(ENDED_WITHIN)).unwrap();
    stream.write_all(bytes).ok();
    let began = Instant::now();
    let mut answer = [0; 4096];
    loop {
        match stream.read(&mut answer) {
            Ok(0) => break,
            Ok(_) => (),
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => break,
            Err(error) => panic!("{what}: still open after {:?}: {error}", began.elapsed()),
        }
    }
    println!("{what}: ended after {:?}", began.elapsed());
}

/// Bytes that look like anything, the same each run (a linear congruential generator).
fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x2545_f491_u32;
    std::iter::repeat_with(|| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0]
    })
    .take(length)
    .collect()
}

#[test]
fn nonsense_on_a_socket_ends_that_connection_alone() {
    let live = Live::start(Scene::with_key());
    let (rtmp, http) = (live.server.settings.rtmp.port, live.server.http_port());
    let handshake = [[3].as_slice(), &[0; 1536], &[0; 1536]].concat();
    let after_handshake = |bytes: &[u8]| [&handshake, bytes].concat();
    // A chunk header of type 0 on chunk stream 3 that promises the largest message there can be.
    let huge_message = [0x03, 0, 0, 0, 0xff, 0xff, 0xff, 0x14, 0, 0, 0, 0];
    let cases: Vec<(u16, &str, Vec<u8>)> = vec![
        (rtmp, "noise instead of a handshake", noise(20_000)),
        (rtmp, "HTTP on the RTMP port", b"GET / HTTP/1.1\r\nhost: x\r\n\r\n".to_vec()),
        (rtmp, "a handshake that stops half way", noise(700)),
        (rtmp, "nothing at all", Vec::new()),
        (rtmp, "a handshake and nothing more", handshake.clone()),
        (rtmp, "noise after the handshake", after_handshake(&noise(20_000))),
        (rtmp, "a message of 16 MiB before anybody was let in", after_handshake(&huge_message)),
        (http, "noise instead of a request", noise(20_000)),
        (http, "RTMP on the HTTP port", after_handshake(&[])),
        (http, "a request that stops half way", b"GET / HTTP/1.1\r\nhos".to_vec()),
        (http, "a header without end", [b"GET / HTTP/1.1\r\nx: ".as_slice(), &vec![b'a'; 300_000]].concat()),
    ];
    std::thread::scope(|scope| {
        for (port, what, bytes) in &cases {
            scope.spawn(move || assert_ended(*port, what, bytes));
        }
    });
    live.assert_untouched();
    live.finish();
}

#[test]
fn slow_clients_are_not_waited_for_forever() {
    let live = Live::start(Scene::with_key());
    for port in [live.server.settings.rtmp.port, live.server.http_port()] {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        stream.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
        let first = if port == live.server.http_port() { b'G' } else { 3 };
        let began = Instant::now();
        stream.write_all(&[first]).unwrap();
        wait::until("a slow client to be let go", ENDED_WITHIN, || {
            let is_open = stream.write_all(b"a").is_ok();
            let answer = stream.read(&mut [0; 64]);
            let is_silent = answer.as_ref().is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock);
            (!is_open || (!is_silent && !matches!(answer, Ok(1..)))).then_some(())
        });
        println!("port {port}: let go after {:?}", began.elapsed());
    }
    live.finish();
}

#[test]
fn a_killed_worker_is_replaced_and_the_picture_is_back_within_two_keyframes() {
    let mut scene = Scene::with_key();
    scene.settings.video.variants = source_and_low();
    let live = Live::start(scene);
    live.watcher.wait_segments(3);
    let worker = live.server.broadcast().unwrap().worker_pid.expect("a rung is encoded");
    let list = |name: &str| nixcast_tests::playlist::media(live.server.http_port(), &playlist_of(name)).unwrap();
    let killed = Instant::now();
    process::kill(worker);
    let next = list("low").media_sequence + list("low").segments.len() as u64;
    let other = wait::until("another worker", Duration::from_secs(10), || {
        live.server.broadcast()?.worker_pid.filter(|pid| *pid != worker)
    });
    live.watcher.wait_msn(&playlist_of("low"), next);
    let took = killed.elapsed();
    println!("worker {worker} was replaced by {other}, the picture was back after {took:?}");
    // Two keyframe intervals of two seconds, and the segment of one second has to end before it is listed.
    assert!(took < Duration::from_secs(5), "the picture was back after {took:?}");

    live.watcher.wait_segments(3);
    live.assert_untouched();
    live.watcher.finish().assert_decodes();
}

#[test]
fn a_killed_agent_comes_back_and_the_stream_never_knew() {
    let mut live = Live::start(Scene::with_key());
    let agent = live.server.pid_of("agent").expect("the agent is a process of its own");
    process::kill(agent);
    wait::until("another agent", CONVERGED_WITHIN, || live.server.pid_of("agent").filter(|pid| *pid != agent));
    wait::until("convergence", CONVERGED_WITHIN, || live.server.is_converged().then_some(()));
    live.server.change(|s| "After the agent's return".clone_into(&mut s.instance.name));
    live.finish();
}

#[test]
fn the_mistaken_document_has_twenty_problems_in_twenty_options() {
    let key = nixcast_schema::StreamKey {
        name: "main".to_owned(),
        key_file: "/run/keys/main".to_owned(),
        comment: String::new(),
        enable: true,
        expires: None,
    };
    let good = Settings { stream_keys: vec![key], ..Settings::default() };
    let problems = Settings::parse(&twenty_mistakes(&good).to_string()).unwrap_err();
    let listed: Vec<String> = problems.iter().map(ToString::to_string).collect();
    assert_eq!(listed.len(), 20, "{}", listed.join("\n"));
}
