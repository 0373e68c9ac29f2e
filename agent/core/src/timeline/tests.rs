//! Clocks as publishers run them.
#![allow(clippy::unwrap_used, clippy::cast_possible_truncation, clippy::cast_sign_loss)]

use proptest::prelude::*;

use super::Timeline;

/// (timestamp, composition) of pictures, and the times expected in milliseconds.
fn check_video(what: &str, units: &[(u32, i32)], expected: &[(i64, i64)]) {
    let mut timeline = Timeline::new();
    let placed: Vec<_> = units.iter().map(|(time, composition)| timeline.video(*time, *composition)).collect();
    let expected: Vec<_> = expected.iter().map(|(dts, pts)| (dts * 90, pts * 90)).collect();
    assert_eq!(placed, expected, "{what}");
}

#[test]
fn pictures_are_placed() {
    check_video("from 0", &[(5000, 66), (5033, 0), (5067, 33)], &[(0, 66), (33, 33), (67, 100)]);
    check_video("wrap", &[(u32::MAX - 9, 0), (23, 0), (56, 0)], &[(0, 0), (33, 33), (66, 66)]);
    check_video("never shown before it is decoded", &[(0, -50), (40, -1)], &[(0, 0), (40, 40)]);
    check_video("delay believed up to 8 s", &[(0, 8_388_607)], &[(0, 8000)]);
    check_video("a pause", &[(0, 0), (9000, 0)], &[(0, 0), (9000, 9000)]);
    check_video("ahead", &[(0, 0), (40, 0), (20_000, 0), (20_040, 0)], &[(0, 0), (40, 40), (80, 80), (120, 120)]);
    check_video("back", &[(50_000, 0), (50_040, 0), (7, 0), (47, 0)], &[(0, 0), (40, 40), (80, 80), (120, 120)]);
}

#[test]
fn a_short_step_back_still_goes_forward() {
    let mut timeline = Timeline::new();
    timeline.video(1000, 0);
    assert_eq!(timeline.video(1040, 0).0, 3600);
    assert_eq!(timeline.video(1040, 0).0, 3601);
    assert_eq!(timeline.video(700, 0), (3602, 3602));
    assert_eq!(timeline.video(1080, 0).0, 7200);
}

#[test]
fn many_short_steps_back_are_one_long_one() {
    let mut timeline = Timeline::new();
    let mut last = timeline.video(1_000_000, 0).0;
    for step in 1..100u32 {
        let (dts, _) = timeline.video(1_000_000 - step * 900, 0);
        assert!(dts > last);
        last = dts;
    }
    assert!(last > 40 * 33 * 90, "it goes on by a frame every other time: {last}");
}

#[test]
fn sound_runs_on_sample_by_sample() {
    for (rate, batch) in [(48_000u32, 1u32), (44_100, 1), (44_100, 2), (24_000, 1)] {
        let mut timeline = Timeline::new();
        timeline.set_audio_rate(rate);
        for frame in 0..5000u32 {
            let stamped = frame / batch * batch;
            let time = 77 + (u64::from(stamped) * 1_024_000 / u64::from(rate)) as u32;
            assert_eq!(timeline.audio(time), Some(i64::from(frame) * 1024), "{rate} {batch}");
        }
    }
}

#[test]
fn sound_follows_a_gap_and_ignores_a_wobble() {
    let mut timeline = Timeline::new();
    let frames =
        [(0, Some(0)), (21, Some(1024)), (100, Some(2048)), (64, Some(3072)), (300, Some(14_400)), (321, Some(15_424))];
    for (time, expected) in frames {
        assert_eq!(timeline.audio(time), expected, "{time}");
    }
}

#[test]
fn more_sound_than_time_is_dropped() {
    let mut timeline = Timeline::new();
    // Twice as many frames as fit, for two seconds.
    let placed: Vec<_> = (0..200u32).map(|frame| (frame * 10, timeline.audio(frame * 10))).collect();
    for (time, dts) in &placed {
        let off = dts.map_or(0, |dts| dts / 48 - i64::from(*time));
        assert!(off.abs() <= 82, "{time}: {off}");
    }
    assert!((90..=110).contains(&placed.iter().filter(|(_, dts)| dts.is_some()).count()));
}

#[test]
fn both_tracks_share_one_origin() {
    let mut timeline = Timeline::new();
    assert_eq!(timeline.video(10_000, 0).0, 0);
    assert_eq!(timeline.audio(10_020), Some(960));
    let mut timeline = Timeline::new();
    assert_eq!(timeline.audio(10_000), Some(0));
    assert_eq!(timeline.video(10_200, 0).0, 200 * 90);
    let mut timeline = Timeline::new();
    assert_eq!(timeline.video(10_000, 0).0, 0);
    let early: Vec<_> = [9960, 9981, 10_002].map(|time| timeline.audio(time)).to_vec();
    assert_eq!(early, [None, None, Some(96)], "sound from before the first picture");
    let mut timeline = Timeline::new();
    assert_eq!(timeline.audio(0), Some(0));
    assert_eq!(timeline.video(3_600_000, 0).0, 0, "another clock altogether");
    assert_eq!(timeline.audio(21), Some(1024));
    assert_eq!(timeline.video(3_600_033, 0).0, 33 * 90);
}

#[test]
fn a_jump_keeps_sound_and_picture_together() {
    for jump in [3_600_000i64, -50_000, 15_000, 2_147_483_000] {
        for sound_first in [false, true] {
            let mut timeline = Timeline::new();
            let mut last = (0, 0);
            for tick in 0..200i64 {
                let (video_time, audio_time) = (100_000 + tick * 20, 100_000 + tick * 20 + 5);
                let jumped = |after: bool| if tick >= 100 + i64::from(after) { jump } else { 0 };
                let video_time = (video_time + jumped(sound_first)) as u32;
                let audio_time = (audio_time + jumped(!sound_first)) as u32;
                let (dts, _) = timeline.video(video_time, 0);
                let sample = timeline.audio(audio_time);
                assert!(dts > last.0 || tick == 0);
                last = (dts, sample.unwrap_or(last.1));
            }
            let (picture, sound) = (last.0 / 90, last.1 / 48);
            assert!((picture - sound).abs() <= 90, "{jump} {sound_first}: {picture} {sound}");
            assert!((3900..4100).contains(&picture), "{jump} {sound_first}: {picture}");
        }
    }
}

#[test]
fn a_second_session_begins_where_it_is_told() {
    let mut second = Timeline::starting_at(7201);
    second.set_audio_rate(44_100);
    assert_eq!(second.video(123_456, 0), (7201, 7201));
    assert_eq!(second.audio(123_456), Some(3529), "rounded up to a whole sample");
}

#[test]
fn another_sample_rate_keeps_its_place() {
    let mut timeline = Timeline::new();
    for frame in 0..100u32 {
        timeline.audio(frame * 64 / 3);
    }
    timeline.set_audio_rate(24_000);
    assert_eq!(timeline.audio(2133), Some(51_200));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn time_goes_forward_whatever_comes(
        start in 0i64..1 << 50,
        rate in prop_oneof![Just(44_100u32), Just(48_000), 7_350u32..96_001],
        units in prop::collection::vec((any::<bool>(), prop_oneof![any::<u32>(), 0u32..20_000, (u32::MAX - 9000)..], any::<i32>()), 1..300),
    ) {
        let mut timeline = Timeline::starting_at(start);
        timeline.set_audio_rate(rate);
        let (mut picture, mut sound) = (start - 1, None::<i64>);
        for (is_video, time, composition) in units {
            if is_video {
                let (dts, pts) = timeline.video(time, composition);
                prop_assert!(dts > picture && pts >= dts);
                picture = dts;
            } else if let Some(dts) = timeline.audio(time) {
                prop_assert!(sound.is_none_or(|last| dts >= last + 1024));
                sound = Some(dts);
            }
        }
    }

    /// A steady publisher, wherever its clock starts: sound and picture never part by more than the tolerance.
    #[test]
    fn a_steady_publisher_stays_together(start: u32, fps in 10u32..61, wobble in prop::collection::vec(0u32..30, 50)) {
        let mut timeline = Timeline::new();
        for step in 0..3000u32 {
            let time = start.wrapping_add(step * 1000 / fps);
            let (dts, _) = timeline.video(time, 0);
            prop_assert_eq!(dts, i64::from(step * 1000 / fps) * 90);
        }
        let mut timeline = Timeline::new();
        timeline.video(start, 0);
        for frame in 0..3000u32 {
            let exact = (u64::from(frame) * 64 / 3) as u32;
            let stamped = start.wrapping_add(exact + wobble[frame as usize % wobble.len()]);
            let sample = timeline.audio(stamped).unwrap();
            prop_assert!((sample / 48 - i64::from(exact)).abs() <= 60);
        }
    }
}

/// Pictures every 40 ms up to `end_ms`, with sound where `has_sound` says so and as late as `lag_ms` says; gives the times of all
/// frames of sound and how many of them are silence.
fn with_missing_sound(end_ms: u32, lag_ms: impl Fn(u32) -> u32, has_sound: impl Fn(u32) -> bool) -> (Vec<i64>, usize) {
    let mut timeline = Timeline::new();
    let (mut placed, mut silent, mut frame) = (Vec::new(), 0, 0u32);
    for time in (0..end_ms).step_by(40) {
        timeline.video(time, 0);
        while let Some(dts) = timeline.missing_audio() {
            placed.push(dts);
            silent += 1;
        }
        while frame * 64 / 3 + lag_ms(frame * 64 / 3) <= time {
            let stamped = frame * 64 / 3;
            frame += 1;
            placed.extend(Some(stamped).filter(|time| has_sound(*time)).and_then(|time| timeline.audio(time)));
        }
    }
    (placed, silent)
}

#[test]
fn sound_that_stays_away_is_made_up_for() {
    for (what, from, to) in [("from the start", 0, 8_000), ("under way", 5_000, 12_000), ("for good", 5_000, 30_000)] {
        let (placed, silent) = with_missing_sound(20_000, |_| 100, |time| !(from..to).contains(&time));
        let steps: Vec<i64> = placed.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert!(steps.iter().all(|step| (1024..=16 * 1024).contains(step)), "{what}: {steps:?}");
        let wanted = usize::try_from((to.min(20_000) - from) * 3 / 64).unwrap();
        assert!(silent.abs_diff(wanted) < 20, "{what}: {silent} frames of silence, {wanted} missing");
    }
}

#[test]
fn nothing_is_made_up_for_sound_that_is_there() {
    for lag in [0, 500, 2_500] {
        assert_eq!(with_missing_sound(20_000, |_| lag, |_| true).1, 0, "{lag}");
    }
    assert_eq!(with_missing_sound(20_000, |_| 100, |time| !(5_000..7_000).contains(&time)).1, 0, "a short pause");
}

#[test]
fn sound_that_is_always_slow_is_not_taken_for_missing_for_ever() {
    let held_up = |time| if time < 5_000 { 100 } else { 5_000 };
    let (placed, silent) = with_missing_sound(40_000, held_up, |_| true);
    assert!(silent < 300, "{silent}");
    let end = placed.last().unwrap() / 48;
    assert!((34_000..36_000).contains(&end), "real sound goes on: {end}");
}
