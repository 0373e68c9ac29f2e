//! One rung's scaler and encoder. Lives on the rung's own thread.

mod options;

use std::sync::Arc;

use ffmpeg_next::codec::{self, Context, threading};
use ffmpeg_next::format::Pixel;
use ffmpeg_next::software::scaling;
use ffmpeg_next::{Error, Packet, Rational, color, encoder, frame, picture};

use crate::protocol::{EncoderSpec, VideoEncoder};

use super::size::{Size, SourceSize, rung_size};
use super::{avc, ffi};
use options::options;

/// Longer than any broadcast between two grid points: only forced IDR pictures occur. x264 reads it as infinite.
const NO_KEYFRAMES_OF_ITS_OWN: u32 = 1 << 30;

/// As much of that as hardware takes, which counts in 16 bits: half an hour at 30 fps.
const FEW_KEYFRAMES_OF_ITS_OWN: u32 = u16::MAX as u32;

/// Frames a second assumed when the publisher's parameter sets state none, or nonsense. It only seeds the rate
/// control; real durations come from the time stamps.
const ASSUMED_FRAME_RATE: Rational = Rational(30, 1);

/// One encoded picture on the time line, 90 kHz.
pub(super) struct Encoded {
    pub(super) is_sync: bool,
    pub(super) dts: i64,
    pub(super) pts: i64,
    pub(super) data: bytes::Bytes,
}

/// Why a rung cannot be encoded.
#[derive(Debug, thiserror::Error)]
pub(super) enum EncodeError {
    #[error("FFmpeg has no encoder {name}")]
    NoEncoder { name: &'static str },
    #[error("{name} refused to open at {width}x{height}, {kbps} kbit/s, preset {preset}")]
    Open {
        name: &'static str,
        width: u32,
        height: u32,
        kbps: u32,
        preset: String,
        #[source]
        cause: Error,
    },
    #[error("the encoder gave no parameter sets")]
    NoParameterSets,
    #[error("the picture could not be scaled")]
    Scale(#[source] Error),
    #[error("a picture could not be given to the device")]
    Upload(#[source] Error),
    #[error("a picture could not be encoded")]
    Encode(#[source] Error),
}

/// An open encoder of one size.
pub(super) struct PictureEncoder {
    encoder: encoder::video::Encoder,
    /// The avcC record; some hardware makes it known with its first picture only.
    record: Option<Vec<u8>>,
    size: Size,
    /// What the encoder, or the device it is on, takes.
    format: Pixel,
    /// Whether pictures are copied to the device's memory first.
    is_uploading: bool,
    /// For the size and format of the last picture; made anew when the publisher changes either.
    scaler: Option<scaling::Context>,
}

impl PictureEncoder {
    /// Opens the encoder for a rung whose first picture is `first`. `threads` 0 leaves the choice to the
    /// tuning and the machine.
    pub(super) fn open(
        spec: &EncoderSpec,
        first: &frame::Video,
        frame_rate: Option<Rational>,
        threads: usize,
        device: Option<&Arc<ffi::Device>>,
    ) -> Result<Self, EncodeError> {
        let name = codec_name(spec.encoder);
        let codec = codec::encoder::find_by_name(name).ok_or(EncodeError::NoEncoder { name })?;
        let format = picture_format(spec.encoder);
        let size = rung_size(spec.width, spec.height, source_size(first));
        let refused = |cause| EncodeError::Open {
            name,
            width: size.width,
            height: size.height,
            kbps: spec.video_bitrate_kbps,
            preset: spec.preset.clone(),
            cause,
        };
        let mut video = Context::new_with_codec(codec).encoder().video().map_err(refused)?;
        video.set_width(size.width);
        video.set_height(size.height);
        video.set_format(format);
        video.set_aspect_ratio(Rational(1, 1));
        video.set_colorspace(first.color_space());
        video.set_color_range(color::Range::MPEG);
        video.set_color_primaries(first.color_primaries());
        video.set_color_transfer_characteristic(first.color_transfer_characteristic());
        video.set_time_base(Rational(1, 90_000));
        video.set_frame_rate(Some(seed_frame_rate(frame_rate, spec.framerate)));
        let is_hardware = spec.encoder != VideoEncoder::X264;
        video.set_gop(if is_hardware { FEW_KEYFRAMES_OF_ITS_OWN } else { NO_KEYFRAMES_OF_ITS_OWN });
        if is_hardware {
            video.set_max_b_frames(usize::from(spec.tuning.b_frames.unwrap_or(HARDWARE_B_FRAMES)));
        }
        video.set_flags(codec::Flags::GLOBAL_HEADER | codec::Flags::CLOSED_GOP);
        // libavcodec overrides x264's own choice of slices or frames by this, so both must be asked for.
        let kind = if spec.tuning.frame_threads.is_some() { threading::Type::Frame } else { threading::Type::Slice };
        let count = if threads == 0 { encoder_threads(spec.tuning.frame_threads) } else { threads };
        video.set_threading(threading::Config { kind, count, ..threading::Config::default() });
        set_rate(&mut video, spec.video_bitrate_kbps);
        let is_uploading = spec.encoder == VideoEncoder::Vaapi;
        if is_uploading {
            let device = device.ok_or(Error::EncoderNotFound).map_err(refused)?;
            ffi::use_device(&mut video, device, size.width, size.height).map_err(refused)?;
        }
        let encoder = video.open_as_with(codec, options(spec)).map_err(refused)?;
        let record = avc::record(ffi::extradata(&encoder));
        Ok(Self { encoder, record, size, format, is_uploading, scaler: None })
    }

    pub(super) const fn size(&self) -> Size {
        self.size
    }

    /// The avcC record of what comes out; none before the first picture of an encoder that tells it only then.
    pub(super) fn record(&self) -> Option<&[u8]> {
        self.record.as_deref()
    }

    /// Changes the bitrate of the open encoder, from the next picture on. Pictures that x264 still looks ahead at are
    /// hit too, so the change shows up to its delay before that picture.
    pub(super) fn set_bitrate(&mut self, kbps: u32) {
        set_rate(&mut self.encoder, kbps);
    }

    /// Puts a picture in; what it completes comes out of [`Self::next_encoded`].
    pub(super) fn push(&mut self, picture: frame::Video, is_grid: bool) -> Result<(), EncodeError> {
        let pts = picture.pts();
        let mut picture = self.fitted(picture)?;
        picture.set_pts(pts);
        // The decoder left the publisher's own picture type here; x264 would take that for an order.
        picture.set_kind(if is_grid { picture::Type::I } else { picture::Type::None });
        if self.is_uploading {
            let kind = picture.kind();
            picture = ffi::upload(&self.encoder, &picture).map_err(EncodeError::Upload)?;
            picture.set_pts(pts);
            picture.set_kind(kind);
        }
        self.encoder.send_frame(&picture).map_err(EncodeError::Encode)
    }

    /// Says that no more pictures come, so that the delayed ones come out.
    pub(super) fn finish(&mut self) -> Result<(), EncodeError> {
        self.encoder.send_eof().map_err(EncodeError::Encode)
    }

    /// The next encoded picture; none when x264 wants more first.
    pub(super) fn next_encoded(&mut self) -> Result<Option<Encoded>, EncodeError> {
        let mut packet = Packet::empty();
        match self.encoder.receive_packet(&mut packet) {
            Ok(()) => {}
            Err(Error::Eof) => return Ok(None),
            Err(Error::Other { errno }) if errno == ffmpeg_next::error::EAGAIN => return Ok(None),
            Err(cause) => return Err(EncodeError::Encode(cause)),
        }
        let pts = packet.pts().ok_or(EncodeError::Encode(Error::InvalidData))?;
        let bytes = packet.data().unwrap_or_default();
        if self.record.is_none() {
            self.record = Some(avc::record(bytes).ok_or(EncodeError::NoParameterSets)?);
        }
        let data = avc::sample(bytes);
        Ok(Some(Encoded { is_sync: packet.is_key(), dts: packet.dts().unwrap_or(pts), pts, data }))
    }

    /// The picture in the rung's size and format: itself when it already is.
    fn fitted(&mut self, picture: frame::Video) -> Result<frame::Video, EncodeError> {
        let (format, width, height) = (picture.format(), picture.width(), picture.height());
        let Size { width: to_width, height: to_height } = self.size;
        if format == self.format && (width, height) == (to_width, to_height) {
            return Ok(picture);
        }
        let input = scaling::context::Definition { format, width, height };
        if self.scaler.as_ref().is_none_or(|scaler| *scaler.input() != input) {
            let flags = scaling::Flags::BICUBIC;
            let scaler = scaling::Context::get(format, width, height, self.format, to_width, to_height, flags);
            self.scaler = Some(scaler.map_err(EncodeError::Scale)?);
        }
        let mut fitted = frame::Video::empty();
        let scaler = self.scaler.as_mut().ok_or(EncodeError::Scale(Error::Bug))?;
        scaler.run(&picture, &mut fitted).map_err(EncodeError::Scale)?;
        Ok(fitted)
    }
}

/// Average bitrate with a cap of 1.08 times it over a buffer of one second: a segment of `s` seconds stays under
/// `1.08 s + 1` seconds' worth of bits, so the bandwidth a playlist states is honest, and there is some room for a
/// cut to a busy scene. A cap of exactly the average would make x264 pad or starve still pictures.
fn set_rate(context: &mut encoder::video::Video, kbps: u32) {
    let bits = usize::try_from(kbps).unwrap_or(usize::MAX).saturating_mul(1000);
    context.set_bit_rate(bits);
    context.set_max_bit_rate(bits.saturating_mul(108) / 100);
    ffi::set_rate_control_buffer(context, i32::try_from(bits).unwrap_or(i32::MAX));
}

/// B-pictures of hardware that may delay: what FFmpeg's own encoders default to.
const HARDWARE_B_FRAMES: u8 = 2;

const fn codec_name(encoder: VideoEncoder) -> &'static str {
    match encoder {
        VideoEncoder::X264 => "libx264",
        VideoEncoder::Vaapi => "h264_vaapi",
        VideoEncoder::Nvenc => "h264_nvenc",
        VideoEncoder::Qsv => "h264_qsv",
        VideoEncoder::V4l2m2m => "h264_v4l2m2m",
    }
}

/// What pictures are scaled to. All but VA-API take them from main memory.
const fn picture_format(encoder: VideoEncoder) -> Pixel {
    match encoder {
        VideoEncoder::X264 | VideoEncoder::Nvenc => Pixel::YUV420P,
        VideoEncoder::Vaapi | VideoEncoder::Qsv | VideoEncoder::V4l2m2m => Pixel::NV12,
    }
}

/// x264's own count, one and a half for each CPU, up to what the tuning allows; slices of one picture do without a
/// limit, because x264 has one by its height.
fn encoder_threads(most: Option<u8>) -> usize {
    let Some(most) = most else { return 0 };
    let cpus = std::thread::available_parallelism().map_or(1, usize::from);
    (cpus * 3 / 2).clamp(1, usize::from(most.max(1)))
}

fn seed_frame_rate(stated: Option<Rational>, cap: Option<u8>) -> Rational {
    let rate = stated.filter(|rate| (1.0..=240.0).contains(&f64::from(*rate))).unwrap_or(ASSUMED_FRAME_RATE);
    match cap {
        Some(cap) if f64::from(rate) > f64::from(cap) => Rational(i32::from(cap), 1),
        _ => rate,
    }
}

pub(super) fn source_size(picture: &frame::Video) -> SourceSize {
    let aspect = picture.aspect_ratio();
    let side = |value: i32| u32::try_from(value).unwrap_or(0);
    SourceSize {
        width: picture.width(),
        height: picture.height(),
        pixel_aspect: (side(aspect.numerator()), side(aspect.denominator())),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::protocol::Tuning;

    /// Pictures put in before the first one comes out.
    fn delay(preset: &str, tuning: Tuning, threads: usize) -> usize {
        let spec = EncoderSpec {
            id: 1,
            name: "tested".to_owned(),
            width: None,
            height: None,
            framerate: None,
            video_bitrate_kbps: 500,
            encoder: VideoEncoder::X264,
            preset: preset.to_owned(),
            tuning,
        };
        ffmpeg_next::init().unwrap();
        ffmpeg_next::log::set_level(ffmpeg_next::log::Level::Quiet);
        let picture = |number: i64| {
            let mut picture = frame::Video::new(Pixel::YUV420P, 320, 180);
            (0..3).for_each(|plane| picture.data_mut(plane).fill(90));
            picture.set_pts(Some(number * 3000));
            picture
        };
        let mut encoder = PictureEncoder::open(&spec, &picture(0), Some(Rational(30, 1)), threads, None).unwrap();
        for number in 0..80 {
            encoder.push(picture(number), number == 0).unwrap();
            if encoder.next_encoded().unwrap().is_some() {
                return usize::try_from(number).unwrap();
            }
        }
        80
    }

    #[test]
    fn a_tuning_holds_back_as_many_pictures_as_it_says() {
        let none = Tuning { look_ahead: Some(0), b_frames: Some(0), frame_threads: None };
        let few = Tuning { look_ahead: Some(2), b_frames: Some(0), frame_threads: Some(3) };
        let any = Tuning { look_ahead: None, b_frames: None, frame_threads: Some(8) };
        for preset in ["superfast", "veryfast", "medium"] {
            assert_eq!(delay(preset, none, 3), 0, "{preset}");
            let few = delay(preset, few, 3);
            assert!((1..=5).contains(&few), "{preset}: {few}");
            let any = delay(preset, any, 3);
            assert!(any > few, "{preset}: {any}");
        }
    }
}
