//! What viewers are served is what was declared.

use std::collections::BTreeMap;

use nixcast_schema::{Settings, Variant};
use nixcast_tests::media::{self, Packet};
use nixcast_tests::server::Scene;
use nixcast_tests::watcher::Track;
use nixcast_tests::{playlist, process};

use crate::live::{Live, playlist_of, rung, source};

/// Seconds: one tick of the 90 kHz clock, rounded up by the printing of decimals.
const TICK: f64 = 0.000_02;

fn ladder(settings: &mut Settings) {
    settings.video.variants = vec![
        source(),
        Variant { order: 2, ..rung("mid", 270, 500) },
        Variant { order: 3, framerate: Some(15), ..rung("low", 144, 150) },
    ];
}

#[test]
fn every_rung_decodes_and_is_what_it_was_declared_to_be() {
    let mut scene = Scene::with_key();
    ladder(&mut scene.settings);
    let live = Live::start(scene);
    let multivariant = playlist::multivariant(live.server.http_port()).unwrap();
    assert!(live.server.broadcast().unwrap().worker_pid.is_some(), "two rungs are encoded");
    live.watcher.wait_segments(12);
    let story = live.finish();

    for (name, width, height, rate) in [("source", 640, 360, 30.0), ("mid", 480, 270, 30.0), ("low", 256, 144, 15.0)] {
        let stream = media::stream(&story.last_run_file(&playlist_of(name)));
        assert_eq!(stream["codec_name"], "h264", "{name}");
        assert_eq!((stream["width"].as_u64(), stream["height"].as_u64()), (Some(width), Some(height)), "{name}");
        let frames = media::frame_rate(&stream);
        assert!((frames - rate).abs() < 0.5, "{name} has {frames} frames a second");

        let uri = playlist_of(name);
        let variant =
            multivariant.variants.iter().find(|variant| playlist::resolve(playlist::MULTIVARIANT, &variant.uri) == uri);
        let variant = variant.unwrap_or_else(|| panic!("{name} is not in the multivariant playlist"));
        let resolution = variant.resolution.expect("every variant states its resolution");
        assert_eq!((resolution.width, resolution.height), (width, height), "{name}");
        assert!(variant.codecs.as_deref().is_some_and(|codecs| codecs.starts_with("avc1.")), "{name}");
    }
    let names: Vec<&str> = multivariant.variants.iter().map(|variant| variant.uri.as_str()).collect();
    assert_eq!(names.len(), 3, "{names:?}");

    let starts = |name: &str| segment_starts(&story.packets(&playlist_of(name)));
    let (mid, low) = (starts("mid"), starts("low"));
    let mut shared = 0;
    for (msn, start) in mid.iter().filter_map(|(msn, start)| Some((msn, (start, low.get(msn)?)))) {
        assert!((start.0 - start.1).abs() < TICK, "segment {msn} starts at {} and at {}", start.0, start.1);
        assert!((start.0 - start.0.round()).abs() < 0.05, "segment {msn} starts at {}, not on the grid", start.0);
        shared += 1;
    }
    assert!(shared >= 10, "only {shared} segments in common");

    for (name, declared) in [("mid", 500.0), ("low", 150.0)] {
        let kbps = kbps(story.rung(name));
        assert!((0.7..1.2).contains(&(kbps / declared)), "{name} has {kbps:.0} kbit/s instead of {declared}");
    }
}

fn segment_starts(packets: &BTreeMap<u64, Vec<Packet>>) -> BTreeMap<u64, f64> {
    packets
        .iter()
        .map(|(msn, packets)| {
            assert!(packets[0].is_key, "segment {msn} does not begin with a keyframe");
            (*msn, packets.iter().map(|packet| packet.pts).fold(f64::INFINITY, f64::min))
        })
        .collect()
}

/// Kilobits per second over everything seen of a track.
pub(crate) fn kbps(track: &Track) -> f64 {
    let bytes: usize = track.segments.values().map(|segment| segment.bytes.len()).sum();
    let seconds: f64 = track.segments.values().map(|segment| segment.duration).sum();
    bytes as f64 * 8.0 / 1000.0 / seconds
}

#[test]
fn a_ladder_of_pass_through_alone_and_no_stills_needs_no_worker() {
    let mut scene = Scene::with_key();
    scene.settings.video.stills = false;
    let live = Live::start(scene);
    live.watcher.wait_segments(2);
    assert_eq!(live.server.broadcast().unwrap().worker_pid, None);
    let workers = process::descendants(live.server.process.id())
        .into_iter()
        .filter(|id| process::command_line(*id).iter().any(|word| word == "transcode"))
        .count();
    assert_eq!(workers, 0);
    let story = live.finish();
    // The publisher's own bytes: one keyframe every two seconds, so every segment lasts two seconds.
    for (msn, segment) in &story.rung("source").segments {
        assert!((segment.duration - 2.0).abs() < 0.05, "segment {msn} lasts {} s", segment.duration);
    }
}
