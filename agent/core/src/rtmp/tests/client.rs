//! A client to write bytes with, and the session's events as text.

use sha2::{Digest, Sha256};

use crate::rtmp::amf::Writer;
use crate::rtmp::{Event, Limits, Session, SessionError, Stage};

pub(super) const AUDIO: u8 = 8;
pub(super) const VIDEO: u8 = 9;
pub(super) const DATA: u8 = 18;
pub(super) const COMMAND: u8 = 20;

/// C0, C1 and C2.
pub(super) fn greeting() -> Vec<u8> {
    let mut bytes = vec![3];
    bytes.extend((0..3072u32).map(|index| (index * 7) as u8));
    bytes
}

/// One message with a full header, in chunks of 128 bytes. `chunk_stream` is 2 to 63.
pub(super) fn message(chunk_stream: u8, time: u32, kind: u8, payload: &[u8]) -> Vec<u8> {
    let field = time.min(0x00ff_ffff).to_be_bytes();
    let length = (payload.len() as u32).to_be_bytes();
    let extended = if time >= 0x00ff_ffff { time.to_be_bytes().to_vec() } else { Vec::new() };
    let mut bytes = vec![chunk_stream, field[1], field[2], field[3], length[1], length[2], length[3], kind, 1, 0, 0, 0];
    bytes.extend(&extended);
    for (index, piece) in payload.chunks(128).enumerate() {
        if index > 0 {
            bytes.push(0xc0 | chunk_stream);
            bytes.extend(&extended);
        }
        bytes.extend(piece);
    }
    bytes
}

pub(super) fn control(kind: u8, value: u32) -> Vec<u8> {
    message(2, 0, kind, &value.to_be_bytes())
}

pub(super) fn connect(app: &str) -> Vec<u8> {
    command(
        Writer::default().string("connect").number(1.0).object().field("app", app).field("type", "nonprivate").end(),
    )
}

pub(super) fn call(name: &str, number: f64) -> Vec<u8> {
    command(Writer::default().string(name).number(number).null())
}

pub(super) fn publish(key: &str) -> Vec<u8> {
    command(Writer::default().string("publish").number(5.0).null().string(key).string("live"))
}

fn command(values: Writer) -> Vec<u8> {
    message(3, 0, COMMAND, &values.finish())
}

/// A session that has come to [`Stage::Deciding`].
pub(super) fn deciding() -> Session {
    let mut session = Session::new(Limits::default());
    let bytes = [greeting(), connect("live"), call("createStream", 4.0), publish("secret")].concat();
    session.receive(&bytes).unwrap();
    assert!(matches!(session.next_event(), Some(Event::PublishRequested { .. })));
    assert_eq!(session.stage(), Stage::Deciding);
    session
}

/// A session that takes media, its output drained.
pub(super) fn publishing() -> Session {
    let mut session = deciding();
    session.accept_publish();
    session.take_output();
    session
}

/// All events so far, one a line; media with size and a short hash. Publish requests are accepted.
pub(super) fn drain(session: &mut Session) -> Vec<String> {
    let mut lines = Vec::new();
    while let Some(event) = session.next_event() {
        lines.push(match event {
            Event::PublishRequested { app, key } => {
                session.accept_publish();
                format!("publish {app} {}", key.expose())
            }
            Event::Video { timestamp_ms, payload } => format!("video {timestamp_ms} {}", fingerprint(&payload)),
            Event::Audio { timestamp_ms, payload } => format!("audio {timestamp_ms} {}", fingerprint(&payload)),
            Event::Metadata(metadata) => format!("{metadata:?}"),
            Event::Unpublished => "unpublished".to_owned(),
        });
    }
    lines
}

/// Feeds the pieces, draining after each; the events, then the error if there was one.
pub(super) fn play<'a>(session: &mut Session, pieces: impl Iterator<Item = &'a [u8]>) -> Vec<String> {
    let mut lines = Vec::new();
    for piece in pieces {
        let outcome = session.receive(piece);
        lines.extend(drain(session));
        if let Err(error) = outcome {
            lines.push(format!("error {error}"));
            break;
        }
    }
    lines
}

/// The error of a session at `stage` that gets `bytes`.
pub(super) fn fault(mut session: Session, bytes: &[u8]) -> SessionError {
    let error = session.receive(bytes).unwrap_err();
    assert_eq!(session.stage(), Stage::Closing, "{error}");
    assert_eq!(session.buffered_bytes(), 0, "{error}");
    error
}

pub(super) fn fingerprint(payload: &[u8]) -> String {
    let digest = Sha256::digest(payload);
    let hex: String = digest[..8].iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{} {hex}", payload.len())
}

pub(super) fn contains(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}
