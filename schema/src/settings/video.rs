//! How the picture is encoded and cut.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How the picture is encoded and cut.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Video {
    /// 0 (lowest delay) to 4 (smoothest): segments of 1, 2, 3, 4 or 5 seconds in parts of 0.21, 0.35, 0.53, 1.03 or 1.03 second,
    /// and an encoder tuned to match.
    #[schemars(range(min = 0, max = 4), extend("x-effect" = "segment"))]
    pub latency_level: u8,
    /// The ladder: one entry per quality, ordered as the quality menu shows them. At most 8.
    #[schemars(length(max = 8))]
    pub variants: Vec<Variant>,
    /// What encodes the rungs that are not passed through: "x264" on the CPU, or the machine's hardware through
    /// "vaapi", "nvenc", "qsv" or "v4l2m2m". Hardware that cannot be used is reported, and x264 encodes instead.
    #[schemars(extend("x-effect" = "segment"))]
    pub encoder: Encoder,
    /// Which rungs go first while the machine cannot encode them all in real time.
    #[schemars(extend("x-effect" = "live"))]
    pub when_overloaded: Overload,
    /// Whether a thumbnail and an animated preview are made of the running broadcast.
    #[schemars(extend("x-effect" = "live"))]
    pub stills: bool,
}

/// What encodes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum Encoder {
    #[default]
    X264,
    Vaapi,
    Nvenc,
    Qsv,
    V4l2m2m,
}

/// Which rungs go first while the machine cannot encode them all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(inline)]
pub enum Overload {
    #[default]
    DropHighest,
    DropLowest,
}

/// One rung of the ladder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Variant {
    /// Name in the quality menu and in addresses: 1 to 32 letters, digits, ".", "_" or "-".
    #[schemars(length(min = 1, max = 32), extend("x-effect" = "segment", "format" = "name"))]
    pub name: String,
    /// Whether the rung is offered.
    #[schemars(extend("x-effect" = "segment"))]
    pub enable: bool,
    /// Serve the publisher's own picture and sound without encoding; excludes the settings that shape the picture.
    #[schemars(extend("x-effect" = "segment"))]
    pub passthrough: bool,
    /// Width in pixels, even, 64 to 7680; null: from the height, or as the publisher sends it.
    #[schemars(range(min = 64, max = 7680), extend("x-effect" = "segment", "multipleOf" = 2))]
    pub width: Option<u16>,
    /// Height in pixels, even, 64 to 4320; null: from the width, or as the publisher sends it.
    #[schemars(range(min = 64, max = 4320), extend("x-effect" = "segment", "multipleOf" = 2))]
    pub height: Option<u16>,
    /// Most frames per second, 1 to 120; null: as the publisher sends it. Frames are dropped, never invented.
    #[schemars(range(min = 1, max = 120), extend("x-effect" = "segment"))]
    pub framerate: Option<u8>,
    /// Video bitrate in kbit/s, 50 to 100000. Ignored for a pass-through rung.
    #[schemars(range(min = 50, max = 100000), extend("x-effect" = "segment"))]
    pub video_bitrate_kbps: u32,
    /// Audio bitrate in kbit/s, 16 to 512. All rungs share one sound: the highest of the enabled rungs is used, and
    /// the publisher's own sound as soon as one enabled rung is pass-through.
    #[schemars(range(min = 16, max = 512), extend("x-effect" = "segment"))]
    pub audio_bitrate_kbps: u32,
    /// How much work the encoder puts into each picture: faster presets need less CPU at the same bitrate, and look
    /// worse.
    #[schemars(extend("x-effect" = "segment"))]
    pub preset: Preset,
    /// Place in the quality menu, smallest first; rungs with the same order go by name. 0 to 1000.
    #[schemars(range(min = 0, max = 1000), extend("x-effect" = "segment"))]
    pub order: u16,
}

/// x264's presets, fastest first, up to what a live encoder can use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum Preset {
    Ultrafast,
    Superfast,
    Veryfast,
    Faster,
    Fast,
    Medium,
    Slow,
}

impl Encoder {
    /// The name it has in the settings.
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

impl Preset {
    /// The name x264 knows the preset by.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ultrafast => "ultrafast",
            Self::Superfast => "superfast",
            Self::Veryfast => "veryfast",
            Self::Faster => "faster",
            Self::Fast => "fast",
            Self::Medium => "medium",
            Self::Slow => "slow",
        }
    }
}

impl Variant {
    /// An enabled rung with the default of every other option.
    #[must_use]
    pub fn named(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            enable: true,
            passthrough: false,
            width: None,
            height: None,
            framerate: None,
            video_bitrate_kbps: 2500,
            audio_bitrate_kbps: 128,
            preset: Preset::Superfast,
            order: 100,
        }
    }
}
