//! Clocks: time stamps that jump, wrap or go back.

use nixcast_tests::beat::Beat;
use nixcast_tests::flv::{self, Tag};

use super::*;

/// Where the clock does what it does, milliseconds from the start.
const THEN: u32 = 5_000;

#[track_caller]
fn assert_clock(clock: impl Fn(u32) -> u32) {
    let tags = flv::read(&Beat::USUAL.file()).into_iter().map(|tag| Tag { time: clock(tag.time), ..tag });
    let story = send_tags(&tags.collect::<Vec<_>>(), 8);
    assert_every_picture(&story, "source", 30.0);
    assert_together(&story, "source");
    assert_together(&story, "low");
}

#[test]
fn time_stamps_that_jump_ahead() {
    assert_clock(|time| if time < THEN { time } else { time + 3_600_000 });
}

#[test]
fn time_stamps_that_go_back() {
    assert_clock(|time| if time < THEN { time + 3_600_000 } else { time - THEN });
}

#[test]
fn time_stamps_that_wrap() {
    assert_clock(|time| time.wrapping_sub(THEN));
}
