//! What real publishers sent and were answered, byte for byte: ffmpeg 5.1, librtmp 2.4, OBS 29.0.
//!
//! ffmpeg and librtmp sent one second of 64x36 H.264 and mono AAC; the sums are those of the FLV file's tags. OBS is
//! cut off after 16 000 bytes.

use sha2::{Digest, Sha256};

use super::client::{contains, drain, play};
use crate::rtmp::{Event, Limits, Session, Stage};

pub(super) const FFMPEG: &[u8] = include_bytes!("recorded/ffmpeg.client");
pub(super) const LIBRTMP: &[u8] = include_bytes!("recorded/librtmp.client");
pub(super) const OBS: &[u8] = include_bytes!("recorded/obs.client");

/// Number of video and of audio messages, and the first 8 bytes of the SHA-256 over the bodies of each.
fn sums(client: &[u8]) -> (usize, String, usize, String) {
    let mut session = Session::new(Limits::default());
    let (mut videos, mut audios) = ((0, Sha256::new()), (0, Sha256::new()));
    for piece in client.chunks(1) {
        session.receive(piece).unwrap();
        while let Some(event) = session.next_event() {
            let (track, payload) = match event {
                Event::PublishRequested { .. } => {
                    session.accept_publish();
                    continue;
                }
                Event::Video { payload, .. } => (&mut videos, payload),
                Event::Audio { payload, .. } => (&mut audios, payload),
                Event::Metadata(_) | Event::Unpublished => continue,
            };
            track.0 += 1;
            track.1.update(&payload);
        }
    }
    (videos.0, short(videos.1), audios.0, short(audios.1))
}

fn short(hash: Sha256) -> String {
    hash.finalize()[..8].iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn every_tag_of_the_file_comes_through_unchanged() {
    for client in [FFMPEG, LIBRTMP] {
        let (videos, video_sum, audios, audio_sum) = sums(client);
        assert_eq!((videos, video_sum.as_str()), (12, "29867c1d9d9f132f"));
        assert_eq!((audios, audio_sum.as_str()), (46, "476e019cd368d3df"));
    }
}

#[test]
fn the_answers_are_those_the_publishers_were_content_with() {
    let cases: [(&[u8], &[u8]); 3] = [
        (FFMPEG, include_bytes!("recorded/ffmpeg.server")),
        (LIBRTMP, include_bytes!("recorded/librtmp.server")),
        (OBS, include_bytes!("recorded/obs.server")),
    ];
    for (client, server) in cases {
        let mut session = Session::new(Limits::default());
        // In small pieces: a client does not go on before it has its answer.
        play(&mut session, client.chunks(1));
        let output = session.take_output();
        assert!(
            server.starts_with(&output) && output.len() >= 3668,
            "{} bytes of answers, {} recorded",
            output.len(),
            server.len()
        );
    }
}

#[test]
fn a_refused_ffmpeg_reads_the_reason() {
    let mut session = Session::new(Limits::default());
    session.receive(include_bytes!("recorded/ffmpeg-refused.client")).unwrap();
    assert!(matches!(session.next_event(), Some(Event::PublishRequested { .. })));
    session.refuse_publish("stream key not known; see services.nixcast.streamKeys");
    assert_eq!(session.stage(), Stage::Closing);
    assert!(session.take_output() == include_bytes!("recorded/ffmpeg-refused.server")[..]);
}

#[test]
fn each_says_who_it_is_and_what_it_sends() {
    for (client, app_and_key, encoder, is_whole) in [
        (FFMPEG, "publish live secret-key", "Lavf", true),
        (LIBRTMP, "publish live secret-key", "Lavf", true),
        (OBS, "publish live secret-key", "obs-output module", false),
    ] {
        let mut session = Session::new(Limits::default());
        let lines = play(&mut session, client.chunks(1));
        assert_eq!(lines[0], app_and_key);
        assert!(lines[1].starts_with("Metadata") && lines[1].contains(encoder), "{}", lines[1]);
        assert_eq!(lines.last().unwrap() == "unpublished", is_whole);
        assert_eq!(session.stage() == Stage::Closing, is_whole);
        assert!(lines.len() > 4 && !lines.iter().any(|line| line.starts_with("error")));
    }
}

#[test]
fn a_revoked_key_ends_the_session_with_a_reason() {
    let mut session = Session::new(Limits::default());
    play(&mut session, OBS.chunks(1));
    session.take_output();
    session.end("the stream key was revoked");
    let output = session.take_output();
    assert!(contains(&output, "NetStream.Publish.Rejected") && contains(&output, "the stream key was revoked"));
    assert_eq!(session.stage(), Stage::Closing);
    session.receive(OBS).unwrap();
    assert!(drain(&mut session).is_empty() && session.take_output().is_empty());
}
