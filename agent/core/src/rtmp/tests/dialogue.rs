//! The protocol's ways of saying things that the recorded publishers do not use.

use super::client::{
    AUDIO, DATA, VIDEO, call, connect, contains, control, deciding, drain, fault, fingerprint, greeting, message, play,
    publish, publishing,
};
use crate::rtmp::{Event, Limits, Session, SessionError, Stage};

#[test]
fn the_greeting_is_echoed_exactly() {
    let mut session = Session::new(Limits::default());
    session.receive(&greeting()).unwrap();
    let output = session.take_output();
    assert_eq!(output.len(), 1 + 2 * 1536);
    assert_eq!(output[0], 3);
    assert_eq!(output[1..9], [0; 8], "time and version 0: no signature is offered");
    assert_eq!(output[1 + 1536..], greeting()[1..1 + 1536]);
    assert_eq!(session.stage(), Stage::Connecting);
}

#[test]
fn app_and_key_are_told_apart() {
    let cases = [
        ("live", "KEY", "live", "KEY"),
        ("live/", "KEY", "live", "KEY"),
        ("live", "KEY?user=a&path=/b/c", "live", "KEY?user=a&path=/b/c"),
        ("live", "a/b", "live", "a/b"),
        ("live?from=obs", "KEY", "live", "KEY"),
        ("live/KEY", "", "live", "KEY"),
        ("live/KEY?x=/y", "", "live", "KEY?x=/y"),
        ("live/", "", "live", ""),
        ("KEY", "", "", "KEY"),
        ("", "", "", ""),
        ("live/extra", "KEY", "live/extra", "KEY"),
    ];
    for (app, name, expected_app, expected_key) in cases {
        let mut session = Session::new(Limits::default());
        let lines = play(&mut session, [greeting(), connect(app), publish(name)].iter().map(Vec::as_slice));
        assert_eq!(lines, [format!("publish {expected_app} {expected_key}")], "{app:?} {name:?}");
    }
}

#[test]
fn a_key_is_never_printed() {
    let mut session = Session::new(Limits::default());
    session.receive(&[greeting(), connect("live/hunter2"), publish("hunter2")].concat()).unwrap();
    assert!(!format!("{session:?}").contains("hunter2"));
    let event = session.next_event().unwrap();
    let shown = format!("{event:?}").replace("live/hunter2", "");
    assert!(shown.contains("StreamKeyInput") && !shown.contains("hunter2"), "{shown}");
    assert!(!contains(&session.take_output(), "hunter2"));
}

#[test]
fn calls_are_answered_by_their_number() {
    let mut session = Session::new(Limits::default());
    session.receive(&[greeting(), connect("live")].concat()).unwrap();
    assert!(contains(&session.take_output(), "NetConnection.Connect.Success"));
    for (name, words) in [
        ("releaseStream", &["_result"][..]),
        ("FCPublish", &["_result", "onFCPublish"]),
        ("createStream", &["_result"]),
        ("_checkbw", &["_result"]),
        ("getStreamLength", &["_error", "NetConnection.Call.Failed"]),
    ] {
        session.receive(&call(name, 77.0)).unwrap();
        let output = session.take_output();
        assert!(words.iter().all(|word| contains(&output, word)), "{name}");
        assert!(output.windows(8).any(|window| window == 77f64.to_be_bytes()), "{name}");
        assert!(!contains(&output, name) || name == "FCPublish");
    }
    session.receive(&[call("unknownNotice", 0.0), call("onStatus", 9.0), call("closeStream", 0.0)].concat()).unwrap();
    assert!(session.take_output().is_empty());
    assert_eq!(session.stage(), Stage::AwaitingPublish);
}

#[test]
fn a_player_is_told_where_to_watch() {
    for name in ["play", "play2", "FCSubscribe"] {
        let mut session = Session::new(Limits::default());
        session.receive(&[greeting(), connect("live"), call(name, 4.0)].concat()).unwrap();
        let output = session.take_output();
        assert!(contains(&output, "NetStream.Play.Failed") && contains(&output, "web page"), "{name}");
        assert_eq!(session.stage(), Stage::Closing);
    }
}

#[test]
fn commands_out_of_order_are_refused() {
    let order = |bytes: &[Vec<u8>]| fault(Session::new(Limits::default()), &[greeting(), bytes.concat()].concat());
    assert_eq!(order(&[publish("k")]), SessionError::OutOfOrder { name: "publish" });
    assert_eq!(order(&[call("createStream", 1.0)]), SessionError::OutOfOrder { name: "createStream" });
    assert_eq!(order(&[connect("a"), connect("a")]), SessionError::OutOfOrder { name: "connect" });
    assert_eq!(order(&[call("connect", 1.0)]), SessionError::Incomplete { name: "connect" });
    assert_eq!(order(&[connect("a"), call("publish", 1.0)]), SessionError::Incomplete { name: "publish" });
    assert_eq!(fault(publishing(), &publish("k")), SessionError::OutOfOrder { name: "publish" });
}

#[test]
fn nothing_is_taken_before_the_decision() {
    for (kind, payload) in [(AUDIO, &[0xaf, 1, 2][..]), (VIDEO, &[0x17, 1]), (22, &[0; 30]), (DATA, &[2, 0, 1, b'x'])] {
        assert_eq!(fault(deciding(), &message(4, 0, kind, payload)), SessionError::MediaBeforeAccept, "{kind}");
    }
    // The header is enough.
    assert_eq!(fault(deciding(), &[4, 0, 0, 0, 0x7f, 0, 0, VIDEO, 1, 0, 0, 0]), SessionError::MediaBeforeAccept);
}

#[test]
fn a_protocol_error_is_told_to_the_publisher_too() {
    let mut session = deciding();
    session.take_output();
    session.receive(&message(4, 0, AUDIO, &[1])).unwrap_err();
    assert!(contains(&session.take_output(), "media came before the publish request was accepted"));
}

#[test]
fn refusing_needs_no_publish_and_accepting_does() {
    let mut session = Session::new(Limits::default());
    session.accept_publish();
    assert_eq!(session.stage(), Stage::Handshake);
    session.end("going away");
    assert!(session.take_output().is_empty());
    assert_eq!(session.stage(), Stage::Closing);
}

#[test]
fn a_long_reason_is_cut_between_characters() {
    let mut session = deciding();
    session.take_output();
    session.refuse_publish(&"ü".repeat(5000));
    assert!((500..900).contains(&session.take_output().len()));
}

#[test]
fn each_goodbye_ends_the_session_once() {
    for name in ["FCUnpublish", "deleteStream", "closeStream"] {
        let mut session = publishing();
        session.receive(&[call(name, 6.0), call("deleteStream", 7.0)].concat()).unwrap();
        assert_eq!(drain(&mut session), ["unpublished"], "{name}");
        assert_eq!(session.stage(), Stage::Closing);
    }
}

/// (what, bytes, events).
#[test]
fn every_header_form_is_read() {
    let video = |time: u32, payload: &[u8]| format!("video {time} {}", fingerprint(payload));
    let full = |time| message(6, time, VIDEO, b"ab");
    let cases: Vec<(&str, Vec<u8>, Vec<String>)> = vec![
        (
            "delta, new length",
            [full(10), vec![0x46, 0, 0, 5, 0, 0, 1, 9, b'c']].concat(),
            vec![video(10, b"ab"), video(15, b"c")],
        ),
        ("delta only", [full(10), vec![0x86, 0, 0, 7, b'c', b'd']].concat(), vec![video(10, b"ab"), video(17, b"cd")]),
        (
            "bare header repeats the delta",
            [full(10), vec![0x86, 0, 0, 7, b'c', b'd', 0xc6, b'e', b'f']].concat(),
            vec![video(10, b"ab"), video(17, b"cd"), video(24, b"ef")],
        ),
        (
            "bare header after a full one",
            [full(10), vec![0xc6, b'e', b'f']].concat(),
            vec![video(10, b"ab"), video(20, b"ef")],
        ),
        ("delta as the first header", vec![0x46, 0, 0, 5, 0, 0, 1, 9, b'c'], vec![video(5, b"c")]),
        ("delta only as the first header", vec![0x86, 0, 0, 5], vec![]),
        ("two-byte chunk stream id", [vec![0x00, 200], full(3)[1..].to_vec()].concat(), vec![video(3, b"ab")]),
        ("three-byte chunk stream id", [vec![0x01, 200, 9], full(3)[1..].to_vec()].concat(), vec![video(3, b"ab")]),
        ("extended time", full(0x0100_0000), vec![video(0x0100_0000, b"ab")]),
        ("extended time on each chunk", message(6, u32::MAX, VIDEO, &[7; 300]), vec![video(u32::MAX, &[7; 300])]),
        (
            "extended delta wraps",
            [full(u32::MAX), vec![0x86, 0xff, 0xff, 0xff, 1, 0, 0, 0, b'c', b'd']].concat(),
            vec![video(u32::MAX, b"ab"), video(0x00ff_ffff, b"cd")],
        ),
        ("empty message", message(6, 1, VIDEO, b""), vec![]),
        (
            "larger chunks",
            [control(1, 1_048_576), vec![6, 0, 0, 1, 0, 3, 0, 9, 1, 0, 0, 0], vec![5; 768]].concat(),
            vec![video(1, &[5; 768])],
        ),
        (
            "largest chunk size",
            [control(1, 0x7fff_ffff), vec![6, 0, 0, 1, 0, 3, 0, 9, 1, 0, 0, 0], vec![5; 768]].concat(),
            vec![video(1, &[5; 768])],
        ),
        (
            "chunks of one byte",
            [control(1, 1), vec![6, 0, 0, 1, 0, 0, 2, 9, 1, 0, 0, 0, b'a', 0xc6, b'b']].concat(),
            vec![video(1, b"ab")],
        ),
        (
            "AMF3 command",
            message(3, 0, 17, &[&[0][..], &call("deleteStream", 1.0)[12..]].concat()),
            vec!["unpublished".to_owned()],
        ),
        (
            "unknown types are passed over",
            [message(3, 0, 99, b"abc"), message(3, 0, 6, &[0; 5]), message(3, 0, 3, &[0; 4])].concat(),
            vec![],
        ),
    ];
    for (what, bytes, expected) in cases {
        assert_eq!(play(&mut publishing(), std::iter::once(&bytes[..])), expected, "{what}");
        assert_eq!(play(&mut publishing(), bytes.chunks(1)), expected, "{what}, byte by byte");
    }
}

#[test]
fn chunk_streams_interleave() {
    let (sound, picture) = (message(4, 1, AUDIO, &[1; 200]), message(6, 2, VIDEO, &[2; 300]));
    let bytes = [&picture[..140], &sound[..140], &picture[140..269], &sound[140..], &picture[269..]].concat();
    let expected = [format!("audio 1 {}", fingerprint(&[1; 200])), format!("video 2 {}", fingerprint(&[2; 300]))];
    assert_eq!(play(&mut publishing(), std::iter::once(&bytes[..])), expected);
}

#[test]
fn an_aborted_message_is_forgotten() {
    let mut session = publishing();
    let half = &message(6, 2, VIDEO, &[2; 300])[..140];
    session.receive(half).unwrap();
    assert_eq!(session.buffered_bytes(), 300);
    session.receive(&[control(2, 6), control(2, 60_000), message(6, 5, VIDEO, b"x")].concat()).unwrap();
    assert_eq!(drain(&mut session), [format!("video 5 {}", fingerprint(b"x"))]);
    assert_eq!(session.buffered_bytes(), 0);
}

#[test]
fn an_aggregate_is_its_tags() {
    let tag = |kind: u8, time: u32, body: &[u8]| {
        let time = time.to_be_bytes();
        let head = [kind, 0, 0, body.len() as u8, time[1], time[2], time[3], time[0], 0, 0, 0];
        [&head[..], body, &[0, 0, 0, 11 + body.len() as u8]].concat()
    };
    let tags = [tag(AUDIO, 0x0200_0000, b"a"), tag(VIDEO, 0x0200_0007, b"bc"), tag(AUDIO, 0x0200_0009, b"")].concat();
    let expected = [format!("audio 50 {}", fingerprint(b"a")), format!("video 57 {}", fingerprint(b"bc"))];
    assert_eq!(play(&mut publishing(), std::iter::once(&message(4, 50, 22, &tags)[..])), expected);
    for cut in [1, 5, 12, 13, 25] {
        let outcome = publishing().receive(&message(4, 50, 22, &tags[..tags.len() - 4 - cut]));
        assert!(matches!(outcome, Ok(()) | Err(SessionError::Aggregate)), "{cut}");
    }
    assert_eq!(fault(publishing(), &message(4, 50, 22, &tags[..11])), SessionError::Aggregate);
}

#[test]
fn pings_and_windows_are_answered() {
    let mut session = publishing();
    session.receive(&message(2, 0, 4, &[0, 6, 1, 2, 3, 4])).unwrap();
    assert_eq!(session.take_output()[12..], [0, 7, 1, 2, 3, 4]);
    session.receive(&[message(2, 0, 4, &[0, 3, 0, 0, 0, 1, 0, 0, 0, 9]), control(5, 1000)].concat()).unwrap();
    session.take_output();
    session.receive(&message(4, 0, AUDIO, &[9; 1000])).unwrap();
    let output = session.take_output();
    assert_eq!((output[7], output.len()), (3, 16), "an acknowledgement");
}

#[test]
fn events_wait_in_order_while_undecided() {
    let mut session = Session::new(Limits::default());
    session.receive(&[greeting(), connect("live"), publish("k")].concat()).unwrap();
    assert_eq!(session.stage(), Stage::Deciding);
    assert!(matches!(session.next_event(), Some(Event::PublishRequested { .. })));
    assert!(session.next_event().is_none());
    session.refuse_publish("no");
    session.accept_publish();
    assert_eq!(session.stage(), Stage::Closing, "a refusal stands");
}
