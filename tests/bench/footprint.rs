//! Memory of each process while live, and how soon a fresh engine serves its page.

use std::time::{Duration, Instant};

use nixcast_schema::Variant;
use nixcast_tests::clip::Clip;
use nixcast_tests::process;
use nixcast_tests::publish::Publisher;
use nixcast_tests::server::{self, Scene};
use nixcast_tests::watcher::LiveWatcher;
use nixcast_tests::{http, process::Process};

use crate::table::{Aim, Row, median};

/// Segments of two seconds that are passed before memory is read: enough to fill the playlists' windows.
const SETTLED: u64 = 12;
const STARTS: usize = 10;

pub(crate) fn memory() -> Vec<Row> {
    let mut scene = Scene::with_key();
    scene.settings.video.latency_level = 1;
    let low = Variant { height: Some(360), video_bitrate_kbps: 700, ..Variant::named("360p") };
    scene.settings.video.variants.push(low);
    let server = scene.start();
    let _publisher = Publisher::copy(&server.target("main"), &Clip::SMALL);
    server.wait_live();
    let watcher = LiveWatcher::start(server.http_port());
    watcher.wait_track("/hls/audio/stream.m3u8", 1);
    watcher.wait_segments(SETTLED);
    watcher.finish();
    ["engine", "agent", "transcode"]
        .map(|command| {
            let pid = server.pid_of(command).unwrap_or_else(|| panic!("there is no single {command} process"));
            let most = if command == "transcode" { 128.0 } else { 64.0 };
            Row {
                what: format!("memory of the {command} process, live with a source and a 360p rung"),
                ours: process::resident_bytes(pid) as f64 / 1_048_576.0,
                theirs: None,
                unit: "MiB",
                spread: "-".to_owned(),
                aim: Aim::AtMost(most),
            }
        })
        .into()
}

pub(crate) fn start() -> Vec<Row> {
    let took: Vec<f64> = (0..STARTS).map(|_| first_byte()).collect();
    vec![Row {
        what: format!("start of `nixcast run` to the first page, median of {STARTS}"),
        ours: median(&took),
        theirs: None,
        unit: "ms",
        spread: "-".to_owned(),
        aim: Aim::AtMost(500.0),
    }]
}

fn first_byte() -> f64 {
    let scene = Scene::with_key();
    let file = scene.folder().join("settings.json");
    server::write_settings(&file, &scene.settings);
    let mut command = std::process::Command::new(server::binary());
    command.arg("run").arg("--settings").arg(&file).arg("--state-dir").arg(scene.folder().join("state"));
    let began = Instant::now();
    let process = Process::spawn("nixcast run", &mut command, &scene.folder().join("log"));
    while !http::get(scene.settings.http.port, "/").is_ok_and(|reply| reply.status == 200) {
        assert!(began.elapsed() < Duration::from_secs(20), "no page:\n{}", process.log());
        std::thread::sleep(Duration::from_millis(1));
    }
    began.elapsed().as_secs_f64() * 1000.0
}
