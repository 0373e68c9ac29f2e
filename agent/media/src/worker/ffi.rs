//! The five things libav offers and `ffmpeg-next` does not. Nothing else in the project is `unsafe`.
//!
//! Each function takes the safe wrapper, so the pointer it uses is alive and, by `&mut`, not used by anyone else.

#![allow(unsafe_code)]

use ffmpeg_next::codec::Context;
use ffmpeg_next::software::scaling;
use ffmpeg_next::{Error, ffi, frame};

/// Gives a decoder its codec record (avcC, AudioSpecificConfig). Only before the context is opened.
pub(super) fn set_extradata(context: &mut Context, record: &[u8]) -> Result<(), Error> {
    let size = i32::try_from(record.len()).map_err(|_| Error::InvalidData)?;
    let padding = usize::try_from(ffi::AV_INPUT_BUFFER_PADDING_SIZE).map_err(|_| Error::InvalidData)?;
    // SAFETY: the buffer comes from av_mallocz with the padding libavcodec demands, so it is zeroed behind `record`
    // and avcodec_free_context may free it; the copy stays within it; a former buffer is freed by its own allocator.
    unsafe {
        let buffer = ffi::av_mallocz(record.len() + padding).cast::<u8>();
        if buffer.is_null() {
            return Err(Error::Other { errno: ffmpeg_next::error::ENOMEM });
        }
        std::ptr::copy_nonoverlapping(record.as_ptr(), buffer, record.len());
        let context = context.as_mut_ptr();
        ffi::av_freep((&raw mut (*context).extradata).cast());
        (*context).extradata = buffer;
        (*context).extradata_size = size;
    }
    Ok(())
}

/// The codec record an opened encoder made (Annex B parameter sets, AudioSpecificConfig); empty without one.
pub(super) fn extradata(context: &Context) -> &[u8] {
    // SAFETY: libavcodec keeps `extradata_size` bytes at `extradata` until the context is freed or written to, and
    // the returned slice borrows the context for that long.
    unsafe {
        let context = context.as_ptr();
        match usize::try_from((*context).extradata_size) {
            Ok(size) if size > 0 && !(*context).extradata.is_null() => {
                std::slice::from_raw_parts((*context).extradata, size)
            }
            _ => &[],
        }
    }
}

/// Sets the rate control buffer, bits. libx264 takes a change before the next picture.
pub(super) fn set_rate_control_buffer(context: &mut Context, bits: i32) {
    // SAFETY: a plain field write on a live context nobody else holds.
    unsafe {
        (*context.as_mut_ptr()).rc_buffer_size = bits;
    }
}

/// A second handle on the same pixels, with a time stamp and picture type of its own. The pixels must not be written.
pub(super) fn share(picture: &frame::Video) -> Result<frame::Video, Error> {
    let mut shared = frame::Video::empty();
    // SAFETY: both frames are live; `shared` is empty, as av_frame_ref demands, and owns its references afterwards.
    // The counts are atomic, so the handles may be dropped on different threads.
    match unsafe { ffi::av_frame_ref(shared.as_mut_ptr(), picture.as_ptr()) } {
        0 => Ok(shared),
        error => Err(Error::from(error)),
    }
}

/// How the numbers of a picture become colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Colours {
    /// BT.709; otherwise BT.601.
    pub(super) is_bt709: bool,
    /// Black is 0 and white 255; otherwise 16 and 235.
    pub(super) is_full_range: bool,
}

/// Says what colours a scaler reads. It writes RGB, or luma and chroma as JPEG has them (BT.601, full range).
pub(super) fn set_source_colours(scaler: &mut scaling::Context, colours: Colours) -> Result<(), Error> {
    let matrix = |is_bt709| if is_bt709 { ffi::SWS_CS_ITU709 } else { ffi::SWS_CS_ITU601 };
    // Brightness, contrast and saturation are 16.16 fixed point: none, one and one.
    const ONE: i32 = 1 << 16;
    // SAFETY: the context is live and nobody else's; the coefficients are static tables of libswscale.
    let result = unsafe {
        let from = ffi::sws_getCoefficients(matrix(colours.is_bt709));
        let to = ffi::sws_getCoefficients(matrix(false));
        ffi::sws_setColorspaceDetails(scaler.as_mut_ptr(), from, i32::from(colours.is_full_range), to, 1, 0, ONE, ONE)
    };
    if result < 0 { Err(Error::InvalidData) } else { Ok(()) }
}
