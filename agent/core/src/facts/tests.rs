#![allow(clippy::unwrap_used)]

use std::time::Duration;

use bytes::Bytes;

use super::*;
use crate::media::{AccessUnit, AudioConfig, VideoConfig};
use crate::rtmp::Metadata;

/// libx264's own parameter sets, as ffmpeg writes them for 640x360 pictures of these formats.
const HIGH_10: &str =
    "016e001effe1001b676e001ea6cd940a02ff970110000003001000000303c0f162d96001000668ebe3cb22c0fdfafa00";
const HIGH_422: &str = "017a001effe1001a677a001ebcd940a02ff89c0440000003004000000f03c58b658001000668ebe3cb22c0fef8f800";
const HIGH_444: &str =
    "01f4001effe1001b67f4001e919b281405ff138088000003000800000301e078b16cb001000668ebe3c44844fff8f800";

fn avcc(hex: &str) -> Bytes {
    hex.as_bytes().chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

fn config() -> VideoConfig {
    // Main, level 3.1, one SPS of four bytes, one PPS of two.
    let avcc = [1, 77, 0, 31, 0xff, 0xe1, 0, 4, 0x67, 77, 0, 31, 1, 0, 2, 0x68, 0xee];
    VideoConfig { avcc: Bytes::copy_from_slice(&avcc), width: 1280, height: 720 }
}

/// A publisher with a clock of its own, and a line to here.
struct Publisher {
    meter: Meter,
    /// Pictures made so far, and what of the time line they take up.
    picture: u64,
    rate: f64,
    keyframe_every: u64,
    bytes: usize,
}

impl Publisher {
    fn new(rate: f64, keyframe_every: u64, kbps: f64) -> Self {
        let mut meter = Meter::default();
        meter.video_config(config());
        meter.audio_config(AudioConfig { asc: Bytes::from_static(&[0x11, 0x90]), sample_rate: 48_000, channels: 2 });
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a few thousand")]
        Self { meter, picture: 0, rate, keyframe_every, bytes: (kbps * 125.0 / rate) as usize }
    }

    /// Makes the next picture, and sends it `late` after its time, rounded as RTMP does.
    fn send(&mut self, late: Duration) -> Duration {
        let unit = self.make();
        let now = self.time() + late;
        self.meter.video(now, &unit);
        now
    }

    fn make(&mut self) -> AccessUnit {
        self.picture += 1;
        let dts = i64::try_from(self.time().as_millis()).unwrap() * 90;
        let is_sync = (self.picture - 1).is_multiple_of(self.keyframe_every);
        AccessUnit { dts, pts: dts, is_sync, data: Bytes::from(vec![0; self.bytes]) }
    }

    fn time(&self) -> Duration {
        Duration::from_secs_f64(self.picture as f64 / self.rate)
    }

    fn run(&mut self, seconds: f64) -> SourceFacts {
        let until = self.time() + Duration::from_secs_f64(seconds);
        while self.time() < until {
            self.send(Duration::ZERO);
        }
        self.meter.facts(self.time())
    }
}

#[track_caller]
fn assert_near(value: f64, expected: f64, share: f64) {
    assert!((value - expected).abs() <= expected * share, "{value} instead of {expected}");
}

#[test]
fn rates_of_the_usual_publishers_are_told() {
    for (rate, keyframe_every, kbps) in [
        (24.0, 48, 2500.0),
        (25.0, 50, 800.0),
        (29.97, 250, 2500.0),
        (30.0, 60, 6000.0),
        (59.94, 120, 9000.0),
        (60.0, 250, 12_000.0),
    ] {
        let facts = Publisher::new(rate, keyframe_every, kbps).run(30.0);
        let video = facts.video.unwrap();
        assert_near(video.frame_rate.unwrap(), rate, 0.005);
        assert!(!video.has_variable_rate && !video.has_b_frames, "{rate}");
        assert_near(f64::from(video.kbps), kbps, 0.03);
        assert_near(video.keyframe_seconds.unwrap(), keyframe_every as f64 / rate, 0.01);
        assert_near(video.longest_keyframe_seconds.unwrap(), keyframe_every as f64 / rate, 0.01);
        assert_eq!((video.missing, facts.behind_ms), (0, 0), "{rate}");
        assert!(facts.jitter_ms < 2.0, "{}", facts.jitter_ms);
    }
}

#[test]
fn what_the_configuration_says_is_put_into_words() {
    let facts = Publisher::new(30.0, 60, 1000.0).run(1.0);
    let video = facts.video.unwrap();
    assert_eq!((video.codec.as_str(), video.profile.as_str()), ("avc1.4d001f", "Main, level 3.1"));
    assert_eq!((video.width, video.height), (1280, 720));
    assert_eq!(video.format.unwrap(), PictureFormat { chroma: 1, bits: 8 });
    let audio = facts.audio.unwrap();
    assert_eq!((audio.codec.as_str(), audio.sample_rate, audio.channels), ("mp4a.40.2", 48_000, 2));
    assert_eq!(audio.silent_ms, None, "none came");
}

#[test]
fn formats_that_browsers_do_not_play_are_told_apart() {
    for (hex, words, profile) in [
        (HIGH_10, "4:2:0, 10 bits", "High 10, level 3.0"),
        (HIGH_422, "4:2:2, 8 bits", "High 4:2:2, level 3.0"),
        (HIGH_444, "4:4:4, 8 bits", "High 4:4:4 Predictive, level 3.0"),
    ] {
        let config = VideoConfig { avcc: avcc(hex), width: 640, height: 360 };
        let format = PictureFormat::of(&config).unwrap();
        assert_eq!(format.in_words(), words);
        assert!(!format.plays_in_browsers());
        assert_eq!(picture::profile_in_words(&config), profile);
    }
}

#[test]
fn a_variable_frame_rate_is_told_and_costs_no_pictures() {
    let mut publisher = Publisher::new(60.0, 120, 3000.0);
    // Of three pictures the second is not sent: steps of one and of two, in turn.
    for _ in 0..400 {
        publisher.send(Duration::ZERO);
        publisher.make();
        publisher.send(Duration::ZERO);
    }
    let video = publisher.meter.facts(publisher.time()).video.unwrap();
    assert!(video.has_variable_rate);
    assert_near(video.frame_rate.unwrap(), 40.0, 0.02);
    assert_eq!(video.missing, 0);
}

#[test]
fn pictures_that_were_left_out_are_counted_for_a_minute() {
    let mut publisher = Publisher::new(30.0, 60, 3000.0);
    publisher.run(5.0);
    (0..45).for_each(|_| drop(publisher.make()));
    let video = publisher.run(5.0).video.unwrap();
    assert_eq!((video.missing, video.missing_lately), (45, 45));
    assert_near(video.frame_rate.unwrap(), 30.0, 0.01);
    assert!(!video.has_variable_rate);
    let video = publisher.run(61.0).video.unwrap();
    assert_eq!((video.missing, video.missing_lately), (45, 0));
}

#[test]
fn a_long_keyframe_interval_is_remembered_for_a_minute() {
    let mut publisher = Publisher::new(30.0, 250, 3000.0);
    publisher.run(20.0);
    publisher.keyframe_every = 60;
    let video = publisher.run(30.0).video.unwrap();
    assert_near(video.keyframe_seconds.unwrap(), 2.0, 0.01);
    assert_near(video.longest_keyframe_seconds.unwrap(), 8.333, 0.01);
    let video = publisher.run(40.0).video.unwrap();
    assert_near(video.longest_keyframe_seconds.unwrap(), 2.0, 0.01);
    assert!(video.since_keyframe_seconds.unwrap() <= 2.0);
}

#[test]
fn a_line_that_is_too_slow_shows_as_a_growing_delay() {
    let mut publisher = Publisher::new(30.0, 60, 3000.0);
    publisher.run(10.0);
    // A tenth too slow.
    let mut now = Duration::ZERO;
    for picture in 0..300 {
        now = publisher.send(Duration::from_secs_f64(f64::from(picture) / 300.0));
    }
    let facts = publisher.meter.facts(now);
    assert!((950..=1050).contains(&facts.behind_ms), "{}", facts.behind_ms);
    // It stays so late, so it is simply sent later.
    for _ in 0..1000 {
        now = publisher.send(Duration::from_secs(1));
    }
    assert_eq!(publisher.meter.facts(now).behind_ms, 0);
}

#[test]
fn a_publisher_that_falls_silent_is_timed_and_its_bitrate_goes() {
    let mut publisher = Publisher::new(30.0, 60, 3000.0);
    let facts = publisher.run(20.0);
    assert_eq!(facts.silent_ms, Some(0));
    let later = publisher.meter.facts(publisher.time() + Duration::from_secs(7));
    assert_eq!(later.silent_ms, Some(7000));
    assert!(later.received_kbps < facts.received_kbps / 2);
    assert_eq!(publisher.meter.facts(publisher.time() + Duration::from_secs(20)).received_kbps, 0);
    assert_eq!(Meter::default().facts(Duration::from_secs(3)).silent_ms, None);
}

#[test]
fn a_bitrate_that_swings_shows_its_range() {
    let mut publisher = Publisher::new(30.0, 30, 400.0);
    publisher.run(20.0);
    publisher.bytes *= 20;
    publisher.run(10.0);
    publisher.bytes /= 20;
    let (least, most) = publisher.run(20.0).video.unwrap().kbps_range.unwrap();
    assert_near(f64::from(least), 400.0, 0.05);
    assert_near(f64::from(most), 8000.0, 0.05);
    assert_eq!(Publisher::new(30.0, 30, 400.0).run(20.0).video.unwrap().kbps_range, None);
}

#[test]
fn b_frames_are_seen_by_the_order_of_presentation() {
    let mut publisher = Publisher::new(30.0, 60, 3000.0);
    for _ in 0..30 {
        for delay in [2, 4, 0] {
            let mut unit = publisher.make();
            unit.pts += delay * 3000;
            publisher.meter.video(publisher.time(), &unit);
        }
    }
    assert!(publisher.meter.facts(publisher.time()).video.unwrap().has_b_frames);
    assert!(!publisher.run(12.0).video.unwrap().has_b_frames, "they were turned off");
}

#[test]
fn sound_that_runs_ahead_is_measured_and_claims_are_passed_on() {
    let mut publisher = Publisher::new(30.0, 60, 3000.0);
    publisher.run(5.0);
    let unit = AccessUnit { dts: 48_000 * 7, pts: 48_000 * 7, is_sync: true, data: Bytes::from_static(&[0; 300]) };
    publisher.meter.audio(publisher.time(), &unit);
    publisher.meter.claim(Metadata {
        encoder: Some("obs-output module (libobs version 29.0.2)".to_owned()),
        video_kbps: Some(6000),
        ..Metadata::default()
    });
    let network = NetworkFacts { round_trip_ms: 12.5, waiting_bytes: 0 };
    publisher.meter.connection(Some(network), 2, 1);
    publisher.meter.connection(None, 2, 1);
    let facts = publisher.meter.facts(publisher.time());
    assert!((1990..=2010).contains(&facts.sound_ahead_ms.unwrap()));
    assert_eq!((facts.timestamp_jumps, facts.damaged_tags, facts.network), (2, 1, Some(network)));
    assert_eq!(facts.encoder.as_deref(), Some("obs-output module (libobs version 29.0.2)"));
    assert_eq!(facts.video.unwrap().stated_kbps, Some(6000));
}

#[test]
fn memory_is_bounded_whatever_a_publisher_sends() {
    let mut flow = Flow::default();
    for unit in 0..200_000 {
        flow.push(Duration::from_millis(unit), 0, 1);
    }
    let text = format!("{flow:?}");
    assert!(text.len() < 100_000, "{}", text.len());
}
