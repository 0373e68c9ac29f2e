//! What the operator is told of a stream: figures that are true, and the cause of what is wrong.

use std::time::Duration;

use nixcast_core::control::BroadcastFacts;
use nixcast_core::facts::{RungFacts, RungState};
use nixcast_core::health::{Kind, Level};
use nixcast_schema::{Preset, Variant};
use nixcast_tests::clip::Clip;
use nixcast_tests::obs::{Mode, Obs};
use nixcast_tests::publish::Publisher;
use nixcast_tests::server::{Nixcast, Scene};
use nixcast_tests::wait;

/// Bitrates and keyframe intervals need ten seconds of a stream, and findings three more.
const TOLD_WITHIN: Duration = Duration::from_secs(90);

#[track_caller]
fn wait_facts(server: &Nixcast, what: &str, is_told: impl Fn(&BroadcastFacts) -> bool) -> BroadcastFacts {
    if let Some(facts) = wait::within(TOLD_WITHIN, || server.broadcast().filter(|facts| is_told(facts))) {
        return facts;
    }
    panic!("waited in vain for {what}: {:#?}", server.broadcast());
}

fn sentence(facts: &BroadcastFacts, kind: Kind) -> Option<&str> {
    facts.health.findings.iter().find(|found| found.kind == kind).map(|found| found.sentence.as_str())
}

fn status(server: &Nixcast) -> String {
    String::from_utf8_lossy(&server.command(&["status"]).stdout).into_owned()
}

fn rung<'a>(facts: &'a BroadcastFacts, name: &str) -> &'a RungFacts {
    facts.rungs.iter().find(|rung| rung.name == name).unwrap()
}

#[test]
fn the_figures_of_a_stream_and_its_rungs_are_those_of_the_stream() {
    let mut scene = Scene::with_key();
    let small =
        Variant { height: Some(144), video_bitrate_kbps: 300, preset: Preset::Ultrafast, ..Variant::named("144p") };
    scene.settings.video.variants.push(small);
    let server = scene.start();
    let publisher = Publisher::copy(&server.target("main"), &Clip::SMALL);
    let facts = wait_facts(&server, "ten seconds of a stream with its rungs", |facts| {
        let video = facts.source.video.as_ref();
        video.is_some_and(|video| video.keyframe_seconds.is_some() && video.kbps > 300)
            && facts.rungs.iter().all(|rung| rung.state == RungState::Published && rung.kbps > 0)
            && facts.rungs.iter().any(|rung| rung.speed.is_some() && rung.frame_rate.is_some() && rung.encoded > 100)
            && facts.source.network.is_some()
    });
    let video = facts.source.video.as_ref().unwrap();
    assert_eq!((video.width, video.height), (640, 360));
    assert!((29.0..=31.0).contains(&video.frame_rate.unwrap()), "{video:?}");
    assert!((1.9..=2.1).contains(&video.keyframe_seconds.unwrap()), "{video:?}");
    assert!((300..=1600).contains(&video.kbps), "{video:?}");
    assert!(video.codec.starts_with("avc1.64") && video.profile.starts_with("High, level 3"), "{video:?}");
    assert!(!video.has_b_frames && !video.has_variable_rate && video.missing == 0, "{video:?}");
    let audio = facts.source.audio.as_ref().unwrap();
    assert_eq!((audio.codec.as_str(), audio.sample_rate, audio.channels), ("mp4a.40.2", 48_000, 2));
    assert!((60..=140).contains(&audio.kbps), "{audio:?}");
    assert!(facts.source.encoder.as_deref().unwrap().starts_with("Lavf"), "{:?}", facts.source.encoder);
    assert!((0.0..5000.0).contains(&facts.source.network.unwrap().round_trip_ms));

    let (own, small) = (rung(&facts, "source"), rung(&facts, "144p"));
    assert!(own.is_passthrough && own.speed.is_none(), "{own:?}");
    assert_eq!((own.width, own.height, own.kbps), (640, 360, video.kbps));
    assert_eq!((small.width, small.height, small.is_passthrough), (256, 144, false));
    assert!(small.speed.unwrap() > 0.0 && (20.0..=31.0).contains(&small.frame_rate.unwrap()), "{small:?}");
    assert!((20..=700).contains(&small.kbps) && small.codec.starts_with("avc1."), "{small:?}");
    assert!(facts.queues.inbox_most > facts.queues.inbox && facts.queues.worker_most > 0);

    let text = status(&server);
    for said in [
        "stream     640x360 at ",
        "H.264 High, level 3",
        "AAC 48000 Hz stereo",
        "a keyframe every 2.0 s",
        "round trip ",
    ] {
        assert!(text.contains(said), "{said} is missing:\n{text}");
    }
    assert!(
        text.contains("rung       source: passed through, 640x360") && text.contains("144p: encoded, 256x144"),
        "{text}"
    );
    assert!(text.contains("times real time") && text.contains("\n  health     "), "{text}");
    assert!(publisher.is_running(), "{}", publisher.log());
    server.assert_no_key_is_kept();
}

#[test]
fn a_keyframe_interval_as_obs_has_it_is_named_with_its_remedy() {
    let server = Scene::with_key().start();
    let obs = Obs::start(&server.target("main"), Mode::SimpleDefault);
    let said = "OBS sends a keyframe every 8.3 s; set 2 s in Settings → Output → Advanced → Keyframe Interval";
    // Its first keyframes may be closer: the source of its scene comes up some time after it.
    let facts = wait_facts(&server, "the keyframe interval to be told", |facts| {
        sentence(facts, Kind::KeyframesFarApart).is_some_and(|told| told.starts_with(said))
    });
    assert_ne!(facts.health.level, Level::Good);
    assert!(status(&server).contains(said), "{}", status(&server));
    assert!(obs.is_running());
}

#[test]
fn a_stream_without_sound_is_told_so() {
    let server = Scene::with_key().start();
    let _publisher = Publisher::copy_video(&server.target("main"), &Clip::SMALL);
    let facts = wait_facts(&server, "the missing sound to be told", |facts| sentence(facts, Kind::NoSound).is_some());
    assert!(facts.source.audio.is_none() && facts.source.video.is_some());
    assert!(sentence(&facts, Kind::NoSound).unwrap().starts_with("ffmpeg sends no sound"), "{:?}", facts.health);
    assert!(status(&server).contains("; no sound"), "{}", status(&server));
}

#[test]
fn a_publisher_that_hangs_is_timed_named_and_forgiven() {
    let server = Scene::with_key().start();
    let publisher = Publisher::copy(&server.target("main"), &Clip::SMALL);
    server.wait_live();
    publisher.freeze();
    let first = wait_facts(&server, "the silence to be told", |facts| sentence(facts, Kind::PublisherSilent).is_some());
    assert_eq!(first.health.level, Level::Bad);
    assert!(sentence(&first, Kind::PublisherSilent).unwrap().starts_with("nothing has come from ffmpeg for "));
    let silent_ms = first.source.silent_ms.unwrap();
    wait_facts(&server, "the silence to grow", |facts| facts.source.silent_ms > Some(silent_ms + 1000));
    let conditions = server.observe().conditions;
    assert!(conditions.iter().any(|condition| condition.kind == "StreamUnhealthy"), "{conditions:?}");
    assert!(status(&server).contains("health     bad"), "{}", status(&server));
    publisher.thaw();
    wait_facts(&server, "the silence to be over", |facts| sentence(facts, Kind::PublisherSilent).is_none());
    assert!(publisher.is_running(), "{}", publisher.log());
}
