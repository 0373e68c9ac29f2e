//! Frames between engine and worker, over one inherited unix stream socket (the worker's standard input).
//!
//! A frame is `u32` big-endian length of the rest, one kind byte, body. Control bodies are JSON; media bodies are a
//! fixed 21-byte head (`u32` track, `u8` flags (bit 0: sync), `i64` dts, `i64` pts, big-endian) and the access unit.

mod reader;
mod wire;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

pub use reader::{Frame, FrameReader};
pub use wire::ProtocolError;

/// Longest frame either side accepts, bytes. A 4K IDR picture at 100 Mbit/s stays under 4 MiB.
pub const MAX_FRAME_BYTES: usize = 16 * 1024 * 1024;

/// Engine to worker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ToWorker {
    Control(WorkerControl),
    /// One H.264 access unit (length-prefixed), 90 kHz. The first one after `VideoSource` is a sync unit.
    Video(MediaUnit),
    /// One raw AAC frame (or MP3 frame), in samples of the source's rate: the sampling frequency that the
    /// AudioSpecificConfig names first, not the doubled rate of a spectral band replication; for MP3 the frame's own.
    Audio(MediaUnit),
}

/// Control frames, engine to worker.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "control")]
pub enum WorkerControl {
    /// Codec parameters of the publisher's video: an avcC record, hex. Sent before the first unit and again when they
    /// change in mid-stream (encoders stay; the scaler adapts).
    VideoSource { avcc_hex: String },
    /// Codec parameters of the publisher's audio, an AudioSpecificConfig, hex; empty for MP3, which has none.
    AudioSource { asc_hex: String },
    /// The ladder from the next grid point on. Encoders not named are flushed and ended there; new ones start there
    /// with an IDR picture; one whose `EncoderSpec` differs only in `video_bitrate_kbps` is reconfigured in place; one
    /// that differs in anything else ends with `Failed`, because a new encoder needs a new id. The first ladder holds
    /// from the first picture (and sound) on. A new `grid_ms` counts from the next point of the old grid.
    #[serde(rename_all = "camelCase")]
    Ladder { grid_ms: u32, encoders: Vec<EncoderSpec>, audio: Option<AudioSpec> },
    /// Whether to make stills of the pictures that are decoded anyway. Off until told. With stills alone to make, and no
    /// rung, every unit is decoded on its own, so only sync units may be sent.
    Stills { enabled: bool },
    /// Flush everything and exit 0.
    End,
}

/// One rung to encode.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EncoderSpec {
    pub id: u32,
    /// For messages only.
    pub name: String,
    /// Null: from the other side's aspect, or as the source.
    pub width: Option<u16>,
    pub height: Option<u16>,
    /// Most frames per second; grid-point frames are never dropped.
    pub framerate: Option<u8>,
    pub video_bitrate_kbps: u32,
    /// What encodes. A worker that was started for hardware can do x264 as well, but not the other way round.
    pub encoder: VideoEncoder,
    /// x264 preset name; hardware that knows presets takes the nearest of its own.
    pub preset: String,
    pub tuning: Tuning,
}

/// What encodes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum VideoEncoder {
    #[default]
    X264,
    Vaapi,
    Nvenc,
    Qsv,
    V4l2m2m,
}

impl VideoEncoder {
    /// Every one there is.
    pub const ALL: [Self; 5] = [Self::X264, Self::Vaapi, Self::Nvenc, Self::Qsv, Self::V4l2m2m];

    /// The name it has on the worker's command line.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::X264 => "x264",
            Self::Vaapi => "vaapi",
            Self::Nvenc => "nvenc",
            Self::Qsv => "qsv",
            Self::V4l2m2m => "v4l2m2m",
        }
    }
}

impl std::str::FromStr for VideoEncoder {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|encoder| encoder.as_str() == name).ok_or_else(|| format!("no encoder {name}"))
    }
}

/// How much delay an encoder may add for a better picture at the same bitrate. x264 holds back one picture for each
/// that it looks ahead at, for each B-picture and for each frame thread beyond the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Tuning {
    /// Most pictures to look ahead at; null: as many as the preset does.
    pub look_ahead: Option<u8>,
    /// Most B-pictures in a row; null: as many as the preset does.
    pub b_frames: Option<u8>,
    /// Most pictures encoded at the same time; null: threads share the slices of one picture, which delays nothing and
    /// compresses a little worse (x264's `zerolatency`).
    pub frame_threads: Option<u8>,
}

/// The shared sound. One AAC-LC encoder, 48 kHz or the source's rate when that is 44.1 kHz, stereo at most.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AudioSpec {
    pub id: u32,
    pub bitrate_kbps: u32,
}

/// Worker to engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FromWorker {
    Report(WorkerReport),
    /// H.264, length-prefixed, 90 kHz, same time line as the source; `track` is the encoder's id. `dts` rises strictly
    /// and never passes `pts`. With B-pictures every `dts` lags by the reorder delay, an IDR picture's too, so the
    /// first ones of a broadcast may be negative; without them they are equal to `pts`.
    Video(MediaUnit),
    /// Raw AAC in samples of the announced rate; `track` is the audio encoder's id.
    Audio(MediaUnit),
    Still(Still),
}

/// A picture of the broadcast, as a whole file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Still {
    pub kind: StillKind,
    pub data: Bytes,
}

/// What a still is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StillKind {
    /// JPEG, at most 1280 pixels wide.
    Thumbnail,
    /// GIF that goes on for ever, at most 480 pixels wide, of at most the last eight pictures taken.
    Preview,
}

/// Reports, worker to engine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "report")]
pub enum WorkerReport {
    /// The first word of a worker: which layers of its sandbox could not be had, each with the reason.
    Confined { missing: Vec<String> },
    /// Precedes the first unit of an encoder.
    #[serde(rename_all = "camelCase")]
    VideoStarted { id: u32, avcc_hex: String, width: u16, height: u16 },
    #[serde(rename_all = "camelCase")]
    AudioStarted { id: u32, asc_hex: String, sample_rate: u32, channels: u8 },
    /// A bitrate change was taken by the open encoder.
    BitrateChanged { id: u32, kbps: u32 },
    /// The encoder was flushed; nothing more comes from it.
    Ended { id: u32 },
    /// This rung cannot be encoded; the others go on.
    Failed { id: u32, message: String },
    /// The decoder could not read a unit and goes on with the next. Rate-limited to one a second.
    Corrupt { message: String },
    /// How the work goes: about once a second while pictures come, and never worth waiting for.
    Progress(Progress),
}

/// What the worker did since its last report of this kind.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Progress {
    /// Wall-clock time that this covers, milliseconds.
    pub interval_ms: u32,
    /// How far the pictures handed to the rungs went on the time line, milliseconds.
    pub media_ms: u32,
    /// Most that a picture was late against the wall clock, measured from the best lately seen; a burst is not late.
    pub late_ms: u32,
    /// Wall-clock time spent waiting for the decoder.
    pub decode_ms: u32,
    /// CPU time of the whole worker, all threads.
    pub cpu_ms: u32,
    pub encoders: Vec<EncoderProgress>,
}

/// One rung's share of a [`Progress`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EncoderProgress {
    pub id: u32,
    /// Pictures scaled and given to the encoder.
    pub encoded: u32,
    /// Pictures lost because the rung was too slow.
    pub skipped: u32,
    /// Wall-clock time of scaling and encoding; near `interval_ms` means that the rung does nothing but wait for it.
    pub busy_ms: u32,
    /// Pictures waiting now.
    pub queued: u32,
}

/// An access unit in a frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MediaUnit {
    pub track: u32,
    pub is_sync: bool,
    pub dts: i64,
    pub pts: i64,
    pub data: Bytes,
}
