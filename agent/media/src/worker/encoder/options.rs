//! What each encoder is told in its own words.

use ffmpeg_next::Dictionary;

use crate::protocol::{EncoderSpec, Tuning, VideoEncoder};

pub(super) fn options(spec: &EncoderSpec) -> Dictionary<'static> {
    let mut options = Dictionary::new();
    match spec.encoder {
        VideoEncoder::X264 => x264(spec, &mut options),
        VideoEncoder::Nvenc => nvenc(spec, &mut options),
        VideoEncoder::Qsv => qsv(spec, &mut options),
        VideoEncoder::Vaapi => {
            options.set("profile", "high");
            options.set("rc_mode", "VBR");
        }
        // Takes its bitrate from the context and knows nothing else.
        VideoEncoder::V4l2m2m => {}
    }
    options
}

fn x264(spec: &EncoderSpec, options: &mut Dictionary<'_>) {
    options.set("preset", &spec.preset);
    let Tuning { look_ahead, b_frames, frame_threads } = spec.tuning;
    if frame_threads.is_none() {
        options.set("tune", "zerolatency");
    }
    options.set("profile", "high");
    options.set("forced-idr", "1");
    let mut own = "scenecut=0:open-gop=0".to_owned();
    if let Some(most) = b_frames {
        own.push_str(&format!(":bframes={most}"));
    }
    // The two fastest presets do not look ahead: a limit must not make them.
    if let Some(most) = look_ahead.filter(|_| !matches!(spec.preset.as_str(), "ultrafast" | "superfast")) {
        // The look-ahead's own thread would add a delay of its own.
        own.push_str(&format!(":rc-lookahead={most}:sync-lookahead=0"));
    }
    options.set("x264-params", &own);
    // The publisher's closed captions belong in a rendition of their own, not in every rung's pictures.
    options.set("a53cc", "0");
}

/// From the fastest preset to the slowest, as far as NVENC tells them apart.
fn nvenc(spec: &EncoderSpec, options: &mut Dictionary<'_>) {
    let preset = match spec.preset.as_str() {
        "ultrafast" => "p1",
        "superfast" => "p2",
        "veryfast" => "p3",
        "faster" => "p4",
        "fast" => "p5",
        "medium" => "p6",
        _ => "p7",
    };
    options.set("preset", preset);
    options.set("profile", "high");
    options.set("rc", "vbr");
    options.set("forced-idr", "1");
    options.set("a53cc", "0");
    match spec.tuning {
        Tuning { look_ahead: Some(0), .. } => {
            options.set("tune", "ull");
            options.set("delay", "0");
        }
        Tuning { b_frames: Some(0), .. } => {
            options.set("tune", "ll");
            options.set("delay", "1");
        }
        _ => options.set("tune", "hq"),
    }
}

fn qsv(spec: &EncoderSpec, options: &mut Dictionary<'_>) {
    let preset = match spec.preset.as_str() {
        "ultrafast" | "superfast" => "veryfast",
        named => named,
    };
    options.set("preset", preset);
    options.set("profile", "high");
    options.set("forced_idr", "1");
    options.set("look_ahead", "0");
    options.set("a53cc", "0");
    if spec.tuning.b_frames == Some(0) {
        options.set("async_depth", "1");
    }
}
