//! What is inside an RTMP audio or video message: an FLV tag body (Adobe FLV specification 10.1, annex E.4).
//!
//! Takes H.264 and AAC-LC (with or without SBR), the codecs that every viewer's browser plays; anything else is a
//! [`FlvError::Unsupported`] whose text tells the publisher what to set. Nothing a tag says about itself is believed
//! without looking: lengths are checked, and whether a picture is a keyframe is read from its NAL units.

mod aac;
mod avc;
mod bits;
mod error;
mod sps;

pub use aac::{AudioTag, read_audio, silent_frame};
pub use avc::{Picture, VideoTag, VideoTrack};
pub use error::{FlvError, Medium};
pub(crate) use sps::picture_samples;

#[cfg(test)]
mod tests;
