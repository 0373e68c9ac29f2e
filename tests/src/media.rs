//! What FFmpeg's tools make of media files: an independent opinion on every byte served.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

/// One packet of a media file.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Packet {
    /// Seconds.
    pub pts: f64,
    /// Seconds.
    pub dts: f64,
    /// Seconds.
    pub duration: f64,
    pub is_key: bool,
    pub bytes: u64,
    /// Place in the file.
    pub offset: u64,
}

/// Decodes the whole file with every error fatal and every message a failure.
pub fn decode(file: &Path) -> Result<(), String> {
    let output = run("ffmpeg", &["-hide_banner", "-nostdin", "-v", "warning", "-xerror"], file, &["-f", "null", "-"]);
    let messages = String::from_utf8_lossy(&output.stderr).into_owned();
    if output.status.success() && messages.trim().is_empty() { Ok(()) } else { Err(messages) }
}

/// The first stream of the file as ffprobe describes it: `codec_name`, `width`, `avg_frame_rate`, ….
#[track_caller]
pub fn stream(file: &Path) -> Value {
    let mut streams = probe(file, &["-show_streams"]);
    match streams["streams"].get_mut(0) {
        Some(stream) => stream.take(),
        None => panic!("{} has no stream", file.display()),
    }
}

/// Frames per second that a stream of [`stream`] states, from its fraction.
pub fn frame_rate(stream: &Value) -> f64 {
    let fraction = stream["avg_frame_rate"].as_str().unwrap_or("0/1");
    let (over, under) = fraction.split_once('/').unwrap_or((fraction, "1"));
    over.parse::<f64>().unwrap_or(0.0) / under.parse::<f64>().unwrap_or(1.0)
}

/// Every packet of the file, in its order.
#[track_caller]
pub fn packets(file: &Path) -> Vec<Packet> {
    let found = probe(file, &["-show_entries", "packet=pts_time,dts_time,duration_time,flags,size,pos"]);
    let list = found["packets"].as_array().cloned().unwrap_or_default();
    let mut packets: Vec<Packet> = list
        .iter()
        .map(|packet| packet_of(packet).unwrap_or_else(|| panic!("a packet without a time: {packet}")))
        .collect();
    // ffprobe states no duration for the first packet of AAC in fragments, of FFmpeg's own muxer neither.
    if let [first, second, ..] = &mut packets[..]
        && first.duration == 0.0
    {
        first.duration = second.dts - first.dts;
    }
    packets
}

fn packet_of(json: &Value) -> Option<Packet> {
    let number = |name: &str| json[name].as_str()?.parse::<f64>().ok();
    let whole = |name: &str| json[name].as_str()?.parse::<u64>().ok();
    Some(Packet {
        pts: number("pts_time")?,
        dts: number("dts_time")?,
        duration: number("duration_time").unwrap_or(0.0),
        is_key: json["flags"].as_str()?.starts_with('K'),
        bytes: whole("size")?,
        offset: whole("pos")?,
    })
}

#[track_caller]
fn probe(file: &Path, what: &[&str]) -> Value {
    let options = [["-v", "error", "-of", "json"].as_slice(), what].concat();
    let output = run("ffprobe", &options, file, &[]);
    assert!(
        output.status.success(),
        "ffprobe cannot read {}: {}",
        file.display(),
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).expect("ffprobe was asked for JSON")
}

fn run(tool: &str, before: &[&str], file: &Path, after: &[&str]) -> Output {
    Command::new(tool)
        .args(before)
        .arg("-i")
        .arg(file)
        .args(after)
        .output()
        .unwrap_or_else(|error| panic!("cannot start {tool}: {error}"))
}
