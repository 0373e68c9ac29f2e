//! Decoded pictures to files: JPEG by FFmpeg, GIF by the `gif` crate.

use ffmpeg_next::codec::{self, Context, threading};
use ffmpeg_next::format::Pixel;
use ffmpeg_next::software::scaling;
use ffmpeg_next::{Error, Packet, Rational, color, frame};

use super::super::encoder::source_size;
use super::super::ffi::{self, Colours};
use super::super::size::{Size, rung_size};

/// FFmpeg's scale of 2 (best) to 31: about 100 KB for a busy picture of 1280x720.
const JPEG_QUALITY: i32 = 4;

/// How long a picture of a preview is shown, hundredths of a second.
const SHOWN_FOR: u16 = 60;

/// How coarsely the colours of a GIF are chosen, 1 to 30: 10 looks at every tenth pixel.
const COARSENESS: i32 = 10;

/// A picture without its colours' description at or above this height is taken for BT.709, as browsers do.
const HIGH_DEFINITION: u32 = 720;

/// Why there is no still.
#[derive(Debug, thiserror::Error)]
pub(super) enum StillError {
    #[error("the picture could not be scaled")]
    Scale(#[source] Error),
    #[error("the picture could not be written as JPEG")]
    Jpeg(#[source] Error),
    #[error("the pictures could not be written as GIF")]
    Gif(#[source] gif::EncodingError),
}

/// A picture with square pixels, three bytes each, row after row.
pub(super) struct Rgb {
    frame: frame::Video,
}

impl Rgb {
    /// `picture` in true colours, at most `width` pixels wide.
    pub(super) fn of(picture: &frame::Video, width: u16) -> Result<Self, StillError> {
        let Size { width, height } = rung_size(Some(width), None, source_size(picture));
        let from = (picture.format(), picture.width(), picture.height());
        // Bicubic, because the fast ways make machine code when they run, which is forbidden here.
        let flags = scaling::Flags::BICUBIC;
        let mut scaler = scaling::Context::get(from.0, from.1, from.2, Pixel::RGB24, width, height, flags)
            .map_err(StillError::Scale)?;
        ffi::set_source_colours(&mut scaler, colours(picture)).map_err(StillError::Scale)?;
        let mut frame = frame::Video::empty();
        scaler.run(picture, &mut frame).map_err(StillError::Scale)?;
        Ok(Self { frame })
    }

    pub(super) fn is_as_large_as(&self, other: &Self) -> bool {
        (self.frame.width(), self.frame.height()) == (other.frame.width(), other.frame.height())
    }

    fn packed(&self) -> Vec<u8> {
        let row = self.frame.width() as usize * 3;
        let rows = self.frame.data(0).chunks(self.frame.stride(0).max(1)).take(self.frame.height() as usize);
        rows.filter_map(|line| line.get(..row)).flatten().copied().collect()
    }
}

fn colours(picture: &frame::Video) -> Colours {
    let is_bt709 = match picture.color_space() {
        color::Space::BT709 => true,
        color::Space::Unspecified => picture.height() >= HIGH_DEFINITION,
        _ => false,
    };
    Colours { is_bt709, is_full_range: picture.color_range() == color::Range::JPEG }
}

/// A JPEG file: BT.601, full range, as the format says.
pub(super) fn jpeg(picture: &Rgb) -> Result<Vec<u8>, StillError> {
    let (width, height) = (picture.frame.width(), picture.frame.height());
    let flags = scaling::Flags::BICUBIC;
    let mut scaler = scaling::Context::get(Pixel::RGB24, width, height, Pixel::YUVJ420P, width, height, flags)
        .map_err(StillError::Scale)?;
    let mut frame = frame::Video::empty();
    scaler.run(&picture.frame, &mut frame).map_err(StillError::Scale)?;
    frame.set_pts(Some(0));

    let codec = codec::encoder::find(codec::Id::MJPEG).ok_or(StillError::Jpeg(Error::EncoderNotFound))?;
    let mut video = Context::new_with_codec(codec).encoder().video().map_err(StillError::Jpeg)?;
    video.set_width(width);
    video.set_height(height);
    video.set_format(Pixel::YUVJ420P);
    video.set_color_range(color::Range::JPEG);
    video.set_time_base(Rational(1, 25));
    video.set_qmin(JPEG_QUALITY);
    video.set_qmax(JPEG_QUALITY);
    video.set_threading(threading::Config { count: 1, ..threading::Config::default() });
    let mut encoder = video.open_as(codec).map_err(StillError::Jpeg)?;
    encoder.send_frame(&frame).and_then(|()| encoder.send_eof()).map_err(StillError::Jpeg)?;
    let mut packet = Packet::empty();
    encoder.receive_packet(&mut packet).map_err(StillError::Jpeg)?;
    Ok(packet.data().unwrap_or_default().to_vec())
}

/// A GIF file that shows `pictures`, all of one size, again and again.
pub(super) fn gif<'a>(pictures: impl Iterator<Item = &'a Rgb>) -> Result<Vec<u8>, StillError> {
    let mut encoder = None;
    for picture in pictures {
        let side = |pixels: u32| u16::try_from(pixels).unwrap_or(u16::MAX);
        let (width, height) = (side(picture.frame.width()), side(picture.frame.height()));
        let mut shown = gif::Frame::from_rgb_speed(width, height, &picture.packed(), COARSENESS);
        shown.delay = SHOWN_FOR;
        let encoder = match &mut encoder {
            Some(encoder) => encoder,
            none => {
                let mut first = gif::Encoder::new(Vec::new(), width, height, &[]).map_err(StillError::Gif)?;
                first.set_repeat(gif::Repeat::Infinite).map_err(StillError::Gif)?;
                none.insert(first)
            }
        };
        encoder.write_frame(&shown).map_err(StillError::Gif)?;
    }
    encoder.map_or(Ok(Vec::new()), |encoder| encoder.into_inner().map_err(StillError::Gif))
}
