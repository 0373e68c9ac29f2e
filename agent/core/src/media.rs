//! What a piece of encoded media is, whatever wire it came over.

use bytes::Bytes;

/// Ticks per second of every video timestamp (RFC 3551, the 90 kHz media clock).
pub const VIDEO_TIMESCALE: u32 = 90_000;

/// One encoded picture or audio frame with its place on the broadcast's time line.
///
/// Video counts in [`VIDEO_TIMESCALE`] ticks, audio in samples of its own rate. H.264 is length-prefixed (4 bytes
/// big-endian, ISO/IEC 14496-15), AAC is raw (no ADTS).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessUnit {
    pub dts: i64,
    pub pts: i64,
    /// Whether decoding can start here (an IDR picture; every audio frame).
    pub is_sync: bool,
    pub data: Bytes,
}

/// H.264 decoder configuration, taken from the avcC record a publisher or an encoder states.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VideoConfig {
    /// AVCDecoderConfigurationRecord, ISO/IEC 14496-15 section 5.3.3.1.
    pub avcc: Bytes,
    pub width: u16,
    pub height: u16,
}

/// AAC decoder configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AudioConfig {
    /// AudioSpecificConfig, ISO/IEC 14496-3 section 1.6.2.1.
    pub asc: Bytes,
    pub sample_rate: u32,
    pub channels: u8,
}

impl VideoConfig {
    /// The codec as RFC 6381 names it: `avc1.` and profile, constraints and level in hex, for example `avc1.64001f`.
    #[must_use]
    pub fn codec_string(&self) -> String {
        match self.avcc.get(1..4) {
            Some(&[profile, constraints, level]) => format!("avc1.{profile:02x}{constraints:02x}{level:02x}"),
            _ => "avc1".to_owned(),
        }
    }
}

impl AudioConfig {
    /// The codec as RFC 6381 names it: `mp4a.40.` and the audio object type, for example `mp4a.40.2`.
    #[must_use]
    pub fn codec_string(&self) -> String {
        // Types from 32 on are written 31, then the rest in 6 bits; ISO/IEC 14496-3 section 1.6.2.1.
        let object_type = match *self.asc {
            [first, second, ..] if first >> 3 == 31 => 32 + ((first & 7) << 3 | second >> 5),
            [first, ..] => first >> 3,
            [] => return "mp4a.40".to_owned(),
        };
        format!("mp4a.40.{object_type}")
    }
}
