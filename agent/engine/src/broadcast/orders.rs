//! The worker's orders, from the ladder's decisions to the wire.

use nixcast_core::ladder::{self, AudioOrder, EncoderOrder, Orders};
use nixcast_media::protocol::{AudioSpec, EncoderSpec, Tuning, VideoEncoder, WorkerControl};
use nixcast_schema::Encoder;

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
        encoder: video_encoder(order.encoder),
        preset: order.preset.as_str().to_owned(),
        tuning: tuning(order.tuning),
    }
}

/// What the settings call an encoder, as the worker calls it.
pub(super) const fn video_encoder(encoder: Encoder) -> VideoEncoder {
    match encoder {
        Encoder::X264 => VideoEncoder::X264,
        Encoder::Vaapi => VideoEncoder::Vaapi,
        Encoder::Nvenc => VideoEncoder::Nvenc,
        Encoder::Qsv => VideoEncoder::Qsv,
        Encoder::V4l2m2m => VideoEncoder::V4l2m2m,
    }
}

const fn tuning(order: ladder::Tuning) -> Tuning {
    let ladder::Tuning { look_ahead, b_frames, frame_threads } = order;
    Tuning { look_ahead, b_frames, frame_threads }
}
