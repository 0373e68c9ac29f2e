//! The AAC-LC encoder.

use bytes::Bytes;
use ffmpeg_next::codec::{self, Context};
use ffmpeg_next::format::Sample;
use ffmpeg_next::format::sample::Type::Planar;
use ffmpeg_next::{ChannelLayout, Error, Packet, Rational, encoder, frame};

use crate::protocol::AudioSpec;

use super::super::ffi;
use super::lane::{FRAME_SAMPLES, LaneFrame};

/// An open encoder of FFmpeg's own AAC-LC.
///
/// Sync with the picture: the encoder looks one frame ahead, so its first packet decodes to silence from before the
/// first sample, and libavcodec stamps each packet with the position of the samples a decoder puts out for it, that
/// first one 1024 early. It is left out here. What remains says exactly where it is heard, starts at the source's own
/// first stamp, and needs no edit list.
pub(super) struct SoundEncoder {
    encoder: encoder::audio::Encoder,
    id: u32,
    rate: u32,
    channels: u8,
    first_position: Option<i64>,
}

impl SoundEncoder {
    pub(super) fn open(spec: &AudioSpec, rate: u32, channels: u8) -> Result<Self, Error> {
        let codec = codec::encoder::find_by_name("aac").ok_or(Error::EncoderNotFound)?;
        let signed_rate = i32::try_from(rate).map_err(|_| Error::InvalidData)?;
        let mut audio = Context::new_with_codec(codec).encoder().audio()?;
        audio.set_rate(signed_rate);
        audio.set_format(Sample::F32(Planar));
        audio.set_channel_layout(ChannelLayout::default(i32::from(channels)));
        audio.set_time_base(Rational(1, signed_rate));
        audio.set_flags(codec::Flags::GLOBAL_HEADER);
        audio.set_bit_rate(usize::try_from(spec.bitrate_kbps).unwrap_or(usize::MAX).saturating_mul(1000));
        let encoder = audio.open_as(codec)?;
        if usize::try_from(encoder.frame_size()) != Ok(FRAME_SAMPLES) {
            return Err(Error::Bug);
        }
        Ok(Self { encoder, id: spec.id, rate, channels, first_position: None })
    }

    pub(super) const fn id(&self) -> u32 {
        self.id
    }

    pub(super) const fn rate(&self) -> u32 {
        self.rate
    }

    pub(super) const fn channels(&self) -> u8 {
        self.channels
    }

    /// The AudioSpecificConfig of what comes out.
    pub(super) fn record(&self) -> &[u8] {
        ffi::extradata(&self.encoder)
    }

    /// Puts one frame in.
    pub(super) fn push(&mut self, frame: &LaneFrame) -> Result<(), Error> {
        self.first_position.get_or_insert(frame.position);
        let layout = ChannelLayout::default(i32::from(self.channels));
        let mut samples = frame::Audio::new(Sample::F32(Planar), FRAME_SAMPLES, layout);
        samples.set_rate(self.rate);
        samples.set_pts(Some(frame.position));
        for (index, channel) in frame.channels.iter().enumerate() {
            samples.plane_mut::<f32>(index).copy_from_slice(channel);
        }
        self.encoder.send_frame(&samples)
    }

    /// Says that no more frames come, so that the last packets come out.
    pub(super) fn finish(&mut self) {
        if let Err(error) = self.encoder.send_eof() {
            tracing::debug!(%error, "sound encoder was at its end already");
        }
    }

    /// The next packet with its position in samples; none when the encoder wants more first.
    pub(super) fn next_encoded(&mut self) -> Option<(i64, Bytes)> {
        loop {
            let mut packet = Packet::empty();
            match self.encoder.receive_packet(&mut packet) {
                Ok(()) => {}
                Err(Error::Eof | Error::Other { errno: ffmpeg_next::error::EAGAIN }) => return None,
                Err(error) => {
                    tracing::warn!(%error, "sound encoder lost a frame");
                    return None;
                }
            }
            let position = packet.pts()?;
            if self.first_position.is_some_and(|first| position >= first) {
                return Some((position, Bytes::copy_from_slice(packet.data().unwrap_or_default())));
            }
        }
    }
}
