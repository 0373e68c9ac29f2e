//! Where parts are cut, and that a segment is nothing but its parts.

use proptest::prelude::*;

use super::boxes::{kinds, part_samples, samples};
use super::*;

/// Durations of the parts, milliseconds.
fn durations(segment: &Segment) -> Vec<i64> {
    segment.parts.iter().map(|part| part.duration_us / 1000).collect()
}

fn longest_us(seconds: u8) -> i64 {
    i64::from(level(seconds).part_ms()) * 1000
}

/// Pictures with an IDR every `gop`, at `ticks` of 1/90000 s each.
fn pictures(ticks: i64, count: i64, gop: i64) -> Vec<AccessUnit> {
    (0..count).map(|n| unit(n * ticks, n * ticks, n % gop == 0)).collect()
}

#[test]
fn parts_hold_as_many_whole_samples_as_fit() {
    // Ticks of a picture, pictures of a segment, seconds of it, expected parts.
    for (ticks, gop, seconds, expected) in [
        (3000, 30, 1, vec![200, 200, 200, 200, 200]),
        (3600, 25, 1, vec![200, 200, 200, 200, 200]),
        (3750, 24, 1, vec![208, 208, 208, 208, 166]),
        (1500, 120, 2, vec![350, 350, 350, 350, 350, 250]),
        (3000, 90, 3, vec![500, 500, 500, 500, 500, 500]),
        (3000, 150, 5, vec![1000, 1000, 1000, 1000, 1000]),
        // Five pictures a second: one picture is as much as fits.
        (18_000, 5, 1, vec![200, 200, 200, 200, 200]),
        // Two a second: a picture is longer than a part may be, and is one all the same.
        (45_000, 2, 1, vec![500, 500]),
    ] {
        let mut packager = TrackPackager::encoded_video(video_config(), level(seconds));
        let segments = package(&mut packager, pictures(ticks, gop * 3, gop));
        for segment in &segments {
            assert_eq!(durations(segment), expected, "{ticks} ticks");
        }
    }
    let frames = |rate: u32| {
        let units = (0..200).map(|n| unit(n * 1024, n * 1024, true));
        package(&mut TrackPackager::audio(audio_config(rate), level(1)), units).remove(1)
    };
    assert_eq!(durations(&frames(48_000)), [192, 192, 192, 192, 192, 42]);
    assert_eq!(durations(&frames(44_100)), [208, 208, 208, 208, 162]);
}

#[test]
fn a_part_comes_with_the_sample_after_it_and_the_segment_with_its_last_part() {
    let mut packager = TrackPackager::encoded_video(video_config(), level(1));
    let mut grown = Vec::new();
    for (n, unit) in (0..).zip(pictures(3000, 61, 30)) {
        grown.extend(packager.push(unit).map(|segment| (n, segment.parts.len(), segment.is_whole)));
    }
    let expected = [6, 12, 18, 24].map(|n| (n, n / 6, false)).into_iter().chain([(30, 5, true), (36, 1, false)]);
    assert_eq!(grown[..6], expected.collect::<Vec<_>>());
    assert_eq!(grown[9], (60, 5, true));
}

#[test]
fn a_picture_that_stands_longer_than_expected_does_not_make_its_part_too_long() {
    let mut times: Vec<i64> = (0..5).map(|n| n * 3000).collect();
    times.extend([12_000 + 17_000, 12_000 + 20_000, 45_000 + 12_000]);
    let units = times.into_iter().map(|time| unit(time, time, time == 0));
    let segment = package(&mut TrackPackager::encoded_video(video_config(), level(1)), units).remove(0);
    let too_long: Vec<_> = segment.parts.iter().filter(|part| part.duration_us > longest_us(1)).collect();
    assert!(too_long.iter().all(|part| part_samples(&part.data).len() == 1), "{:?}", durations(&segment));
    assert_eq!(segment.parts.iter().map(|part| part.duration_us).sum::<i64>(), segment.duration_us);
}

#[test]
fn the_first_part_and_those_with_a_keyframe_are_independent() {
    // A keyframe each second, segments of three.
    let segments = package(&mut TrackPackager::video(video_config(), level(3)), pictures(3000, 180, 30));
    let independent: Vec<bool> = segments[0].parts.iter().map(|part| part.is_independent).collect();
    assert_eq!(independent, [true, false, true, false, true, false]);
    let frames = (0..100).map(|n| unit(n * 1024, n * 1024, true));
    let sound = package(&mut TrackPackager::audio(audio_config(48_000), level(1)), frames);
    assert!(sound.iter().flat_map(|segment| &segment.parts).all(|part| part.is_independent));
}

#[test]
fn a_segment_with_a_keyframe_every_eight_seconds_has_parts_inside() {
    let segments = package(&mut TrackPackager::video(video_config(), level(1)), pictures(3000, 500, 250));
    assert_eq!((segments.len(), segments[0].parts.len()), (2, 42));
    let independent = segments[0].parts.iter().filter(|part| part.is_independent).count();
    assert_eq!((independent, segments[0].duration_us), (1, 8_333_333));
}

#[test]
fn reordering_that_begins_before_zero_shortens_no_part() {
    // Decoded two pictures before they are shown: the first decode times cannot be said in the file.
    let units = (0..60).map(|n| unit((n - 2) * 3000, n * 3000, n % 30 == 0));
    let segments = package(&mut TrackPackager::encoded_video(video_config(), level(1)), units);
    assert_eq!(durations(&segments[0]), [200, 200, 200, 200, 200]);
    assert_eq!(durations(&segments[1]), [200, 200, 200, 200, 200]);
}

#[test]
fn a_new_level_shortens_the_open_part() {
    let mut packager = TrackPackager::encoded_video(video_config(), level(5));
    let mut units = pictures(3000, 150, 150);
    let rest = units.split_off(50);
    let before: Vec<_> = units.into_iter().filter_map(|unit| packager.push(unit)).collect();
    assert_eq!(before.len(), 1);
    packager.set_level(level(1));
    let mut parts = before[0].parts.clone();
    for unit in rest {
        parts = packager.push(unit).map_or(parts, |segment| segment.parts);
    }
    let durations: Vec<i64> = parts.iter().map(|part| part.duration_us / 1000).collect();
    assert_eq!(durations[..4], [1000, 633, 200, 200]);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever a publisher's clock does: parts and segments cover each other, and times go on without a break.
    #[test]
    fn a_segment_is_its_parts(steps in prop::collection::vec((0i64..30_000, prop::bool::weighted(0.1)), 2..200)) {
        let mut time = 0;
        let units = steps.into_iter().enumerate().map(|(n, (step, is_sync))| {
            time += step;
            unit(time, time, is_sync || n == 0)
        });
        let segments = package(&mut TrackPackager::video(video_config(), level(1)), units.collect::<Vec<_>>());
        let mut decode = None;
        for segment in &segments {
            let first = &segment.parts[0];
            prop_assert_eq!(kinds(&first.data), ["styp", "moof", "mdat"]);
            for part in &segment.parts[1..] {
                prop_assert_eq!(kinds(&part.data), ["moof", "mdat"]);
            }
            for part in &segment.parts {
                let stated = part_samples(&part.data);
                prop_assert_eq!(stated[0].decode, decode.unwrap_or(stated[0].decode));
                decode = Some(stated[0].decode + stated.iter().map(|sample| sample.duration).sum::<i64>());
                prop_assert!(part.duration_us <= longest_us(1) || stated.len() == 1);
                prop_assert_eq!(part.is_independent, stated.iter().any(|sample| sample.is_sync));
            }
            let sum: i64 = segment.parts.iter().map(|part| part.duration_us).sum();
            prop_assert!((sum - segment.duration_us).abs() <= 1);
            prop_assert_eq!(samples(segment).len(), segment.samples);
        }
    }
}
