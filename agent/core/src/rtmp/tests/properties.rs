//! Whatever comes, cut however it is: the same events, no panic, and no more memory than the limits say. The twin of
//! the fuzz targets in `tests/fuzz`.

use proptest::prelude::*;

use super::client::{connect, greeting, play, publish};
use super::recorded::{FFMPEG, LIBRTMP, OBS};
use crate::rtmp::{Limits, Session, Stage};

fn whole(client: &[u8]) -> Vec<String> {
    play(&mut Session::new(Limits::default()), client.chunks(1))
}

#[test]
fn a_dialogue_may_be_cut_at_every_byte() {
    // A client waits for the answer to its publish request, so there is a cut there in any case.
    let (expected, accepted) = (whole(FFMPEG), accepted_at(FFMPEG));
    for cut in greeting().len()..FFMPEG.len() {
        let ends = [cut.min(accepted), cut.max(accepted), FFMPEG.len()];
        let mut from = 0;
        let pieces = ends.map(|end| &FFMPEG[std::mem::replace(&mut from, end)..end]);
        assert_eq!(play(&mut Session::new(Limits::default()), pieces.into_iter()), expected, "cut at {cut}");
    }
}

/// Where the publish request is whole: the client goes on only once it has its answer.
fn accepted_at(client: &[u8]) -> usize {
    let mut session = Session::new(Limits::default());
    1 + client
        .iter()
        .position(|byte| {
            session.receive(&[*byte]).unwrap();
            session.stage() == Stage::Deciding
        })
        .unwrap()
}

/// Feeds and holds the session to its limits after each piece.
fn stays_within_limits(session: &mut Session, bytes: &[u8], piece: usize) {
    let limits = Limits::default();
    for piece in bytes.chunks(piece) {
        let bound = if session.stage() == Stage::Publishing { limits.partial_bytes } else { limits.control_bytes };
        let lines = play(session, std::iter::once(piece));
        assert!(session.buffered_bytes() <= bound.max(1537));
        assert!(lines.len() <= limits.events + 1);
        assert!(session.take_output().len() <= limits.output_bytes + 8192);
        if session.stage() == Stage::Closing {
            assert_eq!(session.buffered_bytes(), 0);
        }
    }
}

/// A session at one of its stages.
fn at_stage(stage: u8) -> Session {
    let mut session = Session::new(Limits::default());
    let prefix = [greeting(), connect("live"), publish("secret")];
    for part in &prefix[..usize::from(stage)] {
        session.receive(part).unwrap();
    }
    if stage == 3 {
        session.next_event();
        session.accept_publish();
    }
    session.take_output();
    session
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn pieces_do_not_matter(sizes in prop::collection::vec(1usize..600, 1..40), which in 0usize..3) {
        let client = [FFMPEG, LIBRTMP, OBS][which];
        let accepted = accepted_at(client);
        let (before, after) = client.split_at(accepted);
        let mut pieces = Vec::new();
        let mut sizes = sizes.iter().cycle();
        for mut part in [before, after] {
            while !part.is_empty() {
                let (piece, rest) = part.split_at((*sizes.next().unwrap()).min(part.len()));
                pieces.push(piece);
                part = rest;
            }
        }
        prop_assert_eq!(play(&mut Session::new(Limits::default()), pieces.into_iter()), whole(client));
    }

    #[test]
    fn noise_at_any_stage(stage in 0u8..4, bytes in prop::collection::vec(any::<u8>(), 0..4000), piece in 1usize..500) {
        stays_within_limits(&mut at_stage(stage), &bytes, piece);
    }

    /// Small numbers make headers that are nearly right.
    #[test]
    fn likely_noise(stage in 1u8..4, bytes in prop::collection::vec(prop_oneof![0u8..25, Just(0x43), Just(0xc3), Just(0xff)], 0..3000)) {
        stays_within_limits(&mut at_stage(stage), &bytes, 64);
    }

    #[test]
    fn a_dialogue_with_faults(
        which in 0usize..3,
        faults in prop::collection::vec((3073usize..8000, any::<u8>(), 0u8..4), 1..12),
        piece in 1usize..700,
    ) {
        let mut bytes = [FFMPEG, LIBRTMP, OBS][which].to_vec();
        for (at, value, kind) in faults {
            let at = at.min(bytes.len() - 1);
            match kind {
                0 => bytes[at] = value,
                1 => bytes[at] ^= 1 << (value % 8),
                2 => bytes.insert(at, value),
                _ => drop(bytes.remove(at)),
            }
        }
        stays_within_limits(&mut Session::new(Limits::default()), &bytes, piece);
    }
}
