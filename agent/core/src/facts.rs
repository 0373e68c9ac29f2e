//! What is known of a running stream: the figures behind `status`, `/metrics` and the admin's status.
//!
//! [`Meter`] measures what a publisher sends, [`Flow`] one track of it or one encoded rung. The rest is plain data, as
//! it is shown. Moments are durations since any fixed beginning.

mod flow;
mod meter;
mod picture;
mod stated;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

pub use flow::Flow;
pub use meter::Meter;
pub use picture::PictureFormat;
pub use stated::stated_keyframe_pictures;

/// What the publisher sends.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SourceFacts {
    /// As the publisher names itself in `onMetaData`, for instance "obs-output module (libobs version 29.0.2)".
    pub encoder: Option<String>,
    pub video: Option<VideoFacts>,
    pub audio: Option<AudioFacts>,
    /// Pictures and sound together, over the last ten seconds.
    pub received_kbps: u32,
    /// Since the last picture or sound arrived; none before the first.
    pub silent_ms: Option<u64>,
    /// How far the stream is behind the clock, against the best of the last half minute: what waits in the publisher.
    pub behind_ms: u64,
    /// How unevenly pictures arrive: interarrival jitter as RFC 3550, section 6.4.1, has it.
    pub jitter_ms: f64,
    /// How far the newest sound is ahead of the newest picture; negative: behind it.
    pub sound_ahead_ms: Option<i64>,
    /// Times at which the publisher's clock jumped.
    pub timestamp_jumps: u64,
    /// Tags that could not be read and were left out.
    pub damaged_tags: u64,
    pub network: Option<NetworkFacts>,
}

/// The publisher's pictures.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VideoFacts {
    /// As RFC 6381 names it: `avc1.64001f`.
    pub codec: String,
    /// In words: "High, level 3.1".
    pub profile: String,
    pub format: Option<PictureFormat>,
    pub width: u16,
    pub height: u16,
    /// Measured, pictures a second; none before it can be told.
    pub frame_rate: Option<f64>,
    /// Whether the distance from picture to picture varies.
    pub has_variable_rate: bool,
    /// Whether pictures are sent in another order than they are shown in.
    pub has_b_frames: bool,
    /// Between the last two keyframes, and the most of the last minute.
    pub keyframe_seconds: Option<f64>,
    pub longest_keyframe_seconds: Option<f64>,
    /// How much has come since the last keyframe.
    pub since_keyframe_seconds: Option<f64>,
    /// Over the last ten seconds.
    pub kbps: u32,
    /// What the publisher says that it sends.
    pub stated_kbps: Option<u32>,
    /// The least and the most of any five seconds of the last minute; none before half a minute.
    pub kbps_range: Option<(u32, u32)>,
    /// Pictures that the publisher left out, as the gaps between the others tell: in the last minute, and in all.
    pub missing_lately: u64,
    pub missing: u64,
    pub silent_ms: Option<u64>,
}

/// The publisher's sound.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AudioFacts {
    /// As RFC 6381 names it: `mp4a.40.2`.
    pub codec: String,
    /// Hertz.
    pub sample_rate: u32,
    pub channels: u8,
    /// Over the last ten seconds.
    pub kbps: u32,
    pub silent_ms: Option<u64>,
}

/// The publisher's connection, as the kernel sees it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NetworkFacts {
    /// Smoothed round-trip time of TCP.
    pub round_trip_ms: f64,
    /// Bytes that have arrived and were not read yet.
    pub waiting_bytes: u64,
}

/// One declared rung.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RungFacts {
    pub name: String,
    pub state: RungState,
    pub is_passthrough: bool,
    /// As RFC 6381 names it; empty before the first picture. Sizes are 0 then.
    pub codec: String,
    pub width: u16,
    pub height: u16,
    /// Measured, as [`VideoFacts::frame_rate`] and [`VideoFacts::kbps`].
    pub frame_rate: Option<f64>,
    pub kbps: u32,
    /// What the encoder could do, in seconds of video for each second on the clock; none for pass-through, and while
    /// nothing is encoded.
    pub speed: Option<f64>,
    /// Share of the time that it scales and encodes, 0 to 1; near 1 means that it cannot keep up.
    pub busy: Option<f64>,
    /// Pictures that were encoded, and that were lost because the rung was too slow, since the broadcast began.
    pub encoded: u64,
    pub skipped: u64,
    /// Pictures that wait for the encoder.
    pub queued: u32,
}

/// The worker, over its newest second or so.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WorkerFacts {
    /// How far it went on the time line, in seconds for each second on the clock.
    pub speed: f64,
    /// Most that a picture was late when it was handed to the encoders, against the best lately seen.
    pub late_ms: u64,
    /// CPU seconds for each second on the clock.
    pub cpu: f64,
    /// Share of the time spent waiting for the decoder, 0 to 1.
    pub decoding: f64,
}

/// Where a rung stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum RungState {
    /// Nothing of it can be played yet.
    #[default]
    ComingUp,
    Published,
    /// Left out because the machine cannot encode the whole ladder.
    Shed,
    /// It cannot be encoded, or is not tried for now because the worker dies with it; a condition says why.
    Failed,
}

/// How full queues are: units waiting, and the most that may.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct QueueFacts {
    /// To the broadcast, from its publisher and its worker.
    pub inbox: u32,
    pub inbox_most: u32,
    /// To the worker; 0 of 0 without one.
    pub worker: u32,
    pub worker_most: u32,
}

/// Rounded to thousandths: more digits would claim more than was measured.
#[must_use]
pub fn rounded(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}
