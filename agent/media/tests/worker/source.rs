//! Publisher's media made with `ffmpeg`, as the units the engine would send.

use std::process::Command;

use bytes::Bytes;
use nixcast_media::hex;
use nixcast_media::protocol::{MediaUnit, ToWorker, WorkerControl};

/// One FLV file's worth of messages, in the order a publisher sends them.
#[derive(Clone)]
pub(crate) struct Source {
    pub(crate) messages: Vec<ToWorker>,
    pub(crate) audio_rate: u32,
}

impl Source {
    /// Runs `ffmpeg` with these arguments, which say everything but the output.
    pub(crate) fn make(arguments: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("source.flv");
        let status = Command::new("ffmpeg")
            .args(["-v", "error", "-y"])
            .args(arguments.split_whitespace())
            .args(["-f", "flv", "-flvflags", "no_duration_filesize"])
            .arg(&file)
            .status();
        assert!(status.unwrap().success(), "{arguments}");
        read_flv(&std::fs::read(&file).unwrap())
    }

    /// A moving picture of `size` at `rate` for `seconds`, with B-pictures and a keyframe each second, and a tone.
    pub(crate) fn test_picture(size: &str, rate: u32, seconds: u32) -> Self {
        Self::make(&format!(
            "-f lavfi -i testsrc2=size={size}:rate={rate}:duration={seconds} \
             -f lavfi -i sine=frequency=440:sample_rate=48000:duration={seconds} \
             -c:v libx264 -preset veryfast -g {rate} -pix_fmt yuv420p -c:a aac -b:a 96k"
        ))
    }

    pub(crate) fn video<'a>(&'a self) -> Vec<&'a MediaUnit> {
        let video = |message: &'a ToWorker| if let ToWorker::Video(unit) = message { Some(unit) } else { None };
        self.messages.iter().filter_map(video).collect()
    }

    pub(crate) fn audio<'a>(&'a self) -> Vec<&'a MediaUnit> {
        let audio = |message: &'a ToWorker| if let ToWorker::Audio(unit) = message { Some(unit) } else { None };
        self.messages.iter().filter_map(audio).collect()
    }

    pub(crate) fn asc(&self) -> Vec<u8> {
        let asc = |message: &ToWorker| match message {
            ToWorker::Control(WorkerControl::AudioSource { asc_hex }) => hex::decode(asc_hex),
            _ => None,
        };
        self.messages.iter().find_map(asc).unwrap()
    }

    /// Presentation times in order, 90 kHz.
    pub(crate) fn times(&self) -> Vec<i64> {
        let mut times: Vec<i64> = self.video().iter().map(|unit| unit.pts).collect();
        times.sort_unstable();
        times
    }

    /// First picture at or after each point of a grid, and the very first picture.
    pub(crate) fn grid_times(&self, grid_ms: i64) -> Vec<i64> {
        let mut cell = i64::MIN;
        let is_first =
            |pts: &i64| std::mem::replace(&mut cell, pts.div_euclid(grid_ms * 90)) < pts.div_euclid(grid_ms * 90);
        self.times().into_iter().filter(is_first).collect()
    }

    /// The same media, later by so many milliseconds.
    pub(crate) fn later(mut self, ms: i64) -> Self {
        for message in &mut self.messages {
            let (unit, ticks) = match message {
                ToWorker::Video(unit) => (unit, ms * 90),
                ToWorker::Audio(unit) => (unit, ms * i64::from(self.audio_rate) / 1000),
                ToWorker::Control(_) => continue,
            };
            unit.dts += ticks;
            unit.pts += ticks;
        }
        self
    }
}

fn number(bytes: &[u8]) -> i64 {
    bytes.iter().fold(0, |value, byte| value << 8 | i64::from(*byte))
}

fn read_flv(file: &[u8]) -> Source {
    let (mut rest, mut source) = (&file[13..], Source { messages: Vec::new(), audio_rate: 48_000 });
    while rest.len() > 15 {
        let (head, size) = (&rest[..11], number(&rest[1..4]) as usize);
        let time = number(&head[4..7]) | i64::from(head[7]) << 24;
        let body = &rest[11..11 + size];
        rest = &rest[15 + size..];
        match head[0] {
            9 if body[1] == 0 => {
                let avcc_hex = hex::encode(&body[5..]);
                source.messages.push(ToWorker::Control(WorkerControl::VideoSource { avcc_hex }));
            }
            9 if body[1] == 1 => {
                let shown_after = number(&body[2..5]) << 40 >> 40;
                let data = Bytes::copy_from_slice(&body[5..]);
                let (dts, pts) = (time * 90, (time + shown_after) * 90);
                let unit = MediaUnit { track: 0, is_sync: body[0] >> 4 == 1, dts, pts, data };
                source.messages.push(ToWorker::Video(unit));
            }
            8 if body[1] == 0 => {
                let index = usize::from((body[2] & 7) << 1 | body[3] >> 7);
                source.audio_rate = [0, 0, 0, 48_000, 44_100, 32_000, 24_000, 22_050][index];
                let asc_hex = hex::encode(&body[2..]);
                source.messages.push(ToWorker::Control(WorkerControl::AudioSource { asc_hex }));
            }
            8 => {
                let dts = time * i64::from(source.audio_rate) / 1000;
                let data = Bytes::copy_from_slice(&body[2..]);
                source.messages.push(ToWorker::Audio(MediaUnit { track: 0, is_sync: true, dts, pts: dts, data }));
            }
            _ => {}
        }
    }
    source
}
