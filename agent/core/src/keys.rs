//! Stream keys: what counts as one, how it is turned into a grant, and how a presented key is checked against it.
//!
//! The agent makes grants from secret files; the engine verifies with them. A grant is enough to recognise a key and
//! not enough to publish with. Nothing here prints a key: errors state lengths and kinds only.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::control::{Fingerprint, KeyGrant};

/// Shortest stream key accepted, bytes. Below this a key can be guessed over the network.
pub const MIN_KEY_BYTES: usize = 8;
/// Longest stream key accepted, bytes: more than any encoder's field takes.
pub const MAX_KEY_BYTES: usize = 256;

const SALT_BYTES: usize = 16;

/// Why a secret file's content is not a stream key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    #[error("is empty")]
    Empty,
    #[error("holds {length} bytes; at least {MIN_KEY_BYTES} are needed")]
    TooShort { length: usize },
    #[error("holds {length} bytes; at most {MAX_KEY_BYTES} are taken")]
    TooLong { length: usize },
    #[error(
        "holds a blank, a line break or a character outside printable ASCII; it must be one word of letters, digits and signs"
    )]
    Unprintable,
}

/// A stream key in clear, wiped when dropped.
pub struct StreamKeySecret(Zeroizing<Vec<u8>>);

impl StreamKeySecret {
    /// Takes a secret file's content. One trailing line end (`\n` or `\r\n`) is not part of the key.
    ///
    /// Blanks are refused as well: nobody sees one at the end of a pasted key, and OBS would send it.
    pub fn from_file_content(content: &[u8]) -> Result<Self, KeyError> {
        let key = content.strip_suffix(b"\n").unwrap_or(content);
        let key = key.strip_suffix(b"\r").unwrap_or(key);
        match key.len() {
            0 => return Err(KeyError::Empty),
            length @ 1..MIN_KEY_BYTES => return Err(KeyError::TooShort { length }),
            length if length > MAX_KEY_BYTES => return Err(KeyError::TooLong { length }),
            _ => (),
        }
        if !key.iter().all(u8::is_ascii_graphic) {
            return Err(KeyError::Unprintable);
        }
        Ok(Self(Zeroizing::new(key.to_vec())))
    }

    /// The key itself. Only what is signed with needs it, never a stream key.
    pub(crate) fn clear(&self) -> &str {
        std::str::from_utf8(&self.0).expect("printable ASCII only")
    }

    /// HMAC-SHA-256 of the key under `salt`, lowercase hex: [`KeyGrant::hash`].
    #[must_use]
    pub fn hash(&self, salt: &Salt) -> String {
        fingerprint(salt, &self.0)
    }
}

impl Clone for StreamKeySecret {
    fn clone(&self) -> Self {
        Self(Zeroizing::new(self.0.to_vec()))
    }
}

impl PartialEq for StreamKeySecret {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for StreamKeySecret {}

impl fmt::Debug for StreamKeySecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StreamKeySecret(masked)")
    }
}

/// What a key is hashed with. Core has no randomness, so the caller brings the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Salt([u8; SALT_BYTES]);

impl Salt {
    /// Takes 16 random bytes.
    #[must_use]
    pub const fn new(random: [u8; SALT_BYTES]) -> Self {
        Self(random)
    }

    /// Reads [`KeyGrant::salt`]; none if it is not 32 hexadecimal digits.
    #[must_use]
    pub fn from_hex(text: &str) -> Option<Self> {
        from_hex(text).map(Self)
    }

    /// Another, which is always the same for this one and that name.
    #[must_use]
    pub fn derived(&self, name: &str) -> Self {
        let mut bytes = [0; SALT_BYTES];
        bytes.copy_from_slice(&hmac(self, name.as_bytes())[..SALT_BYTES]);
        Self(bytes)
    }

    pub(crate) const fn as_bytes(&self) -> &[u8; SALT_BYTES] {
        &self.0
    }

    /// As in [`KeyGrant::salt`].
    #[must_use]
    pub fn to_hex(&self) -> String {
        to_hex(&self.0)
    }
}

/// Whether `presented` is the key that `grant` was made from. Takes the same time for every wrong key of one length.
///
/// Says nothing about whether the grant is enabled or expired. A grant that cannot be read matches no key.
#[must_use]
pub fn verify(grant: &KeyGrant, presented: &[u8]) -> bool {
    matches(&grant.salt, &grant.hash, presented)
}

fn matches(salt: &str, hash: &str, presented: &[u8]) -> bool {
    let (Some(salt), Some(hash)) = (Salt::from_hex(salt), from_hex::<32>(hash)) else {
        return false;
    };
    let presented_hash = Zeroizing::new(hmac(&salt, presented));
    presented_hash.as_slice().ct_eq(&hash).into()
}

/// Whether `presented` is the secret that `held` was made from, as [`verify`] says of a stream key.
#[must_use]
pub fn recognise(held: &Fingerprint, presented: &[u8]) -> bool {
    let Fingerprint { salt, hash } = held;
    matches(salt, hash, presented)
}

/// HMAC-SHA-256 of a secret under `salt`, lowercase hex: what it is compared by.
pub(crate) fn fingerprint(salt: &Salt, secret: &[u8]) -> String {
    to_hex(&hmac(salt, secret))
}

fn hmac(salt: &Salt, key: &[u8]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(&salt.0).expect("HMAC takes a key of any length (RFC 2104)");
    mac.update(key);
    mac.finalize().into_bytes().into()
}

pub(crate) fn to_hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes
        .iter()
        .flat_map(|byte| [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]])
        .map(char::from)
        .collect()
}

fn from_hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    if text.len() != 2 * N {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        let high = char::from(pair[0]).to_digit(16)?;
        let low = char::from(pair[1]).to_digit(16)?;
        *byte = u8::try_from(high * 16 + low).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

    use super::*;

    fn grant(key: &[u8], salt: u8) -> KeyGrant {
        let salt = Salt::new([salt; SALT_BYTES]);
        KeyGrant {
            salt: salt.to_hex(),
            hash: StreamKeySecret::from_file_content(key).unwrap().hash(&salt),
            comment: String::new(),
            enabled: true,
            expires_at: None,
        }
    }

    #[test]
    fn hash_is_hmac_sha_256() {
        // python3: hmac.new(bytes([1]*16), b"correct-horse", "sha256").hexdigest()
        let grant = grant(b"correct-horse", 1);
        assert_eq!(grant.salt, "01010101010101010101010101010101");
        assert_eq!(grant.hash, "e97df909fec9afdc9eaf3bb4f722032b9384be2ae852dc087a846f2590c40f48");
    }

    #[test]
    fn only_the_very_key_is_recognised() {
        let grant = grant(b"correct-horse\n", 7);
        let cases: [(&[u8], bool); 6] = [
            (b"correct-horse", true),
            (b"correct-horse\n", false),
            (b"correct-hors", false),
            (b"correct-horse2", false),
            (b"", false),
            (b"\xff\x00", false),
        ];
        for (presented, want) in cases {
            assert_eq!(verify(&grant, presented), want, "{presented:?}");
        }
    }

    #[test]
    fn a_broken_grant_matches_nothing() {
        let good = grant(b"correct-horse", 7);
        for (salt, hash) in [("", good.hash.as_str()), (&good.salt, ""), ("zz", "zz"), (&good.salt, "é")] {
            let broken = KeyGrant { salt: salt.to_owned(), hash: hash.to_owned(), ..good.clone() };
            assert!(!verify(&broken, b"correct-horse"));
        }
    }

    #[test]
    fn a_secret_file_is_judged_by_its_content() {
        let long = [b'a'; 257];
        let cases: [(&[u8], Option<KeyError>); 11] = [
            (b"", Some(KeyError::Empty)),
            (b"\n", Some(KeyError::Empty)),
            (b"\r\n", Some(KeyError::Empty)),
            (b"1234567", Some(KeyError::TooShort { length: 7 })),
            (b"12345678", None),
            (b"12345678\r\n", None),
            (b"12345678\n\n", Some(KeyError::Unprintable)),
            (b"1234 5678", Some(KeyError::Unprintable)),
            ("schl\u{fc}ssel".as_bytes(), Some(KeyError::Unprintable)),
            (&long, Some(KeyError::TooLong { length: 257 })),
            (&long[..256], None),
        ];
        for (content, want) in cases {
            assert_eq!(StreamKeySecret::from_file_content(content).err(), want, "{content:?}");
        }
    }

    #[test]
    fn a_key_is_never_printed() {
        let secret = StreamKeySecret::from_file_content(b"correct-horse").unwrap();
        assert!(!format!("{secret:?}").contains("horse"));
        let refused = StreamKeySecret::from_file_content(b"correct horse").unwrap_err();
        assert!(!refused.to_string().contains("correct"));
    }
}
