//! Who gets in, with which publisher, and what the others are told.

use std::time::Duration;

use jiff::{Timestamp, ToSpan};
use nixcast_tests::clip::Clip;
use nixcast_tests::obs::{Mode, Obs};
use nixcast_tests::publish::{Publisher, Target};
use nixcast_tests::server::{LIVE_WITHIN, Nixcast, Scene};
use nixcast_tests::wait;
use nixcast_tests::watcher::{LiveWatcher, Story};

use crate::live::{Live, playlist_of};

/// Longest from a publisher's start to its refusal.
const REFUSED_WITHIN: Duration = Duration::from_secs(10);

fn watch(server: &Nixcast, segments: u64) -> Story {
    let facts = server.wait_live();
    assert_eq!(facts.stream_key, "main");
    let watcher = LiveWatcher::start(server.http_port());
    watcher.wait_track("/hls/audio/stream.m3u8", 1);
    watcher.wait_segments(segments);
    server.assert_no_key_is_kept();
    let story = watcher.finish();
    story.assert_plays();
    story
}

#[test]
fn ffmpeg_with_b_frames_goes_live_and_plays() {
    let server = Scene::with_key().start();
    let source = Clip { b_frames: 2, ..Clip::SMALL };
    let publisher = Publisher::encode(&server.target("main"), &source);
    watch(&server, 3);
    assert!(publisher.is_running());
}

#[test]
fn librtmp_goes_live_and_plays() {
    let server = Scene::with_key().start();
    let publisher = Publisher::librtmp(&server.target("main"), &Clip::SMALL);
    watch(&server, 3);
    assert!(publisher.is_running());
}

#[test]
fn obs_in_advanced_mode_goes_live_and_plays() {
    let server = Scene::with_key().start();
    let obs = Obs::start(&server.target("main"), Mode::Advanced);
    watch(&server, 3);
    assert!(obs.is_running());
}

#[test]
fn obs_as_a_new_user_has_it_goes_live_and_plays_with_honest_durations() {
    let server = Scene::with_key().start();
    let obs = Obs::start(&server.target("main"), Mode::SimpleDefault);
    let story = watch(&server, 2);
    assert!(obs.is_running());
    // A keyframe every 250 frames at 30 frames a second, which is 8.33 s, and nowhere else can a copied picture be cut;
    // sooner where the picture changes altogether, as when the test picture comes up late on a busy machine.
    let track = story.rung("source");
    for (msn, segment) in &track.segments {
        assert!(segment.duration < 8.433, "segment {msn} lasts {} s", segment.duration);
    }
    assert!(track.segments.values().any(|segment| segment.duration > 8.233), "{:?}", track.segments);
    // OBS passes on what x264 says of itself, so that this is known before the first keyframe has a successor.
    let sent = std::fs::read(story.last_run_file(&playlist_of("source"))).unwrap();
    assert!(sent.windows(11).any(|bytes| bytes == b"keyint=250 "), "x264's options are not in the first picture");
    assert_eq!(track.target_seconds, 8);
}

/// Fails unless the publisher ends soon, has read `reason`, and has sent no media.
fn assert_refused(publisher: &Publisher, reason: &str) {
    let status = publisher.process.wait(REFUSED_WITHIN);
    let log = publisher.log();
    assert!(!status.success(), "a refusal is a failure for the publisher:\n{log}");
    assert!(log.contains(reason), "the publisher did not read {reason:?}:\n{log}");
    // ffmpeg lists the streams it sends once it may send; our librtmp program says so.
    assert!(!log.contains("Output #0") && !log.contains("\npublishing\n"), "media was sent:\n{log}");
}

#[test]
fn a_key_that_is_not_good_is_refused_with_its_reason_before_any_media() {
    let mut scene = Scene::with_key();
    scene.add_key("resting").enable = false;
    scene.add_key("old").expires = Some(Timestamp::now().checked_sub(1.hour()).unwrap().to_string());
    let server = scene.start();

    let wrong = "0123456789abcdef0123456789abcdef";
    let cases: [(&str, Target, &str); 4] = [
        ("wrong", server.target_with(wrong), "the stream key is wrong"),
        ("missing", server.target_with(""), "the stream key is missing"),
        ("disabled", server.target("resting"), "is disabled"),
        ("expired", server.target("old"), "has expired"),
    ];
    for (name, target, reason) in &cases {
        for publisher in [Publisher::copy(target, &Clip::SMALL), Publisher::librtmp(target, &Clip::SMALL)] {
            println!("{name}: {reason}");
            assert_refused(&publisher, reason);
        }
        assert_eq!(server.broadcast(), None, "{name}");
    }
    server.assert_no_key_is_kept();
    assert!(!server.log().contains(wrong), "a key that was tried stands in the log");
}

#[test]
fn obs_shows_why_its_key_is_refused() {
    let server = Scene::with_key().start();
    let obs = Obs::start(&server.target_with("0123456789abcdef0123456789abcdef"), Mode::Advanced);
    wait::until("the reason in OBS's log", LIVE_WITHIN, || obs.log().contains("the stream key is wrong").then_some(()));
    assert_eq!(server.broadcast(), None);
}

#[test]
fn a_key_that_expires_while_it_is_used_ends_its_session() {
    let mut scene = Scene::with_key();
    let lifetime = 12;
    // Whole seconds: that is what keys expire by.
    let expires = Timestamp::from_second(Timestamp::now().as_second() + lifetime).unwrap();
    scene.settings.stream_keys[0].expires = Some(expires.to_string());
    let server = scene.start();
    let publisher = Publisher::copy(&server.target("main"), &Clip::SMALL);
    wait::until("the publisher to be let in", LIVE_WITHIN, || server.broadcast());
    publisher.process.wait(Duration::from_secs(20));
    let late = Timestamp::now().duration_since(expires).as_secs_f64();
    assert!((-0.1..2.0).contains(&late), "the session ended {late:.2} s after its key expired");
}

#[test]
fn a_second_publisher_is_told_that_the_channel_is_taken_and_the_first_goes_on() {
    let mut scene = Scene::with_key();
    scene.add_key("guest");
    let live = Live::start(scene);
    for (name, reason) in [("guest", "somebody else is publishing"), ("main", "this stream key is publishing already")]
    {
        let target = live.server.target(name);
        assert_refused(&Publisher::copy(&target, &Clip::SMALL), reason);
        assert_refused(&Publisher::librtmp(&target, &Clip::SMALL), reason);
    }
    let story = live.finish();
    assert!(story.rung("source").segments.len() >= 3, "{}", playlist_of("source"));
}
