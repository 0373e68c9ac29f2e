//! Decodes the publisher's audio and brings it to the encoder's rate and channels.

use ffmpeg_next::codec::{self, Context, Id};
use ffmpeg_next::format::Sample;
use ffmpeg_next::format::sample::Type::Planar;
use ffmpeg_next::software::resampling;
use ffmpeg_next::{ChannelLayout, Error, Packet, Rational, decoder, frame};

use crate::protocol::MediaUnit;

use super::super::ffi;
use super::asc;
use super::lane::{Lane, Step};

/// Time stamps beyond this, either way, are not a time line: at 48 kHz 186 years.
const MAX_STAMP: u64 = 1 << 48;

/// Room for what a resampler may hold back besides one frame, samples.
const RESAMPLER_ROOM: usize = 4096;

/// An open decoder and, when the source's form is not the encoder's, a resampler.
pub(super) struct SoundDecoder {
    decoder: decoder::Audio,
    asc: Vec<u8>,
    /// Rate of the source's stamps; none for MP3, whose frames say it.
    base_rate: Option<u32>,
    frame: frame::Audio,
    resampler: Option<resampling::Context>,
}

impl SoundDecoder {
    /// Opens an AAC decoder for the AudioSpecificConfig, or an MP3 decoder when it is empty.
    pub(super) fn open(asc: Vec<u8>) -> Result<Self, Error> {
        let id = if asc.is_empty() { Id::MP3 } else { Id::AAC };
        let codec = codec::decoder::find(id).ok_or(Error::DecoderNotFound)?;
        let mut context = Context::new_with_codec(codec);
        let mut base_rate = None;
        if !asc.is_empty() {
            base_rate = Some(asc::base_rate(&asc).ok_or(Error::InvalidData)?);
            ffi::set_extradata(&mut context, &asc)?;
        }
        let mut decoder = context.decoder();
        if let Some(rate) = base_rate.and_then(|rate| i32::try_from(rate).ok()) {
            decoder.set_packet_time_base(Rational(1, rate));
        }
        let decoder = decoder.open_as(codec)?.audio()?;
        Ok(Self { decoder, asc, base_rate, frame: frame::Audio::empty(), resampler: None })
    }

    /// Whether this decoder was opened for just this record.
    pub(super) fn is_for(&self, asc: &[u8]) -> bool {
        self.asc == asc
    }

    /// Puts one unit in.
    pub(super) fn push(&mut self, unit: &MediaUnit) -> Result<(), Error> {
        if unit.dts.unsigned_abs() > MAX_STAMP {
            return Err(Error::InvalidData);
        }
        let mut packet = Packet::copy(&unit.data);
        packet.set_dts(Some(unit.dts));
        packet.set_pts(Some(unit.dts));
        self.decoder.send_packet(&packet)
    }

    /// Decodes the next frame, to be fetched with [`Self::deliver`]; none when more units are needed.
    pub(super) fn next_frame(&mut self) -> Result<Option<()>, Error> {
        self.frame = frame::Audio::empty();
        match self.decoder.receive_frame(&mut self.frame) {
            Ok(()) if self.frame.rate() == 0 || self.frame.channels() == 0 => Err(Error::InvalidData),
            Ok(()) => Ok(Some(())),
            Err(Error::Eof) => Ok(None),
            Err(Error::Other { errno }) if errno == ffmpeg_next::error::EAGAIN => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Rate and channels to encode this source in: 44.1 kHz as it is, all else 48 kHz; stereo at most.
    pub(super) fn output_form(&self) -> (u32, u8) {
        let rate = if self.frame.rate() == 44_100 { 44_100 } else { 48_000 };
        (rate, if self.frame.channels() == 1 { 1 } else { 2 })
    }

    /// Adds the decoded frame to the lane, at its place and in the lane's form.
    pub(super) fn deliver(&mut self, rate: u32, channels: u8, lane: &mut Lane) -> Result<(), Error> {
        let stamp = self.frame.timestamp().ok_or(Error::InvalidData)?;
        let base_rate = self.base_rate.unwrap_or(self.frame.rate());
        let position = rescale(stamp, rate, base_rate).ok_or(Error::InvalidData)?;
        self.adapt(rate, channels, lane)?;
        let delayed = self.resampler.as_ref().and_then(resampling::Context::delay).map_or(0, |delay| delay.output);
        if let Step::Jumps(samples) = lane.step(position, delayed) {
            tracing::debug!(samples, rate, "sound jumps");
            self.drain(lane);
            lane.jump(position);
            self.adapt(rate, channels, lane)?;
        }
        let Some(resampler) = self.resampler.as_mut() else {
            add(lane, position, &self.frame);
            return Ok(());
        };
        let room = rescale(i64::try_from(self.frame.samples()).unwrap_or(0), rate, self.frame.rate())
            .and_then(|samples| usize::try_from(samples).ok())
            .unwrap_or(0);
        let mut converted =
            frame::Audio::new(Sample::F32(Planar), room + RESAMPLER_ROOM, resampler.output().channel_layout);
        resampler.run(&self.frame, &mut converted)?;
        add(lane, position, &converted);
        Ok(())
    }

    /// Adds what the resampler holds back, and lets it go.
    pub(super) fn drain(&mut self, lane: &mut Lane) {
        let Some(mut resampler) = self.resampler.take() else { return };
        let mut rest = frame::Audio::new(Sample::F32(Planar), RESAMPLER_ROOM, resampler.output().channel_layout);
        match resampler.flush(&mut rest) {
            Ok(_) => add(lane, 0, &rest),
            Err(error) => tracing::debug!(%error, "resampler kept its last samples"),
        }
    }

    /// Makes the resampler fit the frame's form: none when that is the lane's already.
    fn adapt(&mut self, rate: u32, channels: u8, lane: &mut Lane) -> Result<(), Error> {
        let input = resampling::context::Definition {
            format: self.frame.format(),
            channel_layout: self.frame.channel_layout(),
            rate: self.frame.rate(),
        };
        if self.resampler.as_ref().is_some_and(|resampler| *resampler.input() == input) {
            return Ok(());
        }
        self.drain(lane);
        let is_ready =
            input.format == Sample::F32(Planar) && input.rate == rate && self.frame.channels() == u16::from(channels);
        if !is_ready {
            let layout = ChannelLayout::default(i32::from(channels));
            self.resampler = Some(resampling::Context::get(
                input.format,
                input.channel_layout,
                input.rate,
                Sample::F32(Planar),
                layout,
                rate,
            )?);
        }
        Ok(())
    }
}

fn add(lane: &mut Lane, position: i64, frame: &frame::Audio) {
    let planes: Vec<&[f32]> = (0..frame.planes()).map(|index| frame.plane::<f32>(index)).collect();
    lane.add(position, &planes);
}

/// `stamp` of rate `from` in units of rate `to`, rounded to the nearest.
fn rescale(stamp: i64, to: u32, from: u32) -> Option<i64> {
    let scaled = i128::from(stamp) * i128::from(to) + i128::from(from / 2);
    i64::try_from(scaled.checked_div_euclid(i128::from(from))?).ok()
}
