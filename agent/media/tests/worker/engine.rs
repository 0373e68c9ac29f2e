//! The other end of the worker's socket.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Command;
use std::thread::JoinHandle;
use std::time::Duration;

use bytes::BytesMut;
use nixcast_media::protocol::{
    AudioSpec, EncoderSpec, FrameReader, FromWorker, MediaUnit, Still, ToWorker, Tuning, VideoEncoder, WorkerControl,
    WorkerReport,
};
use nixcast_media::{WorkerError, WorkerOptions, hex, run_worker_with};

/// Reproducible, and never short of time, however busy the machine.
pub(crate) fn exact() -> WorkerOptions {
    WorkerOptions { encoder_threads: Some(1), patience: Duration::from_secs(3600), ..WorkerOptions::default() }
}

/// The preset's own look-ahead and B-pictures.
pub(crate) const BEST: Tuning = Tuning { look_ahead: None, b_frames: None, frame_threads: Some(8) };

pub(crate) fn spec(id: u32, height: u16, kbps: u32) -> EncoderSpec {
    EncoderSpec {
        id,
        name: format!("rung{id}"),
        width: None,
        height: Some(height),
        framerate: None,
        video_bitrate_kbps: kbps,
        encoder: VideoEncoder::X264,
        preset: "ultrafast".to_owned(),
        tuning: BEST,
    }
}

pub(crate) fn ladder(grid_ms: u32, encoders: &[EncoderSpec], audio: Option<AudioSpec>) -> ToWorker {
    ToWorker::Control(WorkerControl::Ladder { grid_ms, encoders: encoders.to_vec(), audio })
}

pub(crate) const END: ToWorker = ToWorker::Control(WorkerControl::End);

/// A worker on a thread of its own.
pub(crate) struct Worker {
    pub(crate) socket: UnixStream,
    pub(crate) thread: JoinHandle<Result<(), WorkerError>>,
}

impl Worker {
    pub(crate) fn start(options: WorkerOptions) -> Self {
        let (socket, theirs) = UnixStream::pair().unwrap();
        let thread = std::thread::spawn(move || run_worker_with(theirs, &options));
        Self { socket, thread }
    }
}

pub(crate) fn encoded(messages: &[ToWorker]) -> BytesMut {
    let mut bytes = BytesMut::new();
    messages.iter().for_each(|message| message.encode(&mut bytes).unwrap());
    bytes
}

/// Sends all `messages` and collects what comes back until the worker closes its end.
pub(crate) fn play(options: WorkerOptions, messages: &[ToWorker]) -> Answer {
    let worker = Worker::start(options);
    let mut writing = worker.socket.try_clone().unwrap();
    let bytes = encoded(messages);
    let writer = std::thread::spawn(move || writing.write_all(&bytes).unwrap());
    let answer = Answer::read(&worker.socket);
    writer.join().unwrap();
    worker.thread.join().unwrap().unwrap();
    answer
}

/// All that a worker said.
#[derive(Default)]
pub(crate) struct Answer {
    pub(crate) reports: Vec<WorkerReport>,
    pub(crate) video: BTreeMap<u32, Vec<MediaUnit>>,
    pub(crate) audio: BTreeMap<u32, Vec<MediaUnit>>,
    pub(crate) stills: Vec<Still>,
}

impl Answer {
    /// Reads to the end, and checks what holds for every answer: each encoder is announced before its first unit,
    /// says nothing after its end, and its decoding times rise strictly and never pass the presentation times.
    pub(crate) fn read(mut socket: &UnixStream) -> Self {
        let (mut reader, mut bytes, mut answer) = (FrameReader::new(), vec![0; 1 << 16], Self::default());
        loop {
            let count = socket.read(&mut bytes).unwrap();
            reader.feed(&bytes[..count]);
            while let Some(frame) = reader.next_frame().unwrap() {
                answer.take(FromWorker::decode(frame).unwrap());
            }
            if count == 0 {
                assert!(reader.is_at_boundary());
                return answer;
            }
        }
    }

    fn take(&mut self, message: FromWorker) {
        let (unit, units) = match message {
            FromWorker::Report(report) => return self.reports.push(report),
            FromWorker::Still(still) => return self.stills.push(still),
            FromWorker::Video(unit) => (unit.clone(), self.video.entry(unit.track).or_default()),
            FromWorker::Audio(unit) => (unit.clone(), self.audio.entry(unit.track).or_default()),
        };
        assert!(unit.dts <= unit.pts);
        assert!(units.last().is_none_or(|last| last.dts < unit.dts), "track {}: {}", unit.track, unit.dts);
        assert!(!units.is_empty() || unit.is_sync);
        units.push(unit.clone());
        assert!(self.reports.iter().any(|report| matches!(report,
            WorkerReport::VideoStarted { id, .. } | WorkerReport::AudioStarted { id, .. } if *id == unit.track)));
        assert!(!self.has_ended(unit.track));
    }

    pub(crate) fn has_ended(&self, track: u32) -> bool {
        self.reports.contains(&WorkerReport::Ended { id: track })
    }

    pub(crate) fn failure(&self, track: u32) -> Option<&str> {
        self.reports.iter().find_map(|report| match report {
            WorkerReport::Failed { id, message } if *id == track => Some(message.as_str()),
            _ => None,
        })
    }

    pub(crate) fn corrupt(&self) -> usize {
        self.reports.iter().filter(|report| matches!(report, WorkerReport::Corrupt { .. })).count()
    }

    /// Codec record, width and height of a rung.
    pub(crate) fn started(&self, track: u32) -> (Vec<u8>, u16, u16) {
        let started = |report: &WorkerReport| match report {
            WorkerReport::VideoStarted { id, avcc_hex, width, height } if *id == track => {
                Some((hex::decode(avcc_hex).unwrap(), *width, *height))
            }
            _ => None,
        };
        self.reports.iter().find_map(started).unwrap()
    }

    /// Presentation times of a rung's IDR pictures.
    pub(crate) fn sync_times(&self, track: u32) -> Vec<i64> {
        self.video[&track].iter().filter(|unit| unit.is_sync).map(|unit| unit.pts).collect()
    }

    /// Presentation times of a rung, in order.
    pub(crate) fn times(&self, track: u32) -> Vec<i64> {
        let mut times: Vec<i64> = self.video[&track].iter().map(|unit| unit.pts).collect();
        times.sort_unstable();
        times
    }

    /// Bits a second of a rung over its whole length.
    pub(crate) fn bitrate(&self, track: u32) -> f64 {
        bitrate(&self.video[&track])
    }

    /// Lets `ffmpeg` decode a rung; no word of complaint, and every unit is a picture of the size announced.
    pub(crate) fn check_decodes(&self, track: u32) {
        let (record, width, height) = self.started(track);
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("rung.h264");
        std::fs::write(&file, annex_b(&record, &self.video[&track])).unwrap();
        let pictures = decode(&file, "h264", &["-f", "framemd5"]);
        let pictures = String::from_utf8(pictures).unwrap();
        let bytes = u32::from(width) * u32::from(height) * 3 / 2;
        let is_picture = |line: &&str| line.starts_with("0,") && line.contains(&format!(" {bytes}, "));
        assert_eq!(pictures.lines().filter(is_picture).count(), self.video[&track].len(), "rung {track}");
    }
}

pub(crate) fn bitrate(units: &[MediaUnit]) -> f64 {
    let bytes: usize = units.iter().map(|unit| unit.data.len()).sum();
    let seconds = (units.last().unwrap().dts - units[0].dts) as f64 / 90_000.0;
    bytes as f64 * 8.0 / seconds
}

/// Decodes `file`, which must give no message, and returns what `ffmpeg` writes.
pub(crate) fn decode(file: &Path, format: &str, output: &[&str]) -> Vec<u8> {
    let mut command = Command::new("ffmpeg");
    command.args(["-v", "error", "-xerror", "-err_detect", "explode", "-f", format, "-i"]).arg(file);
    let output = command.args(["-fps_mode", "passthrough"]).args(output).arg("-").output().unwrap();
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && complaint.is_empty(), "{complaint}");
    output.stdout
}

fn annex_b(record: &[u8], units: &[MediaUnit]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut put = |nal: &[u8]| {
        out.extend([0, 0, 0, 1]);
        out.extend(nal);
    };
    let sps_bytes = usize::from(u16::from_be_bytes([record[6], record[7]]));
    put(&record[8..8 + sps_bytes]);
    let pps = &record[8 + sps_bytes..];
    put(&pps[3..3 + usize::from(u16::from_be_bytes([pps[1], pps[2]]))]);
    for unit in units {
        nal_units(&unit.data).for_each(&mut put);
    }
    out
}

/// The NAL units of a length-prefixed sample.
pub(crate) fn nal_units(mut sample: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let (length, rest) = sample.split_first_chunk::<4>()?;
        let (nal, rest) = rest.split_at(u32::from_be_bytes(*length) as usize);
        sample = rest;
        Some(nal)
    })
}
