//! Damaged media from a publisher that does not know: flipped bits in the pictures and in the sound.

use std::fs;
use std::time::Duration;

use nixcast_schema::Variant;
use nixcast_tests::clip::Clip;
use nixcast_tests::publish::Publisher;
use nixcast_tests::random::Random;
use nixcast_tests::{playlist, wait};

use super::{scene, source};
use crate::live::{playlist_of, rung};

/// Media time that flies by at several times its own speed; each keyframe's group of pictures has a seed of its own.
const CLIP: Clip = Clip { gop: 15, seconds: 60, ..Clip::SMALL };

/// How many times real time it is sent: two cores encode two small rungs from it meanwhile.
const SPEED: f64 = 2.0;

/// `file` (FLV) with up to 64 bits flipped in each group of pictures, by a seed of its own. Headers of tags and codec
/// records stay as they are. Says how many seeds went into it.
fn damaged(mut file: Vec<u8>) -> (Vec<u8>, u64) {
    const TAG_HEAD: usize = 11;
    let (mut at, mut seed, mut random) = (13, 0, Random::new(0));
    while at + TAG_HEAD < file.len() {
        let length = usize::from(file[at + 1]) << 16 | usize::from(file[at + 2]) << 8 | usize::from(file[at + 3]);
        let (kind, body) = (file[at], at + TAG_HEAD);
        let (is_video, is_sound) = (kind == 9 && file[body + 1] == 1, kind == 8 && file[body + 1] == 1);
        if is_video && file[body] >> 4 == 1 {
            seed += 1;
            random = Random::new(seed);
        }
        let head = if is_video { 5 } else { 2 };
        // One unit in eight, and of the first seconds none: the broadcast has to begin.
        if (is_video || is_sound) && seed > 8 && length > head && random.chance(12) {
            for _ in 0..=random.below(16) {
                file[body + head + random.below(length - head)] ^= 1 << random.below(8);
            }
        }
        at = body + length + 4;
    }
    (file, seed)
}

#[test]
fn flipped_bits_in_the_media_end_no_broadcast() {
    let (scene, _) = scene(vec![source(), Variant { order: 2, ..rung("low", 144, 150) }]);
    let file = scene.folder().join("damaged.flv");
    let (bytes, seeds) = damaged(fs::read(CLIP.file()).unwrap());
    assert!(seeds > 100, "{seeds} groups of pictures");
    fs::write(&file, bytes).unwrap();
    let server = scene.start();
    let publisher = Publisher::copy_file(&server.target("main"), &file, SPEED);
    let session = server.wait_live().session;
    let last_msn = |name: &str| {
        let list = playlist::media(server.http_port(), &playlist_of(name)).ok()?;
        Some(playlist::last_msn(&list))
    };
    let mut most = 0;
    let mut stalled_since = std::time::Instant::now();
    let ended = wait::within(Duration::from_secs(180), || {
        let msn = last_msn("source").unwrap_or(most);
        if msn > most {
            (most, stalled_since) = (msn, std::time::Instant::now());
        }
        // An orderly end, which the publisher may take a moment longer for; whether it came too early is told below.
        let Some(facts) = server.broadcast() else { return Some(()) };
        assert_eq!(facts.session, session, "the publisher had to come back");
        let stalled = stalled_since.elapsed();
        assert!(stalled < Duration::from_secs(15), "no new segment for {stalled:?} after {most}");
        None
    });
    assert!(ended.is_some(), "the publisher is at its end");
    let status = publisher.process.wait(Duration::from_secs(20));
    assert!(status.success(), "the publisher was cut off: {status}\n{}", publisher.log());
    println!("{seeds} seeds, {most} segments of the source, {:?} of the rung", last_msn("low"));
    assert!(most >= 50, "{most} segments");
    assert!(last_msn("low").is_some_and(|msn| msn >= 40), "{:?} segments of the encoded rung", last_msn("low"));
    assert!(!server.log().contains("panicked"), "{}", server.log());
}
