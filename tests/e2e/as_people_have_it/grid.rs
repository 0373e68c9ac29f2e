//! Pictures and when they come: B-frames, variable and usual frame rates, keyframe intervals.
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "seconds of a short test, rounded to compare"
)]

use nixcast_tests::beat::Beat;
use nixcast_tests::media;
use nixcast_tests::obs::{Mode, Obs};
use nixcast_tests::watcher::Story;

use super::*;

#[test]
fn b_frames() {
    let pyramid =
        ["-g", "30", "-keyint_min", "30", "-sc_threshold", "0", "-bf", "4", "-x264opts", "b-pyramid=normal:b-adapt=0"];
    let story = send(&Beat { video: Box::leak(Box::new(pyramid)), ..Beat::USUAL }, Ladder::Both, 4);
    let reordered =
        story.packets(&playlist_of("source")).values().flatten().filter(|packet| packet.pts > packet.dts).count();
    assert!(reordered > 30, "the clip has no B-frames");
    assert_every_picture(&story, "source", 30.0);
    for rung in ["source", "low"] {
        assert_together(&story, rung);
    }
}

#[test]
fn variable_frame_rate() {
    // Every so often pictures are left out, as screen recorders and phones do; not where a flash begins.
    let dropping = [
        "-vf",
        "select='not(between(mod(t,1),0.4,0.6)+between(mod(t,1),0.7,0.75))'",
        "-fps_mode",
        "vfr",
        "-force_key_frames",
        "expr:gte(t,n_forced)",
        "-bf",
        "0",
    ];
    let story = send_unsteady(&Beat { video: Box::leak(Box::new(dropping)), ..Beat::USUAL }, Ladder::Both, 4);
    let steps: std::collections::BTreeSet<u64> = story
        .packets(&playlist_of("source"))
        .values()
        .flat_map(|packets| {
            packets.windows(2).map(|pair| ((pair[1].dts - pair[0].dts) * 100.0).round() as u64).collect::<Vec<_>>()
        })
        .collect();
    assert!(steps.len() >= 2, "all pictures last equally long: {steps:?}");
    for rung in ["source", "low"] {
        assert_together(&story, rung);
    }
}

#[test]
fn usual_frame_rates() {
    let cases = [("25", 25.0), ("30000/1001", 29.97), ("30", 30.0), ("50", 50.0), ("60000/1001", 59.94), ("60", 60.0)];
    at_once(&cases, |&(rate, number)| {
        // A keyframe each second, as near as whole pictures come to it.
        let video: &[&str] = match rate {
            "25" => &["-g", "25", "-keyint_min", "25", "-sc_threshold", "0", "-bf", "2"],
            "50" => &["-g", "50", "-keyint_min", "50", "-sc_threshold", "0", "-bf", "2"],
            "60" | "60000/1001" => &["-g", "60", "-keyint_min", "60", "-sc_threshold", "0", "-bf", "2"],
            _ => &["-g", "30", "-keyint_min", "30", "-sc_threshold", "0", "-bf", "2"],
        };
        let story = send(&Beat { rate, video, ..Beat::USUAL }, Ladder::Source, 4);
        let stream = picture_of(&story, "source");
        assert!((media::frame_rate(&stream) - number).abs() < 0.1, "{rate}: {stream}");
        assert_every_picture(&story, "source", number);
        assert_together(&story, "source");
    });
}

/// Segments of the pass-through rung last as long as keyframes are apart, those of the encoded one as long as declared,
/// each playlist is honest about its own, and the time of both is one: a player may go from any to any.
#[track_caller]
fn assert_two_grids(story: &Story, seconds: f64) {
    for (msn, segment) in &story.rung("source").segments {
        assert!((segment.duration - seconds).abs() < 0.1, "segment {msn} of source lasts {} s", segment.duration);
    }
    for (msn, segment) in &story.rung("low").segments {
        assert!((segment.duration - 1.0).abs() < 0.1, "segment {msn} of low lasts {} s", segment.duration);
    }
    assert_eq!(story.rung("source").target_seconds, (seconds.round() as u64).max(1));
    assert_eq!(story.rung("low").target_seconds, 1);
    let shown = |rung: &str| -> Vec<i64> {
        let packets = story.packets(&playlist_of(rung));
        packets.values().flatten().map(|packet| (packet.pts * 1000.0).round() as i64).collect()
    };
    let (source, low) = (shown("source"), shown("low"));
    let (first, last) = (*source.iter().min().unwrap(), *source.iter().max().unwrap());
    let strangers: Vec<i64> = low
        .iter()
        .filter(|time| (first..=last).contains(*time) && !source.iter().any(|other| (other - *time).abs() <= 1))
        .copied()
        .collect();
    assert!(low.iter().any(|time| (first..=last).contains(time)), "nothing in common");
    assert!(strangers.is_empty(), "pictures of low that source does not show at that time: {strangers:?}");
    assert_together(story, "source");
    assert_together(story, "low");
}

#[test]
fn a_keyframe_each_second() {
    assert_two_grids(&send(&Beat::USUAL, Ladder::Both, 4), 1.0);
}

#[test]
fn a_keyframe_every_two_seconds() {
    let video = &["-g", "60", "-keyint_min", "60", "-sc_threshold", "0", "-bf", "2"];
    assert_two_grids(&send(&Beat { video, ..Beat::USUAL }, Ladder::Both, 3), 2.0);
}

#[test]
fn a_keyframe_every_8_33_seconds() {
    let video = &["-g", "250", "-keyint_min", "250", "-sc_threshold", "0", "-bf", "2"];
    assert_two_grids(&send(&Beat { video, ..Beat::USUAL }, Ladder::Both, 1), 8.333);
}

#[test]
fn a_first_keyframe_that_comes_early_leaves_the_target_duration_as_it_is() {
    // As OBS sends it when the picture changes altogether in its first seconds: x264 says that keyframes may be 8.33 s
    // apart, and the first two are five seconds apart, the next two less than a segment is long.
    let video = &["-g", "250", "-sc_threshold", "0", "-force_key_frames", "5,5.8", "-bf", "2"];
    let server = serve(Ladder::Both);
    let file = Beat { video, ..Beat::USUAL }.file();
    let _publisher = Publisher::copy_file(&server.target("main"), &file, 1.0);
    server.wait_live();
    // It complains of every change.
    let watcher = LiveWatcher::start(server.http_port());
    watcher.wait_track(&playlist_of("source"), 4);
    let story = watcher.finish();
    story.assert_plays();
    let source = story.rung("source");
    let lasts: Vec<f64> = source.segments.values().map(|segment| segment.duration).collect();
    assert!(lasts[..3].iter().all(|seconds| *seconds < 8.5) && lasts[0] < 6.0, "{lasts:?}");
    assert_eq!(source.target_seconds, 8, "{lasts:?}");
    assert_together(&story, "source");
}

#[test]
fn keyframes_at_the_encoders_own_discretion() {
    // OBS's "0 = auto": up to 250 frames apart, and wherever the picture changes altogether.
    let server = serve(Ladder::Both);
    let obs = Obs::start(&server.target("main"), Mode::AdvancedAuto);
    let story = watch(&server, 1);
    assert!(obs.is_running());
    story.assert_plays();
    let source = story.rung("source");
    for (msn, segment) in &source.segments {
        assert!(segment.duration.round() as u64 <= source.target_seconds, "segment {msn} lasts {} s", segment.duration);
    }
    assert_eq!(story.rung("low").target_seconds, 1);
}
