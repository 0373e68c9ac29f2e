//! From "Start streaming" to the first picture a viewer can see: a publisher with a keyframe every two seconds, and an
//! ffmpeg that tries to open the stream again and again until it has decoded a picture.

use std::process::Command;
use std::time::{Duration, Instant};

use nixcast_tests::clip::Clip;
use nixcast_tests::publish::{Publisher, Target};
use nixcast_tests::server::{Scene, free_port};
use nixcast_tests::{process::Process, wait};

use crate::repackage::nginx;
use crate::table::{Aim, Row};

const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) fn measure() -> Vec<Row> {
    let mut pairs = Vec::new();
    for _ in 0..crate::rounds() {
        let pair = (nixcast(), nginx_rtmp());
        eprintln!("  first picture after {:.2} s, with nginx-rtmp after {:.2} s", pair.0, pair.1);
        pairs.push(pair);
    }
    let what = "publisher's start to a viewer's first picture, level 0, pass-through, keyframes every 2 s".to_owned();
    vec![Row::of_pairs(what, "nginx-rtmp", &pairs, "s", Aim::Ratio(1.0))]
}

fn nixcast() -> f64 {
    let server = Scene::with_key().start();
    let began = Instant::now();
    let publisher = Publisher::copy(&server.target("main"), &Clip::SMALL);
    let url = format!("http://127.0.0.1:{}/hls/stream.m3u8", server.http_port());
    let took = until_seen(&url, began);
    assert!(publisher.is_running(), "{}", publisher.log());
    took
}

fn nginx_rtmp() -> f64 {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let port = free_port();
    let _server: Process = nginx(folder.path(), port);
    wait::until("nginx", PATIENCE, || std::net::TcpStream::connect(("127.0.0.1", port)).ok());
    let began = Instant::now();
    let _publisher = Publisher::copy(&Target { rtmp_port: port, stream_key: "bench".to_owned() }, &Clip::SMALL);
    until_seen(&folder.path().join("hls/bench.m3u8").display().to_string(), began)
}

/// Seconds from `began` until a picture of `url` was decoded.
fn until_seen(url: &str, began: Instant) -> f64 {
    wait::until("a picture", PATIENCE, || {
        let tried = Command::new("ffmpeg")
            .args(["-v", "error", "-nostdin", "-i", url, "-map", "0:v:0", "-frames:v", "1", "-f", "null", "-"])
            .output()
            .expect("ffmpeg can be started");
        tried.status.success().then_some(())
    });
    began.elapsed().as_secs_f64()
}
