//! `onMetaData`: what a publisher says of its own stream.

use super::amf::{Reader, Value};

/// Longest encoder name kept, characters.
const ENCODER_CHARS: usize = 128;

/// The publisher's claims, each as far as it is there and possible. For display only; decoding goes by the codec
/// configuration.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Metadata {
    /// Pixels.
    pub width: Option<u32>,
    /// Pixels.
    pub height: Option<u32>,
    /// Frames per second, above 0 and at most 1000.
    pub framerate: Option<f64>,
    /// Name and version of the encoder, at most 128 characters, without control characters.
    pub encoder: Option<String>,
    pub video_kbps: Option<u32>,
    pub audio_kbps: Option<u32>,
}

impl Metadata {
    /// Reads a data message; None if it is not metadata. What cannot be read is left out.
    pub(super) fn read(message: &[u8]) -> Option<Self> {
        let mut values = Reader::new(message);
        let mut name = values.next().ok()??;
        if name.as_str() == Some("@setDataFrame") {
            name = values.next().ok()??;
        }
        (name.as_str() == Some("onMetaData")).then_some(())?;
        let fields = values.next().ok()??;
        Some(Self {
            width: whole(&fields, "width"),
            height: whole(&fields, "height"),
            framerate: number(&fields, "framerate").filter(|fps| *fps <= 1000.0),
            encoder: fields.get("encoder").and_then(Value::as_str).map(printable).filter(|name| !name.is_empty()),
            video_kbps: whole(&fields, "videodatarate"),
            audio_kbps: whole(&fields, "audiodatarate"),
        })
    }
}

/// A finite number above 0.
fn number(fields: &Value, name: &str) -> Option<f64> {
    fields.get(name)?.as_number().filter(|number| number.is_finite() && *number > 0.0)
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "1 to 10 million by the filter before it")]
fn whole(fields: &Value, name: &str) -> Option<u32> {
    number(fields, name).filter(|number| (1.0..=1e7).contains(number)).map(|number| number.round() as u32)
}

fn printable(text: &str) -> String {
    text.chars().filter(|character| !character.is_control()).take(ENCODER_CHARS).collect::<String>().trim().to_owned()
}
