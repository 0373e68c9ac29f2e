#![allow(clippy::unwrap_used, clippy::panic, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
//! Cut rules on made-up units, and real media read back by FFmpeg's tools.

mod boxes;
mod media;
mod parts;
mod rules;
mod source;

use bytes::Bytes;
use nixcast_core::media::{AccessUnit, AudioConfig, VideoConfig};

use nixcast_core::ladder::LatencyLevel;

use super::{LARGEST_SEGMENT_BYTES, Part, Segment, TrackPackager};

fn video_config() -> VideoConfig {
    VideoConfig {
        avcc: Bytes::from_static(&[1, 100, 0, 31, 255, 225, 0, 1, 103, 1, 0, 1, 104]),
        width: 1280,
        height: 720,
    }
}

fn audio_config(sample_rate: u32) -> AudioConfig {
    AudioConfig { asc: Bytes::from_static(&[0x12, 0x10]), sample_rate, channels: 2 }
}

fn unit(dts: i64, pts: i64, is_sync: bool) -> AccessUnit {
    AccessUnit { dts, pts, is_sync, data: Bytes::from_static(&[0; 10]) }
}

/// The level with segments of so many seconds.
fn level(seconds: u8) -> LatencyLevel {
    LatencyLevel::new(seconds - 1)
}

/// Pushes everything and flushes. Gives the whole segments, each of which is what it had grown to before and one part
/// or two.
fn package(packager: &mut TrackPackager, units: impl IntoIterator<Item = AccessUnit>) -> Vec<Segment> {
    let grown: Vec<Segment> = units.into_iter().filter_map(|unit| packager.push(unit)).collect();
    let mut before: Vec<Part> = Vec::new();
    let mut whole = Vec::new();
    for segment in grown.into_iter().chain(packager.flush()) {
        assert!(segment.parts.starts_with(&before) && segment.parts.len() > before.len());
        before = segment.parts.clone();
        if segment.is_whole {
            whole.push(segment);
            before.clear();
        }
    }
    whole
}

/// A segment's bytes.
fn data(segment: &Segment) -> Vec<u8> {
    segment.parts.iter().flat_map(|part| part.data.clone()).collect()
}
