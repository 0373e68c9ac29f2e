//! A whole connection. The first byte says how it is cut; the rest is what the client sends. Whatever it asks to
//! publish is accepted, so that the media path is reached.
#![no_main]

use libfuzzer_sys::fuzz_target;
use nixcast_core::flv::{VideoTrack, read_audio};
use nixcast_core::rtmp::{Event, Limits, Session, Stage};
use nixcast_core::timeline::Timeline;

fuzz_target!(|input: &[u8]| {
    let Some((&cut, bytes)) = input.split_first() else { return };
    let limits = Limits::default();
    let (mut session, mut video, mut timeline) = (Session::new(limits.clone()), VideoTrack::new(), Timeline::new());
    for piece in bytes.chunks(usize::from(cut) + 1) {
        let outcome = session.receive(piece);
        while let Some(event) = session.next_event() {
            match event {
                Event::PublishRequested { .. } => session.accept_publish(),
                Event::Video { timestamp_ms, payload } => {
                    drop(video.read(&payload));
                    timeline.video(timestamp_ms, 0);
                }
                Event::Audio { timestamp_ms, payload } => {
                    drop(read_audio(&payload));
                    timeline.audio(timestamp_ms);
                }
                Event::Metadata(_) | Event::Unpublished => (),
            }
        }
        session.take_output();
        assert!(session.buffered_bytes() <= limits.partial_bytes);
        assert!(outcome.is_ok() || session.stage() == Stage::Closing);
    }
});
