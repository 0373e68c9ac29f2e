//! Real media made by the ffmpeg program, read from FLV as a publisher would send it.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use super::*;

/// A file of test pictures and a tone, and its access units.
pub(super) struct Source {
    pub(super) folder: tempfile::TempDir,
    pub(super) video: Vec<AccessUnit>,
    pub(super) audio: Vec<AccessUnit>,
    pub(super) video_config: VideoConfig,
    pub(super) audio_config: AudioConfig,
}

/// Runs a program and expects success without a word on standard error.
pub(super) fn quietly(command: &mut Command) -> String {
    let Output { status, stdout, stderr } = command.output().unwrap();
    let stderr = String::from_utf8_lossy(&stderr);
    assert!(status.success() && stderr.is_empty(), "{command:?}: {status}\n{stderr}");
    String::from_utf8(stdout).unwrap()
}

impl Source {
    /// Six seconds: `fps` as ffmpeg takes it, a keyframe each second, `bframes` in a row, sound at `rate`.
    pub(super) fn make(fps: &str, gop: u32, bframes: u32, rate: u32) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let flv = folder.path().join("source.flv");
        let pictures = format!("testsrc2=size=320x180:rate={fps}");
        let tone = format!("sine=frequency=440:sample_rate={rate}");
        let mut command = Command::new("ffmpeg");
        command.args(["-v", "error", "-f", "lavfi", "-i", &pictures, "-f", "lavfi", "-i", &tone, "-t", "6"]);
        command.args(["-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p", "-threads", "1"]);
        command.args(["-g", &gop.to_string(), "-bf", &bframes.to_string(), "-sc_threshold", "0"]);
        command.args(["-c:a", "aac", "-ac", "2", "-f", "flv", "-flvflags", "no_duration_filesize"]);
        quietly(command.arg(&flv));
        let data = std::fs::read(&flv).unwrap();
        Self::read(folder, &data, rate)
    }

    pub(super) fn path(&self) -> PathBuf {
        self.folder.path().join("source.flv")
    }

    /// Tags as of the FLV specification, annex E; times in milliseconds.
    fn read(folder: tempfile::TempDir, data: &[u8], rate: u32) -> Self {
        let mut source = Self {
            folder,
            video: Vec::new(),
            audio: Vec::new(),
            video_config: VideoConfig { avcc: Bytes::new(), width: 320, height: 180 },
            audio_config: AudioConfig { asc: Bytes::new(), sample_rate: rate, channels: 2 },
        };
        let mut at = 13;
        while let Some(head) = data.get(at..at + 11) {
            let size = u24(&head[1..4]) as usize;
            let ms = i64::from(u24(&head[4..7]) | u32::from(head[7]) << 24);
            source.tag(head[0], ms, &data[at + 11..at + 11 + size]);
            at += 11 + size + 4;
        }
        source
    }

    fn tag(&mut self, kind: u8, ms: i64, body: &[u8]) {
        match (kind, body) {
            (9, [_, 0, _, _, _, record @ ..]) => self.video_config.avcc = Bytes::copy_from_slice(record),
            (9, [frame, 1, composition @ ..]) => {
                let offset_ms = i64::from((u24(&composition[..3]) << 8).cast_signed() >> 8);
                let data = Bytes::copy_from_slice(&composition[3..]);
                self.video.push(AccessUnit {
                    dts: ms * 90,
                    pts: (ms + offset_ms) * 90,
                    is_sync: frame >> 4 == 1,
                    data,
                });
            }
            (8, [_, 0, record @ ..]) => self.audio_config.asc = Bytes::copy_from_slice(record),
            (8, [_, 1, data @ ..]) => {
                let time = self.audio.len() as i64 * 1024;
                self.audio.push(AccessUnit { dts: time, pts: time, is_sync: true, data: Bytes::copy_from_slice(data) });
            }
            _ => (),
        }
    }

    /// Writes init section and segments as one file.
    pub(super) fn write(&self, name: &str, init: &Bytes, segments: &[Segment]) -> PathBuf {
        let path = self.folder.path().join(name);
        let whole: Vec<u8> = init.iter().copied().chain(segments.iter().flat_map(data)).collect();
        std::fs::write(&path, whole).unwrap();
        path
    }
}

fn u24(bytes: &[u8]) -> u32 {
    u32::from_be_bytes([0, bytes[0], bytes[1], bytes[2]])
}

/// Hash of each decoded frame of stream `map` ("0:v").
pub(super) fn frame_hashes(file: &Path, map: &str) -> Vec<String> {
    let mut command = Command::new("ffmpeg");
    command.args(["-v", "error", "-xerror", "-i"]).arg(file);
    command.args(["-map", map, "-fps_mode", "passthrough", "-f", "framemd5", "-"]);
    let text = quietly(&mut command);
    let frames = text.lines().filter(|line| !line.starts_with('#'));
    frames.map(|line| line.rsplit(',').next().unwrap().trim().to_owned()).collect()
}

/// pts, dts and whether it is a keyframe, of each packet.
pub(super) fn packets(file: &Path) -> Vec<(i64, i64, bool)> {
    let mut command = Command::new("ffprobe");
    command.args(["-v", "warning", "-show_entries", "packet=pts,dts,flags", "-of", "csv=p=0"]);
    let text = quietly(command.arg(file));
    let packet = |line: &str| {
        let fields: Vec<&str> = line.split(',').collect();
        (fields[0].parse().unwrap(), fields[1].parse().unwrap(), fields[2].starts_with('K'))
    };
    text.lines().filter(|line| !line.is_empty()).map(packet).collect()
}
