//! Where segments are cut and which times they state.

use super::boxes::samples;
use super::*;

/// Pictures at 30 per second with a keyframe every `gop`, from `first`.
fn pictures(first: i64, count: i64, gop: i64) -> impl Iterator<Item = AccessUnit> {
    (0..count).map(move |n| unit((first + n) * 3000, (first + n) * 3000, n % gop == 0))
}

/// Start and duration of each, in milliseconds.
fn spans(segments: &[Segment]) -> Vec<(i64, i64)> {
    segments.iter().map(|segment| (segment.start_us / 1000, segment.duration_us / 1000)).collect()
}

#[test]
fn a_publishers_pictures_are_cut_at_the_first_keyframe_that_is_due() {
    // Keyframe distance in pictures, target, expected segment durations in ms.
    for (gop, target, expected) in [
        (60, 2, vec![2000, 2000, 2000]),
        (30, 2, vec![2000, 2000, 2000]),
        (58, 2, vec![1933, 1933, 1933, 200]),
        (56, 2, vec![3733, 2266]),
        (90, 2, vec![3000, 3000]),
        (1, 1, vec![900, 900, 900, 900, 900, 900, 600]),
    ] {
        let segments = package(&mut TrackPackager::video(video_config(), level(target)), pictures(0, 180, gop));
        let durations: Vec<i64> = spans(&segments).into_iter().map(|(_, duration)| duration).collect();
        assert_eq!(durations, expected, "keyframe every {gop} pictures");
        assert!(segments.iter().all(|segment| segment.is_independent));
    }
}

#[test]
fn the_workers_pictures_are_cut_at_each_sync_unit() {
    let mut packager = TrackPackager::encoded_video(video_config(), level(2));
    let partial = pictures(40, 20, 100);
    let segments = package(&mut packager, partial.chain(pictures(60, 120, 60)));
    assert_eq!(spans(&segments), [(1333, 666), (2000, 2000), (4000, 2000)]);
}

#[test]
fn sound_is_cut_at_the_first_frame_of_each_slot() {
    let frames = |from: i64, count: i64| (from..from + count).map(|n| unit(n * 1024, n * 1024, true));
    let mut packager = TrackPackager::audio(audio_config(48_000), level(2));
    let segments = package(&mut packager, frames(0, 300));
    assert_eq!(
        segments.iter().map(|segment| segment.first_pts).collect::<Vec<_>>(),
        [0, 94 * 1024, 188 * 1024, 282 * 1024]
    );
    let mut late = TrackPackager::audio(audio_config(48_000), level(2));
    let segments = package(&mut late, frames(50, 100));
    assert_eq!(segments[1].first_pts, 94 * 1024, "the grid is the broadcast's, not the track's");
    assert!(segments.windows(2).all(|pair| pair[0].start_us + pair[0].duration_us == pair[1].start_us));
}

#[test]
fn a_new_target_holds_from_the_open_segment_on() {
    let mut packager = TrackPackager::video(video_config(), level(4));
    let mut segments: Vec<Segment> =
        pictures(0, 150, 30).filter_map(|unit| packager.push(unit)).filter(|grown| grown.is_whole).collect();
    packager.set_level(level(1));
    segments.extend(package(&mut packager, pictures(150, 90, 30)));
    assert_eq!(spans(&segments), [(0, 4000), (4000, 1000), (5000, 1000), (6000, 1000), (7000, 1000)]);
}

#[test]
fn pictures_before_the_first_keyframe_are_dropped() {
    let mut packager = TrackPackager::video(video_config(), level(2));
    assert_eq!(packager.push(unit(0, 0, false)), None);
    assert_eq!(packager.flush(), None);
    let segments = package(&mut packager, pictures(5, 10, 10));
    assert_eq!(segments[0].samples, 10);
}

#[test]
fn reordered_pictures_keep_their_times_and_never_need_a_negative_decode_time() {
    // I2 P5 B3 B4: decoded two pictures before they are shown, from below 0.
    let order =
        [(-2, 0, true), (-1, 3, false), (0, 1, false), (1, 2, false), (2, 6, false), (3, 4, false), (4, 5, false)];
    let units: Vec<_> = order.iter().map(|&(dts, pts, sync)| unit(dts * 3000, pts * 3000, sync)).collect();
    let segment = package(&mut TrackPackager::encoded_video(video_config(), level(2)), units).remove(0);
    let stated = samples(&segment);
    assert_eq!(stated[0].decode, 0);
    assert_eq!(stated.iter().map(|s| s.pts / 3000).collect::<Vec<_>>(), [0, 3, 1, 2, 6, 4, 5]);
    assert_eq!(segment.duration_us, 233_333);
}

#[test]
fn decode_times_go_on_where_the_publishers_stand_still_or_run_back() {
    let units = [(0, 0), (3000, 3000), (3000, 6000), (1000, 9000), (12_000, 12_000)];
    let units = units.map(|(dts, pts)| unit(dts, pts, dts == 0));
    let segment = package(&mut TrackPackager::encoded_video(video_config(), level(2)), units).remove(0);
    let stated = samples(&segment);
    assert!(stated.windows(2).all(|pair| pair[0].decode < pair[1].decode && pair[0].duration > 0));
    assert_eq!(stated.iter().map(|s| s.pts).collect::<Vec<_>>(), [0, 3000, 6000, 9000, 12_000]);
}

#[test]
fn a_publisher_without_keyframes_is_cut_by_time_and_it_is_said() {
    let segments = package(&mut TrackPackager::video(video_config(), level(2)), pictures(0, 45 * 30, i64::MAX));
    let independent: Vec<bool> = segments.iter().map(|segment| segment.is_independent).collect();
    assert_eq!(independent, [true, false, false]);
    assert!(segments.iter().all(|segment| segment.duration_us <= 20_050_000));
    assert!(!samples(&segments[1])[0].is_sync);
}

#[test]
fn a_publisher_without_keyframes_is_cut_by_size() {
    let mut packager = TrackPackager::video(video_config(), level(2));
    let picture = Bytes::from(vec![0; 3 << 20]);
    let units = pictures(0, 25, 100).map(|unit| AccessUnit { data: picture.clone(), ..unit });
    let segments = package(&mut packager, units);
    assert_eq!(segments.len(), 3);
    assert!(segments.iter().all(|segment| data(segment).len() < LARGEST_SEGMENT_BYTES + 4096));
}

#[test]
fn a_flushed_track_goes_on_with_a_keyframe_and_its_own_times() {
    let mut packager = TrackPackager::video(video_config(), level(2));
    let before = package(&mut packager, pictures(0, 30, 30));
    assert_eq!(packager.push(unit(200_000, 200_000, false)), None);
    let after = package(&mut packager, pictures(100, 30, 30));
    assert_eq!(spans(&before), [(0, 1000)]);
    assert_eq!(spans(&after), [(3333, 1000)]);
    assert_eq!(samples(&after[0])[0].decode, 300_000);
}
