//! Who sends, as far as its name tells: the words for its settings differ.

/// A publisher's program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sender {
    /// OBS Studio and what is built on it.
    Obs,
    /// ffmpeg and everything that writes FLV with its library.
    Ffmpeg,
    Other,
}

impl Sender {
    /// `encoder` as `onMetaData` has it.
    pub(super) fn of(encoder: Option<&str>) -> Self {
        let encoder = encoder.unwrap_or_default().to_ascii_lowercase();
        if encoder.contains("obs-output") || encoder.contains("libobs") || encoder.contains("obs studio") {
            Self::Obs
        } else if encoder.starts_with("lavf") {
            Self::Ffmpeg
        } else {
            Self::Other
        }
    }

    /// As the subject of a sentence.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Obs => "OBS",
            Self::Ffmpeg => "ffmpeg",
            Self::Other => "the encoder",
        }
    }

    pub(super) fn keyframe_setting(self, frame_rate: Option<f64>) -> String {
        match (self, frame_rate) {
            (Self::Obs, _) => "set 2 s in Settings → Output → Advanced → Keyframe Interval".to_owned(),
            (Self::Ffmpeg, Some(rate)) => format!("set 2 s (-g {:.0})", rate * 2.0),
            (Self::Ffmpeg, None) => "set 2 s (-force_key_frames \"expr:gte(t,n_forced*2)\")".to_owned(),
            (Self::Other, _) => "set its keyframe interval to 2 s".to_owned(),
        }
    }

    pub(super) fn b_frame_setting(self) -> &'static str {
        match self {
            Self::Obs => "set Max B-frames to 0 in Settings → Output, or Tune to zerolatency",
            Self::Ffmpeg => "set -bf 0",
            Self::Other => "set its B-frames to 0",
        }
    }

    pub(super) fn bitrate_setting(self) -> &'static str {
        match self {
            Self::Obs => "Bitrate in Settings → Output",
            Self::Ffmpeg => "-b:v",
            Self::Other => "its video bitrate",
        }
    }

    pub(super) fn steady_setting(self) -> &'static str {
        match self {
            Self::Obs => "set Rate Control to CBR in Settings → Output",
            Self::Ffmpeg => "set -maxrate and -bufsize to the value of -b:v",
            Self::Other => "set a constant bitrate (CBR)",
        }
    }

    pub(super) fn format_setting(self) -> &'static str {
        match self {
            Self::Obs => "set Color Format to NV12 in Settings → Advanced",
            Self::Ffmpeg => "set -pix_fmt yuv420p",
            Self::Other => "set 4:2:0 with 8 bits (NV12, yuv420p)",
        }
    }

    pub(super) fn frame_rate_setting(self) -> &'static str {
        match self {
            Self::Obs => "see Stats in OBS: it may be too slow to draw or to encode",
            Self::Ffmpeg => "set -r, or -fps_mode cfr",
            Self::Other => "set a constant frame rate",
        }
    }
}
