//! CPU for each second of media of ladders from a 1080p30 source, beside one ffmpeg process that is given the same x264
//! settings. The two take turns.
//!
//! The source is sent below real time, because the larger ladders take more than two cores; CPU for each second of
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

use crate::table::{Aim, Row};

/// A ladder to encode.
struct Case {
    what: &'static str,
    /// Height and kbit/s of each encoded rung.
    rungs: &'static [(u16, u32)],
    has_source: bool,
    /// Of real time.
    speed: f64,
}

const ENCODED: [Case; 3] = [
    Case { what: "a 720p rung", rungs: &[(720, 2500)], has_source: false, speed: 0.8 },
    Case {
        what: "3 rungs, 480p to 1080p",
        rungs: &[(480, 1000), (720, 2500), (1080, 4500)],
        has_source: false,
        speed: 0.4,
    },
    Case {
        what: "5 rungs, 240p to 1080p",
        rungs: &[(240, 300), (360, 600), (480, 1000), (720, 2500), (1080, 4500)],
        has_source: false,
        speed: 0.4,
    },
];

const WITH_SOURCE: Case =
    Case { what: "pass-through, 720p and 480p", rungs: &[(480, 1000), (720, 2500)], has_source: true, speed: 0.6 };

/// Seconds of a segment at latency level 2, the default.
pub(crate) const GRID: u32 = 3;
/// Segments passed before and while measuring.
const WARM_UP: u64 = 2;
const MEASURED: u64 = 6;
const PATIENCE: Duration = Duration::from_secs(180);
/// Strength of the comparison: the preset that both encode with.
const PRESET: Preset = Preset::Veryfast;

pub(crate) fn measure() -> Vec<Row> {
    ENCODED.iter().map(compare).collect()
}

pub(crate) fn measure_with_source() -> Vec<Row> {
    vec![compare(&WITH_SOURCE)]
}

fn compare(case: &Case) -> Row {
    let mut pairs = Vec::new();
    for _ in 0..crate::rounds() {
        let pair = (nixcast(case), ffmpeg(case));
        eprintln!("  {}: nixcast {:.3}, ffmpeg {:.3} CPU s/s", case.what, pair.0, pair.1);
        pairs.push(pair);
    }
    let what = format!("CPU of {} at {}, per second of media", case.what, PRESET.as_str());
    Row::of_pairs(what, "ffmpeg", &pairs, "s", Aim::Ratio(1.0))
}

fn nixcast(case: &Case) -> f64 {
    let mut scene = Scene::with_key();
    scene.settings.video.latency_level = 2;
    scene.settings.video.stills = false;
    scene.settings.video.variants = variants(case.rungs, PRESET);
    if case.has_source {
        scene.settings.video.variants.push(Variant { passthrough: true, order: 0, ..Variant::named("source") });
    }
    let server = scene.start();
    let _publisher = Publisher::copy_at(&server.target("main"), &Clip::FULL_HD, case.speed);
    let last = case.rungs[case.rungs.len() - 1].0;
    let newest = || {
        let list = playlist::media(server.http_port(), &format!("/hls/video/{last}p/stream.m3u8")).ok()?;
        Some(playlist::last_msn(&list))
    };
    let cpu = || server.pids().into_iter().map(process::cpu_seconds).sum::<f64>();
    let figure = cpu_per_second(WARM_UP, newest, cpu);
    let broadcast = server.broadcast().expect("the publisher goes on for ever");
    let wanted = case.rungs.len() + usize::from(case.has_source);
    let is_whole = broadcast.dropped_units == 0 && broadcast.variants.len() == wanted;
    assert!(is_whole, "the machine could not keep up, so the figure would flatter us: {:?}", broadcast.variants);
    figure
}

/// Rungs named by their height, smallest first.
pub(crate) fn variants(rungs: &[(u16, u32)], preset: Preset) -> Vec<Variant> {
    let rung = |(order, (height, video_bitrate_kbps)): (u16, &(u16, u32))| Variant {
        height: Some(*height),
        video_bitrate_kbps: *video_bitrate_kbps,
        preset,
        order,
        ..Variant::named(&format!("{height}p"))
    };
    (1..).zip(rungs).map(rung).collect()
}

fn ffmpeg(case: &Case) -> f64 {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let process = Process::spawn("ffmpeg", &mut ffmpeg_command(case, folder.path()), &folder.path().join("log"));
    let newest = || {
        let list = fs::read_to_string(folder.path().join("0.m3u8")).ok()?;
        Some(list.matches("#EXTINF").count() as u64)
    };
    cpu_per_second(WARM_UP, newest, || process::cpu_seconds(process.id()))
}

/// The worker's own settings: the same grid, rate control, scaler and profile, one sound for all rungs.
fn ffmpeg_command(case: &Case, folder: &Path) -> Command {
    let Case { what: _, rungs, has_source, speed } = *case;
    let mut command = Command::new("ffmpeg");
    command.args(["-hide_banner", "-nostdin", "-nostats", "-readrate", &speed.to_string(), "-stream_loop", "-1"]);
    command.arg("-i").arg(Clip::FULL_HD.file());
    let names: String = (0..rungs.len()).map(|index| format!("[s{index}]")).collect();
    let scale = |(index, (height, _)): (usize, &(u16, u32))| match height {
        1080 => format!(";[s{index}]null[v{index}]"),
        height => format!(";[s{index}]scale=-2:{height}:flags=bicubic[v{index}]"),
    };
    let scales: String = rungs.iter().enumerate().map(scale).collect();
    command.args(["-filter_complex", &format!("[0:v]split={}{names}{scales}", rungs.len())]);
    let mut map = String::new();
    for (index, (_, kbps)) in rungs.iter().enumerate() {
        command.args(["-map", &format!("[v{index}]")]);
        command.args([format!("-c:v:{index}"), "libx264".to_owned()]);
        command.args([format!("-preset:v:{index}"), PRESET.as_str().to_owned()]);
        command.args([format!("-b:v:{index}"), format!("{kbps}k")]);
        command.args([format!("-maxrate:v:{index}"), format!("{}k", kbps * 108 / 100)]);
        command.args([format!("-bufsize:v:{index}"), format!("{kbps}k")]);
        // Not for all at once: a copied stream takes no profile.
        command.args([format!("-profile:v:{index}").as_str(), "high"]);
        map.push_str(&format!("v:{index},agroup:s "));
    }
    command.args(["-pix_fmt", "yuv420p"]);
    command.args(["-force_key_frames", &format!("expr:gte(t,n_forced*{GRID})"), "-forced-idr", "1"]);
    command.args(["-g", "1073741824", "-x264-params", "scenecut=0:open-gop=0"]);
    if has_source {
        let index = rungs.len();
        command.args(["-map", "0:v", &format!("-c:v:{index}"), "copy", "-map", "0:a", "-c:a", "copy"]);
        map.push_str(&format!("v:{index},agroup:s "));
    } else {
        command.args(["-map", "0:a", "-c:a", "aac", "-b:a", "128k"]);
    }
    command.args(["-f", "hls", "-hls_time", &GRID.to_string(), "-hls_list_size", "0", "-hls_segment_type", "fmp4"]);
    command.args(["-var_stream_map", &format!("{map}a:0,agroup:s")]);
    command.arg("-hls_segment_filename").arg(folder.join("%v-%d.m4s"));
    command.arg(folder.join("%v.m3u8"));
    command
}

/// CPU used between the listing of two segments, for each second of media between them.
pub(crate) fn cpu_per_second(warm_up: u64, newest: impl Fn() -> Option<u64>, cpu: impl Fn() -> f64) -> f64 {
    let reach = |goal: u64| wait::until("the next segments", PATIENCE, || newest().filter(|newest| *newest >= goal));
    let first = reach(warm_up);
    let before = cpu();
    let last = reach(first + MEASURED);
    (cpu() - before) / (f64::from(GRID) * (last - first) as f64)
}
