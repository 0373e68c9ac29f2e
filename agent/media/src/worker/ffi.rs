//! The things libav offers and `ffmpeg-next` does not. Nothing else in the project is `unsafe`.
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

/// A graphics device that encodes. All its handles are counted references to the same one.
#[derive(Debug)]
pub(super) struct Device(std::ptr::NonNull<ffi::AVBufferRef>);

// SAFETY: the reference is counted atomically, and libva allows one display to be used by several threads; nothing is
// read or written through the pointer but by libav, which locks.
unsafe impl Send for Device {}
// SAFETY: as above; a shared handle is only ever used to make another reference.
unsafe impl Sync for Device {}

impl Device {
    /// The first device that VA-API finds.
    pub(super) fn open_vaapi() -> Result<Self, Error> {
        let mut device = std::ptr::null_mut();
        let kind = ffi::AVHWDeviceType::AV_HWDEVICE_TYPE_VAAPI;
        // SAFETY: `device` is a place for the result; no name and no options are what the function takes null for.
        let result =
            unsafe { ffi::av_hwdevice_ctx_create(&raw mut device, kind, std::ptr::null(), std::ptr::null_mut(), 0) };
        match std::ptr::NonNull::new(device) {
            Some(device) if result >= 0 => Ok(Self(device)),
            _ => Err(Error::from(result.min(-1))),
        }
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        let mut device = self.0.as_ptr();
        // SAFETY: this handle owns one reference, and gives it back once.
        unsafe { ffi::av_buffer_unref(&raw mut device) };
    }
}

/// Pictures that a device has in its hands at once: those of B-pictures and look-ahead, and those being encoded.
const DEVICE_PICTURES: i32 = 20;

/// Makes an encoder that is not open yet take pictures of this size (NV12) from the device's memory.
pub(super) fn use_device(context: &mut Context, device: &Device, width: u32, height: u32) -> Result<(), Error> {
    let side = |pixels: u32| i32::try_from(pixels).map_err(|_| Error::InvalidData);
    let (width, height) = (side(width)?, side(height)?);
    // SAFETY: the device is alive; the frames context is only touched between its allocation and its initialisation,
    // as libavutil asks for, and its `data` is an AVHWFramesContext by its contract. Whatever is not handed over to
    // the encoder, which gives its reference back when it is freed, is given back here.
    unsafe {
        let mut frames = ffi::av_hwframe_ctx_alloc(device.0.as_ptr());
        if frames.is_null() {
            return Err(Error::Other { errno: ffmpeg_next::error::ENOMEM });
        }
        let description = (*frames).data.cast::<ffi::AVHWFramesContext>();
        (*description).format = ffi::AVPixelFormat::AV_PIX_FMT_VAAPI;
        (*description).sw_format = ffi::AVPixelFormat::AV_PIX_FMT_NV12;
        (*description).width = width;
        (*description).height = height;
        (*description).initial_pool_size = DEVICE_PICTURES;
        let result = ffi::av_hwframe_ctx_init(frames);
        if result < 0 {
            ffi::av_buffer_unref(&raw mut frames);
            return Err(Error::from(result));
        }
        let context = context.as_mut_ptr();
        ffi::av_buffer_unref(&raw mut (*context).hw_frames_ctx);
        (*context).hw_frames_ctx = frames;
        (*context).pix_fmt = ffi::AVPixelFormat::AV_PIX_FMT_VAAPI;
    }
    Ok(())
}

/// The picture in the memory of the device that the encoder is on, without its time.
pub(super) fn upload(encoder: &Context, picture: &frame::Video) -> Result<frame::Video, Error> {
    let mut uploaded = frame::Video::empty();
    // SAFETY: the encoder is open and has a frames context (null is refused by the call); `uploaded` is empty, and is
    // filled and owned by the first call before the second writes to it.
    let result = unsafe {
        match ffi::av_hwframe_get_buffer((*encoder.as_ptr()).hw_frames_ctx, uploaded.as_mut_ptr(), 0) {
            0 => ffi::av_hwframe_transfer_data(uploaded.as_mut_ptr(), picture.as_ptr(), 0),
            error => error,
        }
    };
    if result < 0 { Err(Error::from(result)) } else { Ok(uploaded) }
}
