//! The digest of a document: which content, whatever wrote it and in which order.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::settings::Settings;

/// A SHA-256, written as 64 lowercase hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Digest([u8; 32]);

/// A text that is no digest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a digest has 64 lowercase hexadecimal digits")]
pub struct DigestError;

impl Digest {
    /// The digest of some bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// The first 8 hexadecimal digits: enough for people and for a cache-busting address.
    #[must_use]
    pub fn short(&self) -> String {
        let mut text = self.to_string();
        text.truncate(8);
        text
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({self})")
    }
}

impl FromStr for Digest {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits = text.as_bytes();
        if digits.len() != 64 || !digits.iter().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f')) {
            return Err(DigestError);
        }
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
            let pair = std::str::from_utf8(pair).map_err(|_| DigestError)?;
            *byte = u8::from_str_radix(pair, 16).map_err(|_| DigestError)?;
        }
        Ok(Self(bytes))
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> Self {
        digest.to_string()
    }
}

impl TryFrom<String> for Digest {
    type Error = DigestError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl Settings {
    /// The canonical document: every leaf written out, keys in byte order, no white space. Two documents that mean
    /// the same are the same text.
    #[must_use]
    pub fn canonical_json(&self) -> String {
        let document = serde_json::to_value(self).expect("settings are plain data with text keys");
        sorted(document).to_string()
    }

    /// SHA-256 of the canonical document.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest::of(self.canonical_json().as_bytes())
    }
}

fn sorted(value: Value) -> Value {
    match value {
        Value::Object(members) => {
            let mut members: Vec<_> = members.into_iter().collect();
            members.sort_by(|(a, _), (b, _)| a.cmp(b));
            Value::Object(members.into_iter().map(|(name, member)| (name, sorted(member))).collect())
        }
        Value::Array(entries) => Value::Array(entries.into_iter().map(sorted).collect()),
        leaf => leaf,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn the_order_of_keys_and_left_out_nulls_do_not_matter() {
        let settings = Settings::default();
        let tidy = serde_json::to_string_pretty(&settings).unwrap();
        let mut document: Value = serde_json::from_str(&tidy).unwrap();
        let members = document.as_object_mut().unwrap();
        let http = members.shift_remove("http").unwrap();
        members.insert("http".to_owned(), http);
        members["instance"].as_object_mut().unwrap().shift_remove("logo").unwrap();
        let shuffled = Settings::parse(&document.to_string()).unwrap();
        assert_eq!(shuffled.digest(), Settings::parse(&tidy).unwrap().digest());
        assert!(settings.canonical_json().starts_with(r#"{"admin":{"passwordFile":null,"user":"#));
    }

    #[test]
    fn a_digest_survives_being_written_down() {
        let digest = Settings::default().digest();
        assert_eq!(digest.to_string().parse(), Ok(digest));
        assert_eq!(digest.short(), digest.to_string()[..8]);
        for text in ["", "zz", &"A".repeat(64), &"é".repeat(32)] {
            assert_eq!(text.parse::<Digest>(), Err(DigestError));
        }
    }
}
