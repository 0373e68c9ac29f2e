//! What people send, one test for each line of it: sent by a real publisher, watched on every rung, decoded, and held
//! against what was sent.
//!
//! Clips have a flash and a beep each second, so that sound and picture can be held together at the viewer's end.

mod grid;
mod lost;
mod shape;
mod sound;
mod time;

use std::path::Path;
use std::thread;

use nixcast_tests::beat::{self, Beat};
use nixcast_tests::flv::{self, Tag};
use nixcast_tests::media;
use nixcast_tests::publish::Publisher;
use nixcast_tests::server::{Nixcast, Scene};
use nixcast_tests::watcher::{LiveWatcher, Story};
use serde_json::Value;

use crate::live::{playlist_of, rung, source, source_and_low};

const SOUND: &str = "/hls/audio/stream.m3u8";

/// Longest that sound and picture may be apart, seconds: what nobody notices (ITU-R BT.1359-1 allows 45 ms early and
/// 125 ms late before it is detected).
const TOGETHER: f64 = 0.060;

/// What viewers are offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ladder {
    Source,
    Both,
    Encoded,
}

fn serve(ladder: Ladder) -> Nixcast {
    let mut scene = Scene::with_key();
    scene.settings.video.variants = match ladder {
        Ladder::Source => vec![source()],
        Ladder::Both => source_and_low(),
        Ladder::Encoded => vec![rung("low", 144, 150)],
    };
    scene.start()
}

/// Watches from the first segment on until each playlist has had so many more, and holds what was seen to play.
#[track_caller]
fn watch(server: &Nixcast, segments: u64) -> Story {
    server.wait_live();
    let watcher = LiveWatcher::start(server.http_port());
    // Keyframes may be seconds apart and by no clock: a picture that comes late makes the segment before it longer.
    watcher.expect_longer_segments();
    watcher.wait_track(SOUND, 1);
    for variant in &server.settings.video.variants {
        watcher.wait_track(&playlist_of(&variant.name), 1);
    }
    watcher.wait_segments(segments);
    watcher.finish()
}

/// Publishes the clip and watches it: every packet follows the one before.
#[track_caller]
fn send(beat: &Beat, ladder: Ladder, segments: u64) -> Story {
    let story = send_unsteady(beat, ladder, segments);
    story.assert_plays();
    story
}

/// As [`send`], for a clip whose pictures do not last equally long: what FFmpeg's tools say of a picture's duration is
/// an average then, of files it made itself as well.
#[track_caller]
fn send_unsteady(beat: &Beat, ladder: Ladder, segments: u64) -> Story {
    let server = serve(ladder);
    let publisher = Publisher::copy_file(&server.target("main"), &beat.file(), 1.0);
    let story = watch(&server, segments);
    assert!(publisher.is_running(), "{}", publisher.log());
    assert!(!server.log().contains("panicked"), "{}", server.log());
    story.assert_decodes();
    story
}

/// Publishes these tags as they are, time stamps and all, and watches what two rungs make of them.
#[track_caller]
fn send_tags(tags: &[Tag], segments: u64) -> Story {
    let server = serve(Ladder::Both);
    let publisher = publish_tags(&server, tags);
    let story = watch(&server, segments);
    assert!(publisher.is_running(), "{}", publisher.log());
    story.assert_plays();
    story
}

fn publish_tags(server: &Nixcast, tags: &[Tag]) -> Publisher {
    let file = server.folder().join("sent.flv");
    flv::write(&file, tags);
    Publisher::librtmp_file(&server.target("main"), &file)
}

/// Several at a time: each is mostly waiting.
fn at_once<Case: Sync>(cases: &[Case], check: impl Fn(&Case) + Sync) {
    thread::scope(|scope| {
        for case in cases {
            scope.spawn(|| check(case));
        }
    });
}

fn picture_of(story: &Story, rung: &str) -> Value {
    media::stream(&story.last_run_file(&playlist_of(rung)))
}

fn size_of(stream: &Value) -> (u64, u64) {
    (stream["width"].as_u64().unwrap_or(0), stream["height"].as_u64().unwrap_or(0))
}

#[track_caller]
fn assert_together(story: &Story, rung: &str) {
    let files = [playlist_of(rung), SOUND.to_owned()].map(|path| story.last_run_file(&path));
    let apart = beat::apart(Path::new(&files[0]), Path::new(&files[1]));
    assert!(apart <= TOGETHER, "sound and picture of {rung} are {apart:.3} s apart");
}

/// Fails if a pass-through rung lost or gained a picture: over what was seen there are as many as its time has.
#[track_caller]
fn assert_every_picture(story: &Story, rung: &str, rate: f64) {
    let packets = story.packets(&playlist_of(rung));
    let count: usize = packets.values().map(Vec::len).sum();
    let seconds: f64 = story.rung(rung).segments.values().map(|segment| segment.duration).sum();
    let wanted = seconds * rate;
    assert!((count as f64 - wanted).abs() < 1.5, "{rung} has {count} pictures in {seconds:.3} s, not {wanted:.1}");
}
