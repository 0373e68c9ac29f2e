//! What an H.264 configuration says of its pictures, in words that encoders use in their own settings.

use serde::{Deserialize, Serialize};

use crate::flv;
use crate::media::VideoConfig;

/// How samples of a picture are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PictureFormat {
    /// 0 monochrome, 1 4:2:0, 2 4:2:2, 3 4:4:4 (ISO/IEC 14496-10, table 6-1).
    pub chroma: u8,
    /// Of luma, 8 to 14.
    pub bits: u8,
}

impl PictureFormat {
    /// None for a configuration that cannot be read.
    #[must_use]
    pub fn of(config: &VideoConfig) -> Option<Self> {
        // The first sequence parameter set, after its length (ISO/IEC 14496-15, section 5.3.3.1.2).
        let length = usize::from(u16::from_be_bytes(*config.avcc.get(6..)?.first_chunk()?));
        let (chroma, bits) = flv::picture_samples(config.avcc.get(8..8 + length)?)?;
        Some(Self { chroma, bits })
    }

    /// Whether browsers decode it: they take 4:2:0 with 8 bits, and hardly any of them more.
    #[must_use]
    pub fn plays_in_browsers(self) -> bool {
        self.chroma == 1 && self.bits == 8
    }

    /// "4:2:2, 10 bits".
    #[must_use]
    pub fn in_words(self) -> String {
        let chroma = ["monochrome", "4:2:0", "4:2:2", "4:4:4"].get(usize::from(self.chroma)).unwrap_or(&"unknown");
        format!("{chroma}, {} bits", self.bits)
    }
}

/// "High, level 3.1" (ISO/IEC 14496-10, annex A).
pub(super) fn profile_in_words(config: &VideoConfig) -> String {
    let Some(&[profile, constraints, level]) = config.avcc.get(1..4) else { return String::new() };
    let is_set = |flag: u8| constraints & (0x80 >> flag) != 0;
    let name = match profile {
        66 if is_set(1) => "Constrained Baseline",
        66 => "Baseline",
        77 => "Main",
        88 => "Extended",
        100 => "High",
        110 => "High 10",
        122 => "High 4:2:2",
        244 => "High 4:4:4 Predictive",
        44 => "CAVLC 4:4:4 Intra",
        _ => "unknown profile",
    };
    match level {
        11 if matches!(profile, 66 | 77 | 88) && is_set(3) => format!("{name}, level 1b"),
        level => format!("{name}, level {}.{}", level / 10, level % 10),
    }
}
