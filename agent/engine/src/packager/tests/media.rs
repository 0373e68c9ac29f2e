//! Packaged media is what went in, as FFmpeg's tools read it.

use super::boxes::samples;
use super::source::{Source, frame_hashes, packets};
use super::*;

fn check_video(source: &Source, seconds: u8) {
    let mut packager = TrackPackager::video(source.video_config.clone(), level(seconds));
    let init = packager.init_segment();
    let segments = package(&mut packager, source.video.clone());
    assert!(segments.len() > 2);
    let whole = source.write("video.mp4", &init, &segments);

    let read = packets(&whole);
    let pushed: Vec<(i64, bool)> = source.video.iter().map(|unit| (unit.pts, unit.is_sync)).collect();
    assert_eq!(read.iter().map(|&(pts, _, is_sync)| (pts, is_sync)).collect::<Vec<_>>(), pushed);
    assert!(read.windows(2).all(|pair| pair[0].1 < pair[1].1), "decode times grow");
    let hashes = frame_hashes(&source.path(), "0:v");
    assert_eq!(hashes.len(), source.video.len());
    assert_eq!(frame_hashes(&whole, "0:v"), hashes);
    check_continuity(&segments);

    // A viewer who comes late starts at any segment.
    for first in 1..segments.len() {
        let late = source.write("late.mp4", &init, &segments[first..]);
        let seen = frame_hashes(&late, "0:v");
        assert_eq!(seen, hashes[hashes.len() - seen.len()..], "from segment {first}");
        assert_eq!(seen.len(), segments[first..].iter().map(|segment| segment.samples).sum::<usize>());
        assert_eq!(packets(&late)[0].0, segments[first].first_pts);
    }
}

fn check_audio(source: &Source, seconds: u8) {
    let mut packager = TrackPackager::audio(source.audio_config.clone(), level(seconds));
    let init = packager.init_segment();
    let segments = package(&mut packager, source.audio.clone());
    let whole = source.write("audio.mp4", &init, &segments);
    let read: Vec<i64> = packets(&whole).into_iter().map(|(pts, _, _)| pts).collect();
    assert_eq!(read, source.audio.iter().map(|unit| unit.pts).collect::<Vec<_>>());
    assert_eq!(frame_hashes(&whole, "0:a"), frame_hashes(&source.path(), "0:a"));
    check_continuity(&segments);
    let late = source.write("late.mp4", &init, &segments[1..]);
    assert!(!frame_hashes(&late, "0:a").is_empty());
}

/// Each segment is decoded from where the durations before it end, and presented from where the one before ends.
fn check_continuity(segments: &[Segment]) {
    let stated: Vec<_> = segments.iter().map(samples).collect();
    let mut decode = stated[0][0].decode;
    for (segment, stated) in segments.iter().zip(&stated) {
        assert!(segment.is_independent && stated[0].is_sync);
        assert_eq!(stated[0].decode, decode);
        decode += stated.iter().map(|sample| sample.duration).sum::<i64>();
        assert_eq!(segment.first_pts, stated[0].pts);
    }
    assert!(segments.windows(2).all(|pair| pair[0].start_us + pair[0].duration_us == pair[1].start_us));
}

#[test]
fn packaged_media_is_what_the_publisher_sent() {
    for (fps, gop, bframes, rate) in [
        ("30", 60, 0, 48_000),
        ("30", 60, 2, 44_100),
        ("25", 25, 3, 48_000),
        ("30000/1001", 30, 2, 48_000),
        ("60", 120, 3, 44_100),
    ] {
        let source = Source::make(fps, gop, bframes, rate);
        check_video(&source, 2);
        check_audio(&source, 2);
    }
}

#[test]
fn rungs_of_other_reorder_depths_show_their_pictures_at_the_same_times() {
    let [plain, reordered] = [0, 3].map(|bframes| {
        let source = Source::make("30", 60, bframes, 48_000);
        let mut packager = TrackPackager::encoded_video(source.video_config.clone(), level(2));
        // An encoder's decode times begin as far below 0 as it reorders.
        let delay = source.video[0].pts;
        let units =
            source.video.into_iter().map(|unit| AccessUnit { dts: unit.dts - delay, pts: unit.pts - delay, ..unit });
        package(&mut packager, units)
    });
    for (a, b) in plain.iter().zip(&reordered) {
        assert_eq!(a.start_us, b.start_us);
        let times = |segment: &Segment| {
            let mut times: Vec<i64> = samples(segment).iter().map(|sample| sample.pts).collect();
            times.sort_unstable();
            times
        };
        assert_eq!(times(a), times(b));
    }
}
