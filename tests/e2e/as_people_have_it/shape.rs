//! Sizes: odd ones, portrait, and one that changes under way.

use nixcast_tests::beat::Beat;
use nixcast_tests::flv::{self, Kind, Tag};

use super::*;

#[test]
fn odd_sizes_and_portrait() {
    // Sent, and what a rung of 144 lines makes of it.
    let cases = [
        ((854, 480), (256, 144)),
        ((1366, 768), (256, 144)),
        ((426, 240), (256, 144)),
        ((322, 182), (254, 144)),
        ((360, 640), (82, 144)),
        ((608, 1080), (82, 144)),
    ];
    for group in cases.chunks(3) {
        at_once(group, |&((width, height), low)| {
            let story = send(&Beat { width, height, ..Beat::USUAL }, Ladder::Both, 3);
            assert_eq!(size_of(&picture_of(&story, "source")), (u64::from(width), u64::from(height)));
            let (got_width, got_height) = size_of(&picture_of(&story, "low"));
            assert!(
                got_height == low.1 && got_width.abs_diff(low.0) <= 2,
                "{width}x{height} became {got_width}x{got_height}"
            );
            assert_every_picture(&story, "source", 30.0);
            assert_together(&story, "low");
        });
    }
}

/// The usual clip for six seconds, then this one.
fn joined(second: &Beat) -> Vec<Tag> {
    const THEN: u32 = 6_000;
    let before = flv::read(&Beat::USUAL.file()).into_iter().filter(|tag| tag.time < THEN);
    let after = flv::read(&second.file()).into_iter().filter(|tag| tag.kind != Kind::Script);
    before.chain(after.map(|tag| Tag { time: tag.time + THEN, ..tag })).collect()
}

#[test]
fn a_resolution_that_changes_under_way() {
    let second = Beat { width: 480, height: 272, ..Beat::USUAL };
    let story = send_tags(&joined(&second), 10);
    let source = story.rung("source");
    let inits: std::collections::BTreeSet<&String> = source.segments.values().map(|segment| &segment.init).collect();
    assert_eq!(inits.len(), 2, "one init section for each size: {inits:?}");
    assert_eq!(size_of(&picture_of(&story, "source")), (480, 272));
    // The encoded rung keeps its height, and takes the new picture's width to it.
    assert_eq!(size_of(&picture_of(&story, "low")).1, 144);
    assert_together(&story, "source");
    assert_together(&story, "low");
}

#[test]
fn parameter_sets_that_change_under_way() {
    // Same size, other profile: what an encoder that was restarted sends.
    let video = &["-g", "30", "-keyint_min", "30", "-sc_threshold", "0", "-bf", "0", "-profile:v", "baseline"];
    let second = Beat { video, ..Beat::USUAL };
    let story = send_tags(&joined(&second), 10);
    assert_every_picture(&story, "source", 30.0);
    assert_together(&story, "source");
    assert_together(&story, "low");
}
