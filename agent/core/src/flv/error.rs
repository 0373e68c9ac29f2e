//! Why a tag cannot be used.

use std::fmt;

/// Which of the two tracks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Medium {
    Video,
    Audio,
}

impl Medium {
    fn encoder_and_codec(self) -> (&'static str, &'static str) {
        match self {
            Self::Video => ("video", "H.264"),
            Self::Audio => ("audio", "AAC"),
        }
    }
}

impl fmt::Display for Medium {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Video => "video",
            Self::Audio => "sound",
        })
    }
}

/// A fault in a tag. The texts are fit to be sent to the publisher as a reason.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FlvError {
    #[error(
        "the publisher sends {codec} {medium}; set the {} encoder to {}",
        .medium.encoder_and_codec().0,
        .medium.encoder_and_codec().1
    )]
    Unsupported { medium: Medium, codec: &'static str },
    #[error("the {medium} configuration cannot be read: {fault}")]
    BadConfig { medium: Medium, fault: &'static str },
    #[error("a picture came before the video configuration")]
    PictureBeforeConfig,
    #[error("a {medium} tag cannot be read: {fault}")]
    BadTag { medium: Medium, fault: &'static str },
}

impl FlvError {
    /// Whether what follows is of no use either, so that the session ends. The other faults spoil one tag.
    #[must_use]
    pub fn ends_session(&self) -> bool {
        match self {
            Self::Unsupported { .. } | Self::BadConfig { .. } => true,
            Self::PictureBeforeConfig | Self::BadTag { .. } => false,
        }
    }
}
