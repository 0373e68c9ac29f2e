//! From text to settings, or to every problem the text has.

mod json;

use serde::Deserialize;
use serde_json::Value;

use crate::check::check;
use crate::problem::{Found, Problems};
use crate::rules::cross_check;
use crate::settings::{API_VERSION, Settings};

/// The largest document that is read. The largest sensible one is a few kilobytes.
pub const MAX_DOCUMENT_BYTES: usize = 1024 * 1024;

impl Settings {
    /// Reads a settings document (JSON).
    ///
    /// # Errors
    /// All problems at once: broken JSON or a newer document version is a single problem, otherwise every option that
    /// is missing, unknown, of the wrong type, out of bounds or at odds with another one.
    pub fn parse(text: &str) -> Result<Self, Problems> {
        if text.len() > MAX_DOCUMENT_BYTES {
            return Err(Problems::document(
                format!("the document has {} bytes, at most {MAX_DOCUMENT_BYTES} are read", text.len()),
                "check that this is the settings document",
            ));
        }
        let document = json::read(text)?;
        refuse_newer_version(&document)?;
        let mut found = Found::default();
        check(&document, &mut found);
        cross_check(&document, &mut found);
        found.into_result()?;
        Self::deserialize(&document).map_err(|cause| {
            Problems::document(
                format!("the document cannot be read: {cause}"),
                "let the Nix module render the document",
            )
        })
    }
}

/// A document of another version would only produce noise: its options are not ours.
fn refuse_newer_version(document: &Value) -> Result<(), Problems> {
    let version = |text: &str| text.strip_prefix("nixcast/v").and_then(|number| number.parse::<u64>().ok());
    let Some(written) = document["apiVersion"].as_str().filter(|text| version(text) > version(API_VERSION)) else {
        return Ok(());
    };
    Err(Problems::document(
        format!("the document is written for {written}, this nixcast reads {API_VERSION}"),
        "update services.nixcast.package, or use the module that came with the installed package",
    ))
}
