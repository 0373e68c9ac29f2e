//! What an operator gets who chooses nothing but sizes and bitrates: our defaults beside the command that Owncast 0.1.3
//! starts for the same rungs (its own defaults: `veryfast`, `zerolatency`, bilinear scaling). CPU and picture quality,
//! from the same clip, in turns.
//!
//! Quality is SSIM in dB over the first fifteen seconds, each against the source scaled by the filter that side scales
//! with: of a noisy picture the choice of filter would otherwise decide more than the encoder.
//! Owncast's own process, which takes its segments over HTTP, is not counted.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use nixcast_schema::Variant;
use nixcast_tests::clip::Clip;
use nixcast_tests::process::{self, Process};
use nixcast_tests::publish::Publisher;
use nixcast_tests::server::Scene;
use nixcast_tests::watcher::LiveWatcher;
use nixcast_tests::{media, playlist};

use crate::ladder::{GRID, cpu_per_second, variants};
use crate::table::{Aim, Row};

/// Height and kbit/s of the picture.
const RUNGS: [(u16, u32); 3] = [(480, 1000), (720, 2500), (1080, 4500)];
/// Of real time.
const SPEED: f64 = 0.5;
/// Pictures compared.
const PICTURES: u32 = 450;

/// What one encoding of the ladder cost and looks like.
struct Outcome {
    cpu: f64,
    /// SSIM in dB and kbit/s of each rung.
    rungs: Vec<(f64, f64)>,
}

pub(crate) fn measure() -> Vec<Row> {
    let mut rounds = Vec::new();
    for _ in 0..crate::rounds() {
        let round = (nixcast(), owncast());
        for (who, outcome) in [("nixcast", &round.0), ("Owncast", &round.1)] {
            let rungs: Vec<String> =
                outcome.rungs.iter().map(|(db, kbps)| format!("{db:.2} dB at {kbps:.0} kbit/s")).collect();
            eprintln!("  {who}: {:.3} CPU s/s; {}", outcome.cpu, rungs.join(", "));
        }
        rounds.push(round);
    }
    let cpu: Vec<(f64, f64)> = rounds.iter().map(|(ours, theirs)| (ours.cpu, theirs.cpu)).collect();
    let what = "CPU of our default 480p/720p/1080p ladder, per second of media".to_owned();
    let mut rows = vec![Row::of_pairs(what, "Owncast's command", &cpu, "s", Aim::Ratio(1.0))];
    for (index, (height, _)) in RUNGS.iter().enumerate() {
        let pairs: Vec<(f64, f64)> =
            rounds.iter().map(|(ours, theirs)| (ours.rungs[index].0, theirs.rungs[index].0)).collect();
        let kbps = |outcome: &Outcome| outcome.rungs[index].1;
        let last = &rounds[rounds.len() - 1];
        let what = format!("SSIM of {height}p, at {:.0} and {:.0} kbit/s", kbps(&last.0), kbps(&last.1));
        rows.push(Row::of_pairs(what, "Owncast's command", &pairs, "dB", Aim::AtLeastRatio(1.0)));
    }
    rows
}

fn nixcast() -> Outcome {
    let mut scene = Scene::with_key();
    scene.settings.video.latency_level = 2;
    let preset = Variant::named("default").preset;
    scene.settings.video.variants = variants(&RUNGS, preset);
    let server = scene.start();
    let _publisher = Publisher::copy_at(&server.target("main"), &Clip::FULL_HD, SPEED);
    server.wait_live();
    let watcher = LiveWatcher::start(server.http_port());
    let path = |height: u16| format!("/hls/video/{height}p/stream.m3u8");
    let newest = || {
        let list = playlist::media(server.http_port(), &path(1080)).ok()?;
        Some(playlist::last_msn(&list))
    };
    let cpu = || server.pids().into_iter().map(process::cpu_seconds).sum::<f64>();
    let cpu = cpu_per_second(1, newest, cpu);
    let story = watcher.finish();
    let rungs = RUNGS.map(|(height, _)| judge(&story.last_run_file(&path(height)), "bicubic")).into();
    Outcome { cpu, rungs }
}

fn owncast() -> Outcome {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let process = Process::spawn("ffmpeg", &mut owncast_command(folder.path()), &folder.path().join("log"));
    let newest = || {
        let list = fs::read_to_string(folder.path().join("0/stream.m3u8")).ok()?;
        Some(list.matches("#EXTINF").count() as u64)
    };
    let cpu = cpu_per_second(1, newest, || process::cpu_seconds(process.id()));
    drop(process);
    let rungs = (0..RUNGS.len()).map(|index| judge(&joined(&folder.path().join(index.to_string())), "bilinear"));
    Outcome { cpu, rungs: rungs.collect() }
}

/// The argument list of Owncast 0.1.3 for these rungs at latency level 2 and CPU usage level 2, sound passed through.
fn owncast_command(folder: &Path) -> Command {
    let mut command = Command::new("ffmpeg");
    command.args(["-hide_banner", "-nostdin", "-loglevel", "warning", "-readrate", &SPEED.to_string()]);
    command.args(["-stream_loop", "-1", "-fflags", "+genpts", "-flags", "+cgop", "-i"]).arg(Clip::FULL_HD.file());
    let gop = (30 * GRID).to_string();
    let mut map = Vec::new();
    for (index, (height, kbps)) in RUNGS.iter().enumerate() {
        let most = format!("{}k", kbps * 108 / 100);
        let of = |option: &str| format!("{option}:v:{index}");
        command.args(["-map", "v:0", &of("-c"), "libx264", &of("-b"), &format!("{kbps}k"), &of("-maxrate"), &most]);
        command.args([&of("-g"), &gop, &of("-keyint_min"), &gop, &of("-r"), "30"]);
        command.args([&of("-x264-params"), "scenecut=0:open_gop=0", &of("-bufsize"), &most, &of("-profile"), "high"]);
        command.args(["-map", "a:0?", &format!("-c:a:{index}"), "copy", "-sws_flags", "bilinear"]);
        command.args([&of("-filter"), &format!("scale=-2:{height}"), "-preset", "veryfast"]);
        map.push(format!("v:{index},a:{index}"));
        fs::create_dir(folder.join(index.to_string())).expect("a fresh folder can be written to");
    }
    command.args(["-var_stream_map", &map.join(" "), "-f", "hls", "-hls_time", &GRID.to_string()]);
    command.args(["-hls_list_size", "0", "-hls_flags", "program_date_time+independent_segments+omit_endlist"]);
    command.args(["-segment_format_options", "mpegts_flags=mpegts_copyts=1", "-tune", "zerolatency"]);
    command.args(["-pix_fmt", "yuv420p", "-sc_threshold", "0", "-master_pl_name", "stream.m3u8"]);
    command.arg("-hls_segment_filename").arg(folder.join("%v/stream-%d.ts")).arg(folder.join("%v/stream.m3u8"));
    command
}

/// The segments of a folder, one after the other in one file.
fn joined(folder: &Path) -> PathBuf {
    let mut bytes = Vec::new();
    for number in 0.. {
        match fs::read(folder.join(format!("stream-{number}.ts"))) {
            Ok(segment) => bytes.extend(segment),
            Err(_) => break,
        }
    }
    let file = folder.join("joined.ts");
    fs::write(&file, bytes).expect("a fresh folder can be written to");
    file
}

/// SSIM in dB against the clip, and kbit/s, over the first pictures of `file`.
fn judge(file: &Path, scaler: &str) -> (f64, f64) {
    let stream = media::stream(file);
    let (width, height) = (&stream["width"], &stream["height"]);
    let filter = format!(
        "[0:v]trim=end_frame={PICTURES},setpts=N/30/TB[a];\
         [1:v]trim=end_frame={PICTURES},scale={width}:{height}:flags={scaler},setpts=N/30/TB[b];[a][b]ssim"
    );
    let output = Command::new("ffmpeg")
        .args(["-hide_banner", "-nostdin", "-nostats", "-i"])
        .arg(file)
        .arg("-i")
        .arg(Clip::FULL_HD.file())
        .args(["-lavfi", &filter, "-f", "null", "-"])
        .output()
        .expect("ffmpeg can be started");
    let log = String::from_utf8_lossy(&output.stderr);
    let all = log.lines().rev().find_map(|line| line.split("All:").nth(1)).unwrap_or_else(|| panic!("no SSIM:\n{log}"));
    let db = all.split(['(', ')']).nth(1).and_then(|db| db.parse().ok()).unwrap_or_else(|| panic!("no dB in {all}"));
    (db, kbps(file))
}

/// Of the pictures alone, over the compared ones.
fn kbps(file: &Path) -> f64 {
    let output = Command::new("ffprobe")
        .args(["-v", "error", "-select_streams", "v:0", "-show_entries", "packet=size", "-of", "csv=p=0"])
        .arg(file)
        .output()
        .expect("ffprobe can be started");
    let text = String::from_utf8_lossy(&output.stdout);
    let sizes = text.lines().filter_map(|line| line.trim_end_matches(',').parse::<f64>().ok());
    let bytes: f64 = sizes.take(PICTURES as usize).sum();
    bytes * 8.0 / 1000.0 / (f64::from(PICTURES) / 30.0)
}
