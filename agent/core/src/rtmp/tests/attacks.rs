//! What public servers are sent, each case one that some RTMP implementation falls to.

use super::client::{
    AUDIO, COMMAND, VIDEO, call, connect, control, deciding, fault, greeting, message, publish, publishing,
};
use crate::rtmp::amf::Writer;
use crate::rtmp::{AmfError, Limits, Session, SessionError, Stage};

fn connected() -> Session {
    let mut session = Session::new(Limits::default());
    session.receive(&[greeting(), connect("live")].concat()).unwrap();
    session
}

/// A full header that announces `length` bytes.
fn announce(chunk_stream: u8, length: u32, kind: u8) -> Vec<u8> {
    let length = length.to_be_bytes();
    vec![chunk_stream, 0, 0, 0, length[1], length[2], length[3], kind, 1, 0, 0, 0]
}

#[test]
fn half_open_messages_of_a_stranger_cost_nothing() {
    let mut session = connected();
    let mut highest = 0;
    let mut outcome = Ok(());
    for chunk_stream in 0..200u8 {
        let header = [&[0, chunk_stream][..], &announce(0, 64 * 1024, COMMAND)[1..]].concat();
        outcome = session.receive(&[header, vec![0; 128]].concat());
        highest = highest.max(session.buffered_bytes());
        if outcome.is_err() {
            break;
        }
    }
    assert_eq!(outcome, Err(SessionError::TooMuchUnfinished { limit: 64 * 1024 }));
    assert!(highest <= 64 * 1024, "{highest}");
    assert_eq!((session.stage(), session.buffered_bytes()), (Stage::Closing, 0));
}

#[test]
fn half_open_messages_of_a_publisher_are_bounded() {
    let limits = Limits::default();
    let mut session = publishing();
    session.receive(&control(1, 0x7fff_ffff)).unwrap();
    let mut error = None;
    'streams: for chunk_stream in 3..63u8 {
        session.receive(&announce(chunk_stream, 8 * 1024 * 1024, VIDEO)).unwrap();
        assert_eq!(session.buffered_bytes() % (1024 * 1024), 0, "an announcement reserves nothing");
        for _ in 0..8 {
            if let Err(refusal) = session.receive(&vec![0; 1024 * 1024 - 1]) {
                error = Some(refusal);
                break 'streams;
            }
            assert!(session.buffered_bytes() <= limits.partial_bytes);
        }
        session.receive(&[0; 8]).unwrap();
        while session.next_event().is_some() {}
    }
    assert_eq!(error, None, "whole messages one after the other are what a publisher sends");
    let mut session = publishing();
    let outcome = (0..60u8).try_for_each(|index| {
        let outcome = session.receive(&[announce(3 + index, 8 * 1024 * 1024, VIDEO), vec![0; 128]].concat());
        assert!(session.buffered_bytes() <= 60 * 256, "{}", session.buffered_bytes());
        outcome
    });
    assert_eq!(outcome, Ok(()));
}

#[test]
fn unfinished_messages_of_a_publisher_have_a_common_bound() {
    let mut session = publishing();
    session.receive(&control(1, 4 * 1024 * 1024)).unwrap();
    let outcome = (0..5u8).try_for_each(|index| {
        session.receive(&[announce(3 + index, 8 * 1024 * 1024, VIDEO), vec![0; 4 * 1024 * 1024]].concat())
    });
    assert_eq!(outcome, Err(SessionError::TooMuchUnfinished { limit: 16 * 1024 * 1024 }));
}

#[test]
fn lengths_are_refused_when_announced() {
    let limit = 64 * 1024;
    let long = announce(3, limit + 1, COMMAND);
    let error =
        |limit: u32, length: u32| SessionError::MessageTooLong { length: length as usize, limit: limit as usize };
    assert_eq!(fault(connected(), &long), error(limit, limit + 1));
    assert_eq!(fault(publishing(), &long), error(limit, limit + 1));
    let media = 8 * 1024 * 1024;
    assert_eq!(fault(publishing(), &announce(4, media + 1, VIDEO)), error(media, media + 1));
    assert_eq!(fault(publishing(), &announce(4, 0x00ff_ffff, AUDIO)), error(media, 0x00ff_ffff));
    assert!(publishing().receive(&announce(4, media, VIDEO)).is_ok());
}

#[test]
fn chunk_streams_are_counted() {
    let mut session = publishing();
    let outcome = (0..200u8).try_for_each(|id| session.receive(&[&[0, id][..], &announce(0, 0, AUDIO)[1..]].concat()));
    assert_eq!(outcome, Err(SessionError::TooManyChunkStreams { limit: 64 }));
}

#[test]
fn a_stranger_cannot_talk_for_ever() {
    for chatter in [
        call("releaseStream", 2.0),
        call("nonsense", 2.0),
        control(3, 1),
        control(2, 3),
        message(2, 0, 4, &[0, 6, 0, 0, 0, 0]),
    ] {
        assert_eq!(fault(connected(), &chatter.repeat(64)), SessionError::TooManyMessages { limit: 64 });
        let mut session = connected();
        assert_eq!(session.receive(&chatter.repeat(62)), Ok(()));
    }
    assert_eq!(fault(deciding(), &control(3, 1).repeat(64)), SessionError::TooManyMessages { limit: 64 });
}

#[test]
fn windows_and_chunk_sizes_of_zero_do_no_harm() {
    let mut session = publishing();
    session.receive(&[control(5, 0), message(4, 0, AUDIO, &[1; 5000])].concat()).unwrap();
    assert!(session.take_output().is_empty());
    for size in [0, 0x8000_0000, u32::MAX] {
        assert_eq!(fault(connected(), &control(1, size)), SessionError::ChunkSize { size });
    }
    let mut session = publishing();
    session.receive(&control(5, 1)).unwrap();
    session.take_output();
    session.receive(&message(4, 0, AUDIO, &[1; 5000])).unwrap();
    assert_eq!(session.take_output().len(), 16, "one report for what was read in one go");
}

#[test]
fn control_messages_cut_short_are_refused() {
    for kind in [1, 2, 5] {
        assert_eq!(fault(connected(), &message(2, 0, kind, &[0, 0, 1])), SessionError::ControlTooShort { kind });
    }
    for payload in [&[][..], &[0], &[0, 6], &[0, 6, 1, 2, 3]] {
        assert_eq!(fault(connected(), &message(2, 0, 4, payload)), SessionError::ControlTooShort { kind: 4 });
    }
}

#[test]
fn a_stream_that_makes_no_sense_is_refused() {
    assert_eq!(fault(connected(), &[0xc7]), SessionError::NoHeader { id: 7 });
    let half = &message(6, 2, VIDEO, &[2; 300])[..140];
    let begun_twice = [half, &message(6, 3, VIDEO, b"x")].concat();
    assert_eq!(fault(publishing(), &begun_twice), SessionError::Interrupted { id: 6 });
    for version in [0, 6, 32, b'G'] {
        assert_eq!(fault(Session::new(Limits::default()), &[version]), SessionError::Version { version });
    }
}

#[test]
fn answers_and_events_that_nobody_takes_are_bounded() {
    let pings =
        [message(2, 0, 4, &[0, 6, 0, 0, 0, 0]), [&[0xc2][..], &[0, 6, 0, 0, 0, 0]].concat().repeat(40_000)].concat();
    assert_eq!(fault(publishing(), &pings), SessionError::TooMuchOutput { limit: 256 * 1024 });
    let dots = [message(4, 0, AUDIO, b"x"), [0xc4, b'x'].repeat(40_000)].concat();
    assert_eq!(fault(publishing(), &dots), SessionError::TooManyEvents { limit: 16 * 1024 });
    // What 32 KiB can bring forth stays within both.
    assert_eq!(publishing().receive(&pings[..32 * 1024]), Ok(()));
    assert_eq!(publishing().receive(&dots[..32 * 1024]), Ok(()));
}

#[test]
fn names_have_a_length() {
    let long = "k".repeat(1025);
    let error = SessionError::NameTooLong { limit: 1024 };
    assert_eq!(fault(connected(), &publish(&long)), error);
    assert_eq!(fault(Session::new(Limits::default()), &[greeting(), connect(&long)].concat()), error);
    assert_eq!(connected().receive(&publish(&long[..1024])), Ok(()));
}

#[test]
fn values_are_bounded_in_depth_and_number() {
    let head = || Writer::default().string("connect").number(1.0).finish();
    let nested = [head(), [&[3, 0, 1, b'a'][..]].concat().repeat(5000)].concat();
    let many = [head(), vec![10, 0xff, 0xff, 0xff, 0xff], vec![5; 5000]].concat();
    let cases = [
        (nested, AmfError::TooDeep),
        (many, AmfError::TooMany),
        ([head(), vec![10, 0xff, 0xff, 0xff, 0xff]].concat(), AmfError::Truncated),
        ([head(), vec![12, 0xff, 0xff, 0xff, 0xff, b'a']].concat(), AmfError::Truncated),
        ([head(), vec![8, 0xff, 0xff, 0xff, 0xff]].concat(), AmfError::Truncated),
        ([head(), vec![0x11]].concat(), AmfError::Marker(0x11)),
        (vec![2, 0, 9, b'a'], AmfError::Truncated),
        (vec![0, 0, 0, 0, 0, 0, 0, 0, 0], AmfError::Truncated),
        (vec![], AmfError::Truncated),
    ];
    for (payload, expected) in cases {
        let mut session = Session::new(Limits::default());
        session.receive(&greeting()).unwrap();
        assert_eq!(fault(session, &message(3, 0, COMMAND, &payload)), SessionError::Command(expected));
    }
}

#[test]
fn a_client_that_leaves_early_leaves_nothing() {
    let greeting = greeting();
    for length in [0, 1, 2, 1536, 1537, 1538, 3072] {
        let mut session = Session::new(Limits::default());
        session.receive(&greeting[..length]).unwrap();
        assert_eq!(session.stage(), Stage::Handshake);
        assert!(session.buffered_bytes() <= 1537);
        session.receive(&[]).unwrap();
    }
}
