//! Encoders of the machine's hardware: what must be open before the sandbox closes, and whether they work at all.

use std::path::Path;
use std::sync::Arc;

use ffmpeg_next::format::Pixel;
use ffmpeg_next::{Rational, frame};

use crate::protocol::{EncoderSpec, Tuning, VideoEncoder};
use crate::sandbox::{self, Profile};

use super::encoder::{EncodeError, PictureEncoder};
use super::ffi::Device;
use super::{WorkerError, chain};

/// The picture that an encoder is tried with: a size that all hardware takes.
const WIDTH: u16 = 640;
const HEIGHT: u16 = 360;

/// Pictures that must be in for one to come out, with room for what hardware holds back.
const PICTURES: i64 = 40;

/// What was opened before the sandbox closed.
#[derive(Clone, Debug)]
pub struct Hardware {
    device: Option<Arc<Device>>,
}

/// Why an encoder cannot be used, in words for the operator.
#[derive(Debug, thiserror::Error)]
pub enum Unusable {
    #[error("this machine has no {node}{what}")]
    NoNode { node: &'static str, what: &'static str },
    #[error("the device could not be opened: {0}")]
    Device(ffmpeg_next::Error),
    #[error("{0}")]
    Encoder(String),
    #[error("it gave no picture")]
    Silent,
    #[error("it cannot be locked in: {0}")]
    Sandbox(#[from] crate::sandbox::SandboxError),
}

impl Hardware {
    /// Opens what `encoder` needs. Before the process has threads, and before the sandbox.
    ///
    /// # Errors
    /// There is no such device, or it cannot be opened.
    pub(super) fn prepare(encoder: VideoEncoder) -> Result<Self, Unusable> {
        let (folder, start, node, what) = match encoder {
            VideoEncoder::X264 => return Ok(Self { device: None }),
            VideoEncoder::Vaapi | VideoEncoder::Qsv => {
                ("/dev/dri", "renderD", "/dev/dri/renderD128", " or other graphics device that encodes")
            }
            VideoEncoder::Nvenc => ("/dev", "nvidiactl", "/dev/nvidiactl", ", which NVIDIA's driver makes"),
            VideoEncoder::V4l2m2m => ("/dev", "video", "/dev/video0", " or other video device"),
        };
        if !has_node(Path::new(folder), start) {
            return Err(Unusable::NoNode { node, what });
        }
        ffmpeg_next::init().map_err(Unusable::Device)?;
        ffmpeg_next::log::set_level(ffmpeg_next::log::Level::Quiet);
        let device = match encoder {
            VideoEncoder::Vaapi => Some(Arc::new(Device::open_vaapi().map_err(Unusable::Device)?)),
            _ => None,
        };
        let hardware = Self { device };
        if matches!(encoder, VideoEncoder::Qsv | VideoEncoder::Nvenc) {
            // Their libraries are loaded with the first encoder; inside the sandbox nothing can be loaded any more.
            drop(hardware.open(encoder).map_err(|error| Unusable::Encoder(chain(&error)))?);
        }
        Ok(hardware)
    }

    pub(super) fn device(&self) -> Option<Arc<Device>> {
        self.device.clone()
    }

    fn open(&self, encoder: VideoEncoder) -> Result<PictureEncoder, EncodeError> {
        let spec = EncoderSpec {
            id: 0,
            name: "probe".to_owned(),
            width: None,
            height: None,
            framerate: None,
            video_bitrate_kbps: 1000,
            encoder,
            preset: "veryfast".to_owned(),
            tuning: Tuning { look_ahead: Some(0), b_frames: Some(0), frame_threads: None },
        };
        PictureEncoder::open(&spec, &picture(0), Some(Rational(30, 1)), 0, self.device.as_ref())
    }

    fn encode(&self, encoder: VideoEncoder) -> Result<(), Unusable> {
        let failed = |error: EncodeError| Unusable::Encoder(chain(&error));
        let mut opened = self.open(encoder).map_err(failed)?;
        for number in 0..PICTURES {
            opened.push(picture(number), number == 0).map_err(failed)?;
            if opened.next_encoded().map_err(failed)?.is_some() {
                return Ok(());
            }
        }
        opened.finish().map_err(failed)?;
        opened.next_encoded().map_err(failed)?.map(drop).ok_or(Unusable::Silent)
    }
}

/// Whether `encoder` opens and encodes a picture from inside the sandbox that a worker for it would be in. For a
/// process of its own: it is locked in afterwards.
///
/// # Errors
/// Why not.
pub fn probe(encoder: VideoEncoder) -> Result<(), Unusable> {
    ffmpeg_next::log::set_level(ffmpeg_next::log::Level::Quiet);
    let hardware = Hardware::prepare(encoder)?;
    sandbox::enter(profile(encoder))?;
    hardware.encode(encoder)
}

/// What a worker for `encoder` is let do.
pub(super) const fn profile(encoder: VideoEncoder) -> Profile {
    match encoder {
        VideoEncoder::X264 => Profile::Software,
        VideoEncoder::Vaapi | VideoEncoder::Nvenc | VideoEncoder::Qsv | VideoEncoder::V4l2m2m => Profile::Hardware,
    }
}

impl From<Unusable> for WorkerError {
    fn from(cause: Unusable) -> Self {
        Self::Hardware(cause)
    }
}

fn has_node(folder: &Path, start: &str) -> bool {
    let names = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.file_name());
    names.into_iter().any(|name| name.to_str().is_some_and(|name| name.starts_with(start)))
}

fn picture(number: i64) -> frame::Video {
    let mut picture = frame::Video::new(Pixel::YUV420P, u32::from(WIDTH), u32::from(HEIGHT));
    for plane in 0..3 {
        picture.data_mut(plane).fill(90);
    }
    picture.set_pts(Some(number * 3000));
    picture
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_without_the_device_is_told_which_one_it_lacks() {
        let empty = tempfile::tempdir().unwrap();
        assert!(!has_node(empty.path(), "renderD"));
        std::fs::write(empty.path().join("renderD128"), "").unwrap();
        assert!(has_node(empty.path(), "renderD"));
        assert!(!has_node(&empty.path().join("absent"), "renderD"));
        let told = Unusable::NoNode { node: "/dev/dri/renderD128", what: " or other graphics device that encodes" };
        assert_eq!(told.to_string(), "this machine has no /dev/dri/renderD128 or other graphics device that encodes");
    }

    #[test]
    fn x264_passes_the_trial_that_hardware_has_to_pass() {
        ffmpeg_next::init().unwrap();
        let hardware = Hardware::prepare(VideoEncoder::X264).unwrap();
        hardware.encode(VideoEncoder::X264).unwrap();
        ffmpeg_next::log::set_level(ffmpeg_next::log::Level::Quiet);
        // No device was opened for it, so there is none to encode on.
        assert!(matches!(hardware.encode(VideoEncoder::Vaapi), Err(Unusable::Encoder(_))));
    }
}
