#![allow(clippy::unwrap_used)]

use std::time::Duration;

use super::*;
use crate::facts::{AudioFacts, NetworkFacts, PictureFormat, RungState, VideoFacts};

const OBS: &str = "obs-output module (libobs version 29.0.2)";

/// Everything a judgement looks at, as it is while all is well.
struct World {
    source: SourceFacts,
    is_connected: bool,
    since: Duration,
    rungs: Vec<RungFacts>,
    queues: QueueFacts,
    is_dropping: bool,
    level: u8,
    overload: Option<overload::Verdict>,
}

impl World {
    fn well() -> Self {
        let video = VideoFacts {
            codec: "avc1.64001f".to_owned(),
            format: Some(PictureFormat { chroma: 1, bits: 8 }),
            width: 1280,
            height: 720,
            frame_rate: Some(30.0),
            keyframe_seconds: Some(2.0),
            longest_keyframe_seconds: Some(2.0),
            since_keyframe_seconds: Some(0.5),
            kbps: 3000,
            stated_kbps: Some(3000),
            kbps_range: Some((2500, 3500)),
            silent_ms: Some(20),
            ..VideoFacts::default()
        };
        let audio =
            AudioFacts { sample_rate: 48_000, channels: 2, kbps: 160, silent_ms: Some(20), ..AudioFacts::default() };
        let source = SourceFacts {
            encoder: Some(OBS.to_owned()),
            video: Some(video),
            audio: Some(audio),
            received_kbps: 3160,
            silent_ms: Some(20),
            sound_ahead_ms: Some(40),
            network: Some(NetworkFacts { round_trip_ms: 30.0, waiting_bytes: 0 }),
            ..SourceFacts::default()
        };
        let rung = |name: &str, is_passthrough| RungFacts {
            name: name.to_owned(),
            state: RungState::Published,
            is_passthrough,
            ..RungFacts::default()
        };
        Self {
            source,
            is_connected: true,
            since: Duration::from_secs(100),
            rungs: vec![rung("source", true), rung("480p", false)],
            queues: QueueFacts { inbox: 1, inbox_most: 512, worker: 2, worker_most: 256 },
            is_dropping: false,
            level: 2,
            overload: None,
        }
    }

    fn video(&mut self) -> &mut VideoFacts {
        self.source.video.as_mut().unwrap()
    }

    fn judge(&self) -> Vec<Finding> {
        judge(&Situation {
            source: &self.source,
            is_connected: self.is_connected,
            since: self.since,
            rungs: &self.rungs,
            queues: self.queues,
            is_dropping: self.is_dropping,
            latency: LatencyLevel::new(self.level),
            overload: self.overload.as_ref(),
        })
    }
}

fn verdict(shed: &[&str], is_losing: bool) -> overload::Verdict {
    overload::Verdict { speed: 0.62, shed: shed.iter().map(|name| (*name).to_owned()).collect(), is_losing }
}

type Change = fn(&mut World);

/// What is wrong, and the only thing that is then said.
const CASES: &[(Change, Kind, Level, &str)] = &[
    (
        |world| world.video().longest_keyframe_seconds = Some(8.333),
        Kind::KeyframesFarApart,
        Level::Fair,
        "OBS sends a keyframe every 8.3 s; set 2 s in Settings → Output → Advanced → Keyframe Interval: viewers wait that \
         long for a picture, and are that much later",
    ),
    (
        |world| {
            world.source.encoder = Some("Lavf59.27.100".to_owned());
            world.video().longest_keyframe_seconds = Some(12.0);
        },
        Kind::KeyframesFarApart,
        Level::Bad,
        "ffmpeg sends a keyframe every 12 s; set 2 s (-g 60): viewers wait that long for a picture, and are that much later",
    ),
    (
        |world| {
            world.source.encoder = None;
            world.video().longest_keyframe_seconds = Some(5.0);
        },
        Kind::KeyframesFarApart,
        Level::Fair,
        "the encoder sends a keyframe every 5 s; set its keyframe interval to 2 s: viewers wait that long for a picture, \
         and are that much later",
    ),
    (
        |world| world.video().since_keyframe_seconds = Some(25.2),
        Kind::NoKeyframe,
        Level::Bad,
        "OBS has sent no keyframe for 25 s, so nobody can begin to watch; set 2 s in Settings → Output → Advanced → \
         Keyframe Interval",
    ),
    (
        |world| world.video().has_variable_rate = true,
        Kind::VariableFrameRate,
        Level::Fair,
        "the frame rate of OBS varies, 30 a second on average; see Stats in OBS: it may be too slow to draw or to encode",
    ),
    (
        |world| {
            world.video().has_b_frames = true;
            world.level = 0;
        },
        Kind::BFrames,
        Level::Fair,
        "OBS sends B-frames, which hold back pictures, and the latency level is the lowest; set Max B-frames to 0 in \
         Settings → Output, or Tune to zerolatency",
    ),
    (
        |world| world.video().format = Some(PictureFormat { chroma: 2, bits: 10 }),
        Kind::NotForBrowsers,
        Level::Bad,
        "OBS sends 4:2:2, 10 bits, which browsers do not play; set Color Format to NV12 in Settings → Advanced",
    ),
    (
        |world| world.video().codec = "avc1.640033".to_owned(),
        Kind::NotForOldPhones,
        Level::Good,
        "level 5.1 of H.264 is more than older phones decode; an encoded rung of at most 1080p reaches them too",
    ),
    (
        |world| (world.video().kbps, world.video().stated_kbps) = (200, Some(250)),
        Kind::LowBitrate,
        Level::Fair,
        "OBS sends 250 kbit/s, which is little for 1280x720 at 30 a second; raise Bitrate in Settings → Output or send \
         smaller pictures",
    ),
    (
        |world| world.video().kbps_range = Some((900, 6000)),
        Kind::UnsteadyBitrate,
        Level::Fair,
        "the bitrate of OBS swings between 900 and 6,000 kbit/s, which viewers' lines cannot follow; set Rate Control to \
         CBR in Settings → Output",
    ),
    (
        |world| world.source.behind_ms = 2600,
        Kind::FallingBehind,
        Level::Fair,
        "what OBS sends arrives 2.6 s late, at 3,160 kbit/s: its line or its computer is too slow; lower Bitrate in \
         Settings → Output",
    ),
    (
        |world| world.source.behind_ms = 9000,
        Kind::FallingBehind,
        Level::Bad,
        "what OBS sends arrives 9 s late, at 3,160 kbit/s: its line or its computer is too slow; lower Bitrate in \
         Settings → Output",
    ),
    (
        |world| world.video().missing_lately = 120,
        Kind::PicturesMissing,
        Level::Bad,
        "OBS left out 120 pictures in the last minute: its line does not carry what it sends, or it cannot encode it in \
         time; lower Bitrate in Settings → Output",
    ),
    (
        |world| world.source.network = Some(NetworkFacts { round_trip_ms: 612.4, waiting_bytes: 0 }),
        Kind::LongRoundTrip,
        Level::Fair,
        "the way to OBS and back takes 612 ms: the line is busy or long, and each loss on it shows as a pause",
    ),
    (
        |world| world.source.sound_ahead_ms = Some(-2300),
        Kind::SoundApart,
        Level::Fair,
        "OBS sends its picture 2.3 s before the sound that belongs to it: players have to wait for the later one",
    ),
    (
        |world| world.source.audio = None,
        Kind::NoSound,
        Level::Fair,
        "OBS sends no sound; if that is not meant, look at its audio settings",
    ),
    (
        |world| world.source.audio.as_mut().unwrap().silent_ms = Some(4_900),
        Kind::NoSound,
        Level::Bad,
        "no sound has come from OBS for 4 s; its pictures go on",
    ),
    (
        |world| world.source.video = None,
        Kind::NoPicture,
        Level::Fair,
        "OBS sends no picture; if that is not meant, look at its video settings",
    ),
    (
        |world| world.video().silent_ms = Some(8_000),
        Kind::NoPicture,
        Level::Bad,
        "no picture has come from OBS for 8 s; its sound goes on",
    ),
    (
        |world| world.source.timestamp_jumps = 3,
        Kind::ClockJumps,
        Level::Good,
        "the clock of OBS has jumped 3 times; what follows was moved into place",
    ),
    (
        |world| world.source.damaged_tags = 2,
        Kind::DamagedMedia,
        Level::Fair,
        "2 tags of OBS could not be read and were left out",
    ),
    (
        |world| {
            world.source.silent_ms = Some(7_100);
            world.video().longest_keyframe_seconds = Some(8.3);
        },
        Kind::PublisherSilent,
        Level::Bad,
        "nothing has come from OBS for 7 s although its connection stands: it hangs, or its line is down",
    ),
    (
        |world| (world.is_connected, world.since) = (false, Duration::from_secs(12)),
        Kind::ConnectionLost,
        Level::Bad,
        "the connection of OBS broke 12 s ago: viewers wait until it is back",
    ),
    (
        |world| world.overload = Some(verdict(&["1080p", "720p"], false)),
        Kind::RungsLeftOut,
        Level::Fair,
        "this machine encoded at 0.62 of real time, so 1080p, 720p are left out for now; choose a faster preset, smaller \
         or fewer rungs in services.nixcast.video.variants",
    ),
    (
        |world| world.overload = Some(verdict(&[], true)),
        Kind::TooSlow,
        Level::Bad,
        "this machine encodes at 0.62 of real time, so pictures of encoded rungs are lost; choose a faster preset, \
         smaller or fewer rungs in services.nixcast.video.variants",
    ),
    (
        |world| world.is_dropping = true,
        Kind::TooSlow,
        Level::Bad,
        "the worker cannot keep up with the stream, so pictures of encoded rungs are lost; choose a faster preset, \
         smaller or fewer rungs in services.nixcast.video.variants",
    ),
    (
        |world| world.rungs[1].state = RungState::Failed,
        Kind::RungFailed,
        Level::Bad,
        "480p is not encoded; the conditions of status say why",
    ),
    (
        |world| world.queues.worker = 240,
        Kind::QueueFull,
        Level::Fair,
        "240 of 256 units wait for the worker: this machine is about to fall behind",
    ),
];

#[test]
fn each_cause_is_named_with_its_remedy_and_nothing_else_is_said() {
    for (change, kind, level, sentence) in CASES {
        let mut world = World::well();
        change(&mut world);
        let found = world.judge();
        assert_eq!(found, [Finding::new(*kind, *level, *sentence)]);
    }
}

#[test]
fn a_stream_that_is_well_is_not_spoken_of() {
    let mut world = World::well();
    assert_eq!(world.judge(), []);
    // A picture in which nothing moves, three seconds after the start, without sound yet.
    world.video().kbps = 40;
    world.video().kbps_range = Some((10, 900));
    world.source.audio = None;
    world.since = Duration::from_secs(3);
    assert_eq!(world.judge(), []);
    world.queues = QueueFacts::default();
    assert_eq!(world.judge(), []);
}

#[test]
fn what_is_encoded_anyway_need_not_suit_players() {
    let mut world = World::well();
    world.rungs.remove(0);
    world.level = 0;
    let video = world.video();
    video.longest_keyframe_seconds = Some(8.3);
    video.format = Some(PictureFormat { chroma: 3, bits: 10 });
    video.has_b_frames = true;
    video.kbps_range = Some((100, 9000));
    assert_eq!(world.judge(), []);
}

fn finding(level: Level, sentence: &str) -> Finding {
    Finding::new(Kind::FallingBehind, level, sentence)
}

fn at(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds)
}

#[test]
fn what_holds_is_told_and_what_flickers_is_not() {
    let mut watch = Watch::default();
    for quarter in 0..200 {
        // Two seconds of every four.
        let found = if quarter % 16 < 8 { vec![finding(Level::Bad, "late")] } else { Vec::new() };
        assert_eq!(watch.observe(at(f64::from(quarter) / 4.0), found), Health::default());
    }
}

#[test]
fn what_was_told_stays_until_it_is_gone_for_good() {
    let mut watch = Watch::default();
    let mut levels = Vec::new();
    for quarter in 0..160 {
        let seconds = f64::from(quarter) / 4.0;
        // Ten seconds of it, then one second of every four, then nothing.
        let is_found = seconds < 10.0 || (seconds < 20.0 && seconds % 4.0 < 1.0);
        let found = if is_found { vec![finding(Level::Fair, "late")] } else { Vec::new() };
        let level = watch.observe(at(seconds), found).level;
        if levels.last().is_none_or(|(_, last)| *last != level) {
            levels.push((seconds, level));
        }
    }
    assert_eq!(levels, [(0.0, Level::Good), (3.0, Level::Fair), (22.0, Level::Good)]);
}

#[test]
fn the_newest_words_are_told_and_the_worst_comes_first() {
    let mut watch = Watch::default();
    let other = Finding::new(Kind::ClockJumps, Level::Good, "jumped");
    watch.observe(at(0.0), vec![finding(Level::Fair, "2 s late"), other.clone()]);
    let health = watch.observe(at(4.0), vec![other.clone(), finding(Level::Bad, "6 s late")]);
    assert_eq!(health, Health { level: Level::Bad, findings: vec![finding(Level::Bad, "6 s late"), other.clone()] });
    let health = watch.observe(at(9.5), vec![other.clone()]);
    assert_eq!(health, Health { level: Level::Good, findings: vec![other] });
}

#[test]
fn silence_is_told_at_once() {
    let mut watch = Watch::default();
    let silent = Finding::new(Kind::PublisherSilent, Level::Bad, "silent");
    assert_eq!(watch.observe(at(0.0), vec![silent.clone()]).findings, [silent]);
    assert_eq!(watch.observe(at(2.0), Vec::new()), Health::default());
}

#[test]
fn numbers_are_written_as_people_write_them() {
    assert_eq!([short(8.333), short(2.0), short(0.04)], ["8.3", "2", "0"]);
    assert_eq!([thousands(999_u32), thousands(6000_u32), thousands(12_345_678_u64)], ["999", "6,000", "12,345,678"]);
}
