//! Memory over an hour of streaming: whether anything grows. Asked for by name only, because it takes an hour.

use std::thread;
use std::time::{Duration, Instant};

use nixcast_schema::Variant;
use nixcast_tests::clip::Clip;
use nixcast_tests::process;
use nixcast_tests::publish::Publisher;
use nixcast_tests::server::Scene;
use nixcast_tests::viewer::Viewer;

use crate::table::{Aim, Row};

const LENGTH: Duration = Duration::from_secs(3600);
const BETWEEN: Duration = Duration::from_secs(30);
/// Windows, buffers and allocators are full by then.
const SETTLED: Duration = Duration::from_secs(900);
/// Most growth from there to the end, MiB: about what two readings of an idle process differ by.
const MOST_GROWTH: f64 = 2.0;
const VIEWERS: usize = 3;

pub(crate) fn measure() -> Vec<Row> {
    let minutes = std::env::var("NIXCAST_BENCH_MINUTES").ok().and_then(|minutes| minutes.parse::<u64>().ok());
    let length = minutes.map_or(LENGTH, |minutes| Duration::from_secs(minutes * 60));
    let settled = SETTLED.min(length / 4);
    let mut scene = Scene::with_key();
    let low = Variant { height: Some(180), video_bitrate_kbps: 200, ..Variant::named("180p") };
    scene.settings.video.variants.push(low);
    let server = scene.start();
    let publisher = Publisher::copy(&server.target("main"), &Clip::SMALL);
    server.wait_live();
    let address = std::net::SocketAddr::from(([127, 0, 0, 1], server.http_port()));
    let viewers: Vec<Viewer> = (0..VIEWERS).map(|number| Viewer::start(address, number)).collect();

    let commands = ["engine", "agent", "transcode"];
    let pids = commands
        .map(|command| server.pid_of(command).unwrap_or_else(|| panic!("there is no single {command} process")));
    let began = Instant::now();
    let mut readings: Vec<(f64, [f64; 3])> = Vec::new();
    while began.elapsed() < length {
        let now = pids.map(|pid| process::resident_bytes(pid) as f64 / 1_048_576.0);
        if readings.len().is_multiple_of(10) {
            let minutes = began.elapsed().as_secs() / 60;
            eprintln!("  after {minutes} min: engine {:.1}, agent {:.1}, worker {:.1} MiB", now[0], now[1], now[2]);
        }
        readings.push((began.elapsed().as_secs_f64(), now));
        thread::sleep(BETWEEN);
    }
    assert!(publisher.is_running(), "the publisher was cut off:\n{}", publisher.log());
    for (command, pid) in commands.iter().zip(pids) {
        assert_eq!(server.pid_of(command), Some(pid), "the {command} process is another one");
    }
    let watched: Vec<_> = viewers.into_iter().map(Viewer::finish).collect();
    let troubles: Vec<&String> =
        watched.iter().flat_map(|watched| watched.gaps.iter().chain(&watched.errors)).collect();
    assert!(troubles.is_empty(), "viewers noticed: {troubles:?}");
    let later: Vec<_> = readings.iter().filter(|(at, _)| *at >= settled.as_secs_f64()).collect();
    let row = |index: usize| {
        let points: Vec<(f64, f64)> = later.iter().map(|(at, mib)| (*at, mib[index])).collect();
        let span = points[points.len() - 1].0 - points[0].0;
        let (least, most) =
            points.iter().fold((f64::MAX, f64::MIN), |(least, most), (_, mib)| (least.min(*mib), most.max(*mib)));
        Row {
            spread: format!("{least:.1} to {most:.1}"),
            ..Row::alone(
                format!("growth of the {} process over the last {:.0} minutes", commands[index], span / 60.0),
                slope(&points) * span,
                "MiB",
                Aim::AtMost(MOST_GROWTH),
            )
        }
    };
    (0..commands.len()).map(row).collect()
}

/// Of the line that lies best through the points (least squares).
fn slope(points: &[(f64, f64)]) -> f64 {
    let count = points.len() as f64;
    let mean = |of: fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / count;
    let (x, y) = (mean(|point| point.0), mean(|point| point.1));
    let over: f64 = points.iter().map(|point| (point.0 - x) * (point.1 - y)).sum();
    let under: f64 = points.iter().map(|point| (point.0 - x).powi(2)).sum();
    over / under
}
