//! Decodes the publisher's video, once for all rungs.

use ffmpeg_next::codec::{self, Context, Id, threading};
use ffmpeg_next::{Dictionary, Error, Packet, Rational, decoder, frame};

use crate::protocol::MediaUnit;

use super::ffi;

/// Two frame threads: one core decodes 1080p60 easily, the second is for 4K. Each thread beyond the first delays the
/// picture by one frame.
const DECODER_THREADS: usize = 2;

/// Most pixels of a picture: 8K UHD with a margin for its padding to whole macroblocks. A parameter set may claim any
/// size, and libavcodec would allocate it.
const MAX_PIXELS: &str = "36000000";

/// Furthest a picture may be shown after it is decoded, 90 kHz: 10 s. H.264 reorders at most 16 pictures; a unit that
/// claims more would push the time line ahead and silence everything after it.
const MAX_REORDER_TICKS: i64 = 900_000;

/// Time stamps beyond this, either way, are not a time line: 2^48 ticks are 99 years.
const MAX_TICKS: u64 = 1 << 48;

/// An open H.264 decoder.
pub(super) struct PictureDecoder {
    decoder: decoder::Video,
    avcc: Vec<u8>,
}

impl PictureDecoder {
    /// Opens a decoder for the stream that `avcc` describes.
    pub(super) fn open(avcc: Vec<u8>) -> Result<Self, Error> {
        let codec = codec::decoder::find(Id::H264).ok_or(Error::DecoderNotFound)?;
        let mut context = Context::new_with_codec(codec);
        ffi::set_extradata(&mut context, &avcc)?;
        context.set_threading(threading::Config {
            kind: threading::Type::Frame,
            count: DECODER_THREADS,
            ..threading::Config::default()
        });
        let mut decoder = context.decoder();
        decoder.set_packet_time_base(Rational::new(1, 90_000));
        let mut options = Dictionary::new();
        options.set("max_pixels", MAX_PIXELS);
        let decoder = decoder.open_as_with(codec, options)?.video()?;
        Ok(Self { decoder, avcc })
    }

    /// Whether this decoder was opened for just this record.
    pub(super) fn is_for(&self, avcc: &[u8]) -> bool {
        self.avcc == avcc
    }

    /// Puts one unit in. The pictures it completes, perhaps of earlier units, come out of [`Self::next_picture`].
    pub(super) fn push(&mut self, unit: &MediaUnit) -> Result<(), Error> {
        let reorder = unit.pts.saturating_sub(unit.dts);
        if unit.dts.unsigned_abs() > MAX_TICKS || !(-MAX_REORDER_TICKS..=MAX_REORDER_TICKS).contains(&reorder) {
            return Err(Error::InvalidData);
        }
        let mut packet = Packet::copy(&unit.data);
        packet.set_dts(Some(unit.dts));
        packet.set_pts(Some(unit.pts));
        if unit.is_sync {
            packet.set_flags(codec::packet::Flags::KEY);
        }
        self.decoder.send_packet(&packet)
    }

    /// Says that no more units come, so that the last pictures come out.
    pub(super) fn finish(&mut self) -> Result<(), Error> {
        self.decoder.send_eof()
    }

    /// Begins anew after [`Self::finish`], with a unit that stands alone.
    pub(super) fn restart(&mut self) {
        self.decoder.flush();
    }

    /// The next decoded picture with its time on the 90 kHz line; none when more units are needed.
    pub(super) fn next_picture(&mut self) -> Result<Option<frame::Video>, Error> {
        let mut picture = frame::Video::empty();
        match self.decoder.receive_frame(&mut picture) {
            Ok(()) => {
                let shown_at = picture.timestamp();
                picture.set_pts(shown_at);
                Ok(Some(picture))
            }
            Err(Error::Eof) => Ok(None),
            Err(Error::Other { errno }) if errno == ffmpeg_next::error::EAGAIN => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Frames a second that the parameter sets state, if they do.
    pub(super) fn frame_rate(&self) -> Option<Rational> {
        self.decoder.frame_rate().filter(|rate| rate.numerator() > 0 && rate.denominator() > 0)
    }
}
