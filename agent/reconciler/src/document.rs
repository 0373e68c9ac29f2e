//! A settings document that was parsed and found good.

use nixcast_schema::{Digest, Problems, Settings};

/// Text and meaning of one good document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    pub settings: Settings,
    /// The canonical text: what the ledger keeps, so that an old generation means the same under any formatting.
    pub text: String,
    /// SHA-256 of the canonical text, lowercase hex.
    pub digest: String,
}

impl Document {
    /// Parses and cross-checks a document; all problems at once.
    pub fn parse(text: &str) -> Result<Self, Problems> {
        let settings = Settings::parse(text)?;
        let text = settings.canonical_json();
        let digest = settings.digest().to_string();
        Ok(Self { settings, text, digest })
    }
}

/// SHA-256 of any content, lowercase hex.
pub(crate) fn sha256_hex(content: &[u8]) -> String {
    Digest::of(content).to_string()
}
