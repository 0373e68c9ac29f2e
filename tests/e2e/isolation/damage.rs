//! Damaged media from a publisher that does not know: flipped bits in the pictures and in the sound.

use std::time::Duration;

use nixcast_tests::clip::Clip;
use nixcast_tests::flv::{self, Kind, Tag};
use nixcast_tests::publish::Publisher;
use nixcast_tests::random::Random;
use nixcast_tests::{playlist, wait};

use super::scene;
use crate::live::{playlist_of, source_and_low};

/// Media time that flies by at several times its own speed; each keyframe's group of pictures has a seed of its own.
const CLIP: Clip = Clip { gop: 15, seconds: 60, ..Clip::SMALL };

/// How many times real time it is sent: two cores encode two small rungs from it meanwhile.
const SPEED: f64 = 2.0;

/// Flips up to 16 bits in one unit of eight, with a seed of its own for each group of pictures. Heads of tags and codec
/// records stay as they are. Says how many seeds went into it.
fn damage(tags: &mut [Tag]) -> u64 {
    let (mut seed, mut random) = (0, Random::new(0));
    for tag in tags.iter_mut().filter(|tag| tag.kind != Kind::Script && !tag.is_config()) {
        if tag.is_keyframe() {
            seed += 1;
            random = Random::new(seed);
        }
        let head = if tag.kind == Kind::Video { 5 } else { 2 };
        // Of the first seconds none: the broadcast has to begin.
        if seed > 8 && tag.body.len() > head && random.chance(12) {
            let media = &mut tag.body[head..];
            for _ in 0..=random.below(16) {
                media[random.below(media.len())] ^= 1 << random.below(8);
            }
        }
    }
    seed
}

#[test]
fn flipped_bits_in_the_media_end_no_broadcast() {
    let (scene, _) = scene(source_and_low());
    let file = scene.folder().join("damaged.flv");
    let mut tags = flv::read(&CLIP.file());
    let seeds = damage(&mut tags);
    assert!(seeds > 100, "{seeds} groups of pictures");
    flv::write(&file, &tags);
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
