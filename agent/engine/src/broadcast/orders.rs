//! The worker's orders, from the ladder's decisions to the wire.

use nixcast_core::ladder::{AudioOrder, EncoderOrder, Orders};
use nixcast_media::protocol::{AudioSpec, EncoderSpec, WorkerControl};

/// The `Ladder` frame that makes the worker do what `orders` say.
pub(super) fn ladder_frame(orders: &Orders) -> WorkerControl {
    WorkerControl::Ladder {
        grid_ms: orders.latency.grid_ms(),
        encoders: orders.encoders.iter().map(encoder_spec).collect(),
        audio: match orders.audio {
            AudioOrder::Passthrough => None,
            AudioOrder::Encode { id, bitrate_kbps } => Some(AudioSpec { id: id.0, bitrate_kbps }),
        },
    }
}

fn encoder_spec(order: &EncoderOrder) -> EncoderSpec {
    EncoderSpec {
        id: order.id.0,
        name: order.rung.clone(),
        width: order.width,
        height: order.height,
        framerate: order.framerate,
        video_bitrate_kbps: order.video_bitrate_kbps,
        preset: order.preset.as_str().to_owned(),
        zero_latency: order.zero_latency,
    }
}

/// Lowercase hex.
pub(super) fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Bytes of a hex string; none if it is not hex.
pub(super) fn from_hex(text: &str) -> Option<Vec<u8>> {
    if !text.is_ascii() || !text.len().is_multiple_of(2) {
        return None;
    }
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).ok()).collect()
}
