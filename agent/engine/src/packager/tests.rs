#![allow(clippy::unwrap_used, clippy::panic, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
//! Cut rules on made-up units, and real media read back by FFmpeg's tools.

mod boxes;
mod media;
mod rules;
mod source;

use bytes::Bytes;
use nixcast_core::media::{AccessUnit, AudioConfig, VideoConfig};

use super::{LARGEST_SEGMENT_BYTES, Segment, TrackPackager};

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

/// Pushes everything and flushes.
fn package(packager: &mut TrackPackager, units: impl IntoIterator<Item = AccessUnit>) -> Vec<Segment> {
    let mut segments: Vec<Segment> = units.into_iter().filter_map(|unit| packager.push(unit)).collect();
    segments.extend(packager.flush());
    segments
}
