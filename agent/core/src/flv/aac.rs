//! AAC in FLV audio tags.

use bytes::Bytes;

use super::bits::BitReader;
use super::error::{FlvError, Medium};
use crate::media::AudioConfig;

/// Sampling frequencies by index (ISO/IEC 14496-3, table 1.18).
const SAMPLE_RATES: [u32; 13] =
    [96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000, 7_350];
/// Index that says the frequency is written out.
const EXPLICIT_RATE: u32 = 15;
/// Audio object types (table 1.17).
const AAC_LC: u32 = 2;
const SBR: u32 = 5;
const PARAMETRIC_STEREO: u32 = 29;

/// One audio tag, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AudioTag {
    Config(AudioConfig),
    /// One raw AAC frame: 1024 samples at [`AudioConfig::sample_rate`].
    Frame(Bytes),
    /// An empty tag.
    Nothing,
}

/// Reads one audio tag.
///
/// # Errors
/// Another codec, or a tag that cannot be right; see [`FlvError::ends_session`].
pub fn read_audio(payload: &Bytes) -> Result<AudioTag, FlvError> {
    let Some(&first) = payload.first() else { return Ok(AudioTag::Nothing) };
    if let Some(codec) = other_codec(first >> 4, payload) {
        return Err(unsupported(codec));
    }
    match payload.get(1) {
        None => Ok(AudioTag::Nothing),
        Some(0) => read_config(&payload.slice(2..)).map(AudioTag::Config),
        Some(1) if payload.len() == 2 => Ok(AudioTag::Nothing),
        Some(1) => Ok(AudioTag::Frame(payload.slice(2..))),
        Some(_) => Err(FlvError::BadTag { medium: Medium::Audio, fault: "its packet type is unknown" }),
    }
}

/// Reads an AudioSpecificConfig (ISO/IEC 14496-3, section 1.6.2.1). With SBR the rate is that of the AAC core, whose
/// frames are the ones counted.
fn read_config(asc: &Bytes) -> Result<AudioConfig, FlvError> {
    let cut_short = FlvError::BadConfig { medium: Medium::Audio, fault: "it is cut short" };
    let fields = AscFields::read(&mut BitReader::new(asc)).ok_or(cut_short)?;
    if fields.object_type != AAC_LC {
        return Err(unsupported(object_type_name(fields.object_type)));
    }
    if fields.has_short_frames {
        return Err(unsupported("960-sample AAC"));
    }
    let bad_config = |fault| FlvError::BadConfig { medium: Medium::Audio, fault };
    let channels = match fields.channels {
        0 => return Err(unsupported("freely arranged multichannel AAC")),
        count @ 1..=6 => u8::try_from(count).unwrap_or(u8::MAX),
        7 => 8,
        _ => return Err(bad_config("its channel layout is unknown")),
    };
    let sample_rate = fields.sample_rate.ok_or_else(|| bad_config("its sample rate is unknown"))?;
    Ok(AudioConfig { asc: asc.clone(), sample_rate, channels })
}

struct AscFields {
    object_type: u32,
    sample_rate: Option<u32>,
    channels: u32,
    has_short_frames: bool,
}

impl AscFields {
    fn read(bits: &mut BitReader<'_>) -> Option<Self> {
        let mut object_type = read_object_type(bits)?;
        let sample_rate = read_rate(bits)?;
        let channels = bits.bits(4)?;
        if matches!(object_type, SBR | PARAMETRIC_STEREO) {
            read_rate(bits)?;
            object_type = read_object_type(bits)?;
        }
        let has_short_frames = object_type == AAC_LC && bits.flag()?;
        Some(Self { object_type, sample_rate, channels, has_short_frames })
    }
}

fn read_object_type(bits: &mut BitReader<'_>) -> Option<u32> {
    const ESCAPE: u32 = 31;
    match bits.bits(5)? {
        ESCAPE => Some(32 + bits.bits(6)?),
        object_type => Some(object_type),
    }
}

/// Inner None: no such rate. A written-out rate is held to what AAC knows.
fn read_rate(bits: &mut BitReader<'_>) -> Option<Option<u32>> {
    match bits.bits(4)? {
        EXPLICIT_RATE => Some(Some(bits.bits(24)?).filter(|rate| (7_350..=96_000).contains(rate))),
        index => Some(usize::try_from(index).ok().and_then(|index| SAMPLE_RATES.get(index)).copied()),
    }
}

fn unsupported(codec: &'static str) -> FlvError {
    FlvError::Unsupported { medium: Medium::Audio, codec }
}

fn object_type_name(object_type: u32) -> &'static str {
    match object_type {
        1 => "AAC Main",
        3 => "AAC SSR",
        4 => "AAC LTP",
        34 => "MP3",
        23 | 39 => "low-delay AAC",
        42 => "xHE-AAC",
        _ => "unknown MPEG-4",
    }
}

/// Name of a codec that is not AAC, from SoundFormat (FLV 10.1, E.4.2.1); 9 is Enhanced RTMP.
fn other_codec(format: u8, payload: &[u8]) -> Option<&'static str> {
    Some(match format {
        10 => return None,
        0 | 3 => "PCM",
        1 => "ADPCM",
        2 | 14 => "MP3",
        4..=6 => "Nellymoser",
        7 | 8 => "G.711",
        9 => enhanced_codec(payload),
        11 => "Speex",
        _ => "unknown",
    })
}

fn enhanced_codec(payload: &[u8]) -> &'static str {
    match payload.get(1..5) {
        Some(b"Opus") => "Opus",
        Some(b"fLaC") => "FLAC",
        Some(b"ac-3") => "AC-3",
        Some(b"ec-3") => "E-AC-3",
        Some(b".mp3") => "MP3",
        Some(b"mp4a") => "Enhanced RTMP AAC",
        _ => "Enhanced RTMP",
    }
}

/// One frame of silence for this many channels, AAC-LC at any rate; none for layouts that encoders do not send.
///
/// The bytes are those that players put into holes: `AAC.getSilentFrame` of hls.js 1.5 and before.
#[must_use]
pub fn silent_frame(channels: u8) -> Option<Bytes> {
    Some(Bytes::from_static(match channels {
        1 => &[0x00, 0xc8, 0x00, 0x80, 0x23, 0x80],
        2 => &[0x21, 0x00, 0x49, 0x90, 0x02, 0x19, 0x00, 0x23, 0x80],
        6 => &[
            0x00, 0xc8, 0x00, 0x80, 0x20, 0x84, 0x01, 0x26, 0x40, 0x08, 0x64, 0x00, 0x82, 0x30, 0x04, 0x99, 0x00, 0x21,
            0x90, 0x02, 0x00, 0xb2, 0x00, 0x20, 0x08, 0xe0,
        ],
        _ => return None,
    }))
}
