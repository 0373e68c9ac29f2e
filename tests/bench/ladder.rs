//! CPU for each second of media of a 480p, 720p and 1080p ladder from a 1080p30 source, beside one ffmpeg process that
//! is given the same x264 settings. The two take turns.
//!
//! The source is sent below real time, because the whole ladder takes more than two cores; CPU for each second of
//! media does not depend on how fast the seconds come.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use nixcast_schema::{Preset, Variant};
use nixcast_tests::clip::Clip;
use nixcast_tests::process::{self, Process};
use nixcast_tests::publish::Publisher;
use nixcast_tests::server::Scene;
use nixcast_tests::{playlist, wait};

use crate::table::{Aim, Row, median};

/// Height and kbit/s of each rung.
const RUNGS: [(u16, u32); 3] = [(480, 1000), (720, 2500), (1080, 4500)];
/// Seconds of a segment at latency level 2, the default.
const GRID: u32 = 3;
/// Of real time.
const SPEED: f64 = 0.4;
/// Segments passed before and while measuring.
const WARM_UP: u64 = 2;
const MEASURED: u64 = 8;
const ROUNDS: usize = 2;
const PATIENCE: Duration = Duration::from_secs(180);

pub(crate) fn measure() -> Vec<Row> {
    let mut ours = Vec::new();
    let mut theirs = Vec::new();
    for _ in 0..ROUNDS {
        ours.push(nixcast());
        theirs.push(ffmpeg());
        eprintln!("  nixcast {:.3}, ffmpeg {:.3} CPU s/s", ours[ours.len() - 1], theirs[theirs.len() - 1]);
    }
    vec![Row {
        what: "CPU of a 480p/720p/1080p veryfast ladder from 1080p30, per second of media".to_owned(),
        ours: median(&ours),
        theirs: Some(("ffmpeg", median(&theirs))),
        unit: "s",
        aim: Aim::Ratio(1.05),
    }]
}

fn nixcast() -> f64 {
    let mut scene = Scene::with_key();
    scene.settings.video.latency_level = 2;
    let rung = |(height, video_bitrate_kbps): (u16, u32)| Variant {
        height: Some(height),
        video_bitrate_kbps,
        preset: Preset::Veryfast,
        order: height,
        ..Variant::named(&format!("{height}p"))
    };
    scene.settings.video.variants = RUNGS.map(rung).to_vec();
    // A height of 1080 is beyond the range of `order`.
    scene.settings.video.variants[2].order = 1000;
    let server = scene.start();
    let _publisher = Publisher::copy_at(&server.target("main"), &Clip::FULL_HD, SPEED);
    let newest = || {
        let list = playlist::media(server.http_port(), "/hls/video/1080p/stream.m3u8").ok()?;
        Some(list.media_sequence + list.segments.len() as u64)
    };
    let cpu = || server.pids().into_iter().map(process::cpu_seconds).sum::<f64>();
    let figure = cpu_per_second(newest, cpu);
    let dropped = server.broadcast().map_or(0, |broadcast| broadcast.dropped_units);
    assert_eq!(dropped, 0, "the machine could not keep up, so the figure would flatter us");
    figure
}

fn ffmpeg() -> f64 {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let process = Process::spawn("ffmpeg", &mut ffmpeg_command(folder.path()), &folder.path().join("log"));
    let newest = || {
        let list = fs::read_to_string(folder.path().join("2.m3u8")).ok()?;
        Some(list.matches("#EXTINF").count() as u64)
    };
    cpu_per_second(newest, || process::cpu_seconds(process.id()))
}

/// The worker's own settings: the same grid, rate control, scaler and profile, one AAC encoder for all rungs.
fn ffmpeg_command(folder: &Path) -> Command {
    let mut command = Command::new("ffmpeg");
    command.args(["-hide_banner", "-nostdin", "-nostats", "-readrate", &SPEED.to_string(), "-stream_loop", "-1"]);
    command.arg("-i").arg(Clip::FULL_HD.file());
    let scale = "[0:v]split=3[a][b][c];[a]scale=-2:480:flags=bicubic[v0];[b]scale=-2:720:flags=bicubic[v1];[c]null[v2]";
    command.args(["-filter_complex", scale]);
    for (index, (_, kbps)) in RUNGS.iter().enumerate() {
        command.args(["-map", &format!("[v{index}]")]);
        command.args([format!("-b:v:{index}"), format!("{kbps}k")]);
        command.args([format!("-maxrate:v:{index}"), format!("{}k", kbps * 108 / 100)]);
        command.args([format!("-bufsize:v:{index}"), format!("{kbps}k")]);
    }
    command.args(["-c:v", "libx264", "-preset", "veryfast", "-profile:v", "high", "-pix_fmt", "yuv420p"]);
    command.args(["-force_key_frames", &format!("expr:gte(t,n_forced*{GRID})"), "-forced-idr", "1"]);
    command.args(["-g", "1073741824", "-x264-params", "scenecut=0:open-gop=0"]);
    command.args(["-map", "0:a", "-c:a", "aac", "-b:a", "128k"]);
    command.args(["-f", "hls", "-hls_time", &GRID.to_string(), "-hls_list_size", "0", "-hls_segment_type", "fmp4"]);
    command.args(["-var_stream_map", "v:0,agroup:s v:1,agroup:s v:2,agroup:s a:0,agroup:s"]);
    command.arg("-hls_segment_filename").arg(folder.join("%v-%d.m4s"));
    command.arg(folder.join("%v.m3u8"));
    command
}

/// CPU used between the listing of two segments, for each second of media between them.
fn cpu_per_second(newest: impl Fn() -> Option<u64>, cpu: impl Fn() -> f64) -> f64 {
    let reach = |goal: u64| wait::until("the next segments", PATIENCE, || newest().filter(|newest| *newest >= goal));
    let first = reach(WARM_UP);
    let before = cpu();
    let last = reach(first + MEASURED);
    (cpu() - before) / (f64::from(GRID) * (last - first) as f64)
}
