//! H.264 in FLV video tags.

use bytes::{BufMut, Bytes, BytesMut};

use super::error::{FlvError, Medium};
use super::sps;
use crate::media::VideoConfig;

/// NAL unit types (ISO/IEC 14496-10, table 7-1).
const NAL_IDR: u8 = 5;
const NAL_SPS: u8 = 7;
/// Slices, data partitions and IDR slices: what makes up a picture.
const NAL_PICTURE: std::ops::RangeInclusive<u8> = 1..=5;

/// One video tag, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VideoTag {
    /// Its avcC states 4-byte NAL lengths, whatever the publisher uses.
    Config(VideoConfig),
    Picture(Picture),
    EndOfSequence,
    /// Nothing to show: an empty tag, a seek mark, parameter sets on their own.
    Nothing,
}

/// One coded picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    /// Whether it holds an IDR slice; the keyframe flag of the tag has no say.
    pub is_sync: bool,
    /// Presentation after decoding, milliseconds; -8 388 608 to 8 388 607.
    pub composition_ms: i32,
    /// NAL units, each after its length in 4 bytes.
    pub data: Bytes,
}

/// Reads the video tags of one session, in order.
#[derive(Clone, Debug, Default)]
pub struct VideoTrack {
    /// Bytes in front of each NAL unit, 1, 2 or 4; None until there is a configuration.
    length_bytes: Option<usize>,
}

impl VideoTrack {
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// # Errors
    /// Another codec, or a tag that cannot be right; see [`FlvError::ends_session`].
    pub fn read(&mut self, payload: &Bytes) -> Result<VideoTag, FlvError> {
        const INFO_FRAME: u8 = 5;
        let Some(&first) = payload.first() else { return Ok(VideoTag::Nothing) };
        if first & 0x80 != 0 {
            return Err(unsupported(enhanced_codec(first, payload)));
        }
        if let Some(codec) = other_codec(first & 0x0f) {
            return Err(unsupported(codec));
        }
        if first >> 4 == INFO_FRAME {
            return Ok(VideoTag::Nothing);
        }
        let [_, packet_type, composition @ ..] = *payload.first_chunk::<5>().ok_or(bad_tag("it is cut short"))?;
        let body = payload.slice(5..);
        match packet_type {
            0 => self.config(&body).map(VideoTag::Config),
            1 => self.picture(signed_24(composition), &body),
            2 => Ok(VideoTag::EndOfSequence),
            _ => Err(bad_tag("its packet type is unknown")),
        }
    }

    fn config(&mut self, avcc: &Bytes) -> Result<VideoConfig, FlvError> {
        let (config, length_bytes) =
            read_avcc(avcc).map_err(|fault| FlvError::BadConfig { medium: Medium::Video, fault })?;
        self.length_bytes = Some(length_bytes);
        Ok(config)
    }

    fn picture(&self, composition_ms: i32, body: &Bytes) -> Result<VideoTag, FlvError> {
        let length_bytes = self.length_bytes.ok_or(FlvError::PictureBeforeConfig)?;
        let summary =
            NalUnits { rest: body, length_bytes }.try_fold(Summary::default(), |summary, nal| Ok(summary.with(nal?)));
        let summary = summary.map_err(bad_tag)?;
        if !summary.has_picture {
            return Ok(VideoTag::Nothing);
        }
        let data = if length_bytes == 4 && !summary.has_empty {
            body.clone()
        } else {
            with_long_lengths(body, length_bytes, &summary)
        };
        Ok(VideoTag::Picture(Picture { is_sync: summary.has_idr, composition_ms, data }))
    }
}

/// What the NAL units of one tag are.
#[derive(Default)]
struct Summary {
    has_picture: bool,
    has_idr: bool,
    /// Some encoders pad with NAL units of length 0, which decoders in browsers refuse.
    has_empty: bool,
    count: usize,
}

impl Summary {
    fn with(mut self, nal: &[u8]) -> Self {
        match nal.first().map(|header| header & 0x1f) {
            Some(nal_type) => {
                self.has_picture |= NAL_PICTURE.contains(&nal_type);
                self.has_idr |= nal_type == NAL_IDR;
                self.count += 1;
            }
            None => self.has_empty = true,
        }
        self
    }
}

/// The NAL units of one tag; ends after the first fault.
struct NalUnits<'a> {
    rest: &'a [u8],
    length_bytes: usize,
}

impl<'a> NalUnits<'a> {
    fn read(&mut self) -> Result<&'a [u8], &'static str> {
        let (length, rest) = self.rest.split_at_checked(self.length_bytes).ok_or("a NAL unit's length is cut short")?;
        let length = length.iter().fold(0, |length, byte| length << 8 | usize::from(*byte));
        let (nal, rest) = rest.split_at_checked(length).ok_or("a NAL unit is longer than the tag")?;
        if nal.first().is_some_and(|header| header & 0x80 != 0) {
            return Err("a NAL unit's first bit is not 0");
        }
        self.rest = rest;
        Ok(nal)
    }
}

impl<'a> Iterator for NalUnits<'a> {
    type Item = Result<&'a [u8], &'static str>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let nal = self.read();
        if nal.is_err() {
            self.rest = &[];
        }
        Some(nal)
    }
}

/// The same NAL units behind 4-byte lengths, without empty ones. `summary` is of the same bytes, which had no fault.
fn with_long_lengths(body: &[u8], length_bytes: usize, summary: &Summary) -> Bytes {
    let mut data = BytesMut::with_capacity(body.len() + summary.count * (4 - length_bytes));
    for nal in (NalUnits { rest: body, length_bytes }).flatten().filter(|nal| !nal.is_empty()) {
        data.put_u32(u32::try_from(nal.len()).unwrap_or(u32::MAX));
        data.put_slice(nal);
    }
    data.freeze()
}

/// Reads an AVCDecoderConfigurationRecord (ISO/IEC 14496-15, section 5.3.3.1): our version of it, and the bytes in
/// front of each NAL unit.
fn read_avcc(avcc: &Bytes) -> Result<(VideoConfig, usize), &'static str> {
    let head = avcc.first_chunk::<6>().ok_or("it is cut short")?;
    if head[0] != 1 {
        return Err("its version is not 1");
    }
    let length_bytes = usize::from(head[4] & 3) + 1;
    if length_bytes == 3 {
        return Err("it states NAL lengths of 3 bytes");
    }
    let (sequence_sets, rest) = parameter_sets(&avcc[6..], head[5] & 0x1f)?;
    let (&picture_count, rest) = rest.split_first().ok_or("it holds no picture parameter set")?;
    let (picture_sets, _) = parameter_sets(rest, picture_count)?;
    if picture_sets.is_empty() {
        return Err("it holds no picture parameter set");
    }
    let sps = sequence_sets.first().ok_or("it holds no sequence parameter set")?;
    if sps.first().is_none_or(|header| header & 0x1f != NAL_SPS) || sps.len() < 4 {
        return Err("its sequence parameter set is something else");
    }
    let (width, height) = sps::picture_size(sps).ok_or("its sequence parameter set makes no sense")?;
    // Profile and level as the pictures have them: players go by these bytes, and some encoders leave them 0.
    let mut ours = BytesMut::from(&avcc[..]);
    ours[1..4].copy_from_slice(&sps[1..4]);
    ours[4] |= 3;
    Ok((VideoConfig { avcc: ours.freeze(), width, height }, length_bytes))
}

type ParameterSets<'a> = (Vec<&'a [u8]>, &'a [u8]);

fn parameter_sets(mut rest: &[u8], count: u8) -> Result<ParameterSets<'_>, &'static str> {
    let mut sets = Vec::new();
    for _ in 0..count {
        let (length, after) = rest.split_first_chunk().ok_or("a parameter set is cut short")?;
        let length = usize::from(u16::from_be_bytes(*length));
        let (set, after) = after.split_at_checked(length).ok_or("a parameter set is cut short")?;
        sets.push(set);
        rest = after;
    }
    Ok((sets, rest))
}

fn signed_24([high, middle, low]: [u8; 3]) -> i32 {
    i32::from_be_bytes([high, middle, low, 0]) >> 8
}

fn bad_tag(fault: &'static str) -> FlvError {
    FlvError::BadTag { medium: Medium::Video, fault }
}

fn unsupported(codec: &'static str) -> FlvError {
    FlvError::Unsupported { medium: Medium::Video, codec }
}

/// Name of a codec that is not H.264, from the CodecID (FLV 10.1, E.4.3.1; 12 is common use in China).
fn other_codec(id: u8) -> Option<&'static str> {
    Some(match id {
        7 => return None,
        2 => "Sorenson H.263",
        3 => "Screen",
        4 | 5 => "VP6",
        6 => "Screen 2",
        12 => "HEVC",
        _ => "unknown",
    })
}

/// Name of the codec in an Enhanced RTMP tag. Packet types 6 and 7 (several tracks, extra time) put it elsewhere.
fn enhanced_codec(first: u8, payload: &[u8]) -> &'static str {
    match (first & 0x0f, payload.get(1..5)) {
        (0..=5, Some(b"hvc1")) => "HEVC",
        (0..=5, Some(b"av01")) => "AV1",
        (0..=5, Some(b"vp09")) => "VP9",
        (0..=5, Some(b"vp08")) => "VP8",
        (0..=5, Some(b"avc1")) => "Enhanced RTMP H.264",
        (6, _) => "multitrack",
        _ => "Enhanced RTMP",
    }
}
