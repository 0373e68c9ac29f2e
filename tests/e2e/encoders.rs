//! Hardware encoders on a machine that has none: each is tried, told to be unusable and why, and nothing on air changes.
//!
//! Where one can be used, its half of this is passed over: what it makes is for that machine's operator to look at.

use std::time::Duration;

use nixcast_core::control::Condition;
use nixcast_schema::Encoder;
use nixcast_tests::server::{Nixcast, Scene};
use nixcast_tests::{process, wait};

use crate::live::{Live, playlist_of, rung, source_and_low};

/// The deadline of a trial, and a busy machine.
const TOLD_WITHIN: Duration = Duration::from_secs(40);

const HARDWARE: [(Encoder, &str); 4] = [
    (Encoder::Vaapi, "/dev/dri"),
    (Encoder::Nvenc, "NVIDIA"),
    (Encoder::Qsv, "/dev/dri"),
    (Encoder::V4l2m2m, "/dev/video"),
];

fn fallback(server: &Nixcast) -> Option<Condition> {
    server.observe().conditions.into_iter().find(|condition| condition.kind == "EncoderFallback")
}

fn has_device() -> bool {
    ["/dev/dri", "/dev/nvidiactl", "/dev/video0"].iter().any(|node| std::path::Path::new(node).exists())
}

#[test]
fn hardware_that_is_not_there_is_told_and_nothing_on_air_changes() {
    if has_device() {
        eprintln!("this machine has a device that may encode; nothing is shown here");
        return;
    }
    let mut scene = Scene::with_key();
    scene.settings.video.variants = source_and_low();
    let mut live = Live::start(scene);
    let worker = live.server.broadcast().unwrap().worker_pid.unwrap();
    for (encoder, node) in HARDWARE {
        live.server.change(|settings| settings.video.encoder = encoder);
        let told = wait::until("the fall-back to be told", TOLD_WITHIN, || {
            fallback(&live.server).filter(|told| told.message.starts_with(encoder.as_str()))
        });
        assert!(told.message.contains("x264 encodes instead") && told.message.contains(node), "{}", told.message);
        assert_eq!(live.server.observe().encoder, Some(encoder), "it is declared all the same");
        let status = String::from_utf8_lossy(&live.server.command(&["status"]).stdout).into_owned();
        assert!(status.contains("x264 encodes instead"), "{status}");
    }
    live.server.change(|settings| settings.video.encoder = Encoder::X264);
    wait::until("the all-clear", TOLD_WITHIN, || fallback(&live.server).is_none().then_some(()));
    assert_eq!(live.server.broadcast().unwrap().worker_pid, Some(worker), "the same process encodes as before");
    let story = live.finish();
    let inits: std::collections::BTreeSet<&String> =
        story.track(&playlist_of("low")).segments.values().map(|segment| &segment.init).collect();
    assert_eq!(inits.len(), 1, "one encoder made all of it: {inits:?}");
}

#[test]
fn a_broadcast_under_declared_hardware_begins_with_what_there_is() {
    if has_device() {
        eprintln!("this machine has a device that may encode; nothing is shown here");
        return;
    }
    let mut scene = Scene::with_key();
    scene.settings.video.encoder = Encoder::Vaapi;
    scene.settings.video.variants = vec![rung("low", 144, 150)];
    let live = Live::start(scene);
    wait::until("the fall-back to be told", TOLD_WITHIN, || fallback(&live.server));
    let worker = live.server.broadcast().unwrap().worker_pid.unwrap();
    assert!(process::command_line(worker).ends_with(&["--encoder".to_owned(), "x264".to_owned()]));
    live.finish();
}
