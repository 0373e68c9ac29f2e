//! What publishers with TLS are shown: a certificate with its chain, and the private key to it.
//!
//! Both come as PEM (RFC 7468). Only the blocks that are needed are kept, so that a file which holds more than its
//! option says does not spread what it holds. Whether the two belong together is for the engine to judge, which has a
//! TLS library. The key is masked wherever it could be printed and wiped when dropped.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use crate::control::{Certificate, Fingerprint};
use crate::keys::{self, Salt};

/// Longest certificate file read, bytes: a chain of a dozen certificates of the largest usual kind.
pub const MAX_CHAIN_BYTES: usize = 64 * 1024;
/// Longest key file read, bytes: RSA of 16384 bits takes 13.
pub const MAX_KEY_BYTES: usize = 16 * 1024;

const CERTIFICATE: &str = "CERTIFICATE";
/// PKCS#8, PKCS#1 and SEC 1.
const KEYS: [&str; 3] = ["PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY"];
/// PKCS#8 again, with a passphrase.
const LOCKED: &str = "ENCRYPTED PRIVATE KEY";
/// What PKCS#1 and SEC 1 say of a passphrase, below the first line (RFC 1421, section 4.6.1.1).
const LOCKED_HEADER: &str = "Proc-Type: 4,ENCRYPTED";

/// Why a file does not hold what its option says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CertificateError {
    #[error("holds no certificate in PEM (\"-----BEGIN CERTIFICATE-----\")")]
    NoCertificate,
    #[error("holds no private key in PEM (\"-----BEGIN PRIVATE KEY-----\")")]
    NoKey,
    #[error("holds a private key with a passphrase, which nobody could enter; store it without one")]
    Locked,
    #[error("is cut off in the middle of a PEM block")]
    CutOff,
}

/// The certificate and those that lead to its issuer, PEM.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CertificateChain(String);

impl CertificateChain {
    /// Takes a file's content and leaves out whatever is no certificate.
    pub fn from_file_content(content: &[u8]) -> Result<Self, CertificateError> {
        let blocks = blocks(content)?;
        let chain: String = blocks.iter().filter(|(label, _)| *label == CERTIFICATE).map(|(_, text)| *text).collect();
        if chain.is_empty() { Err(CertificateError::NoCertificate) } else { Ok(Self(chain)) }
    }

    #[must_use]
    pub fn pem(&self) -> &str {
        &self.0
    }

    fn digest(&self) -> String {
        keys::to_hex(&Sha256::digest(self.0.as_bytes()))
    }
}

/// A private key in PEM, wiped when dropped.
pub struct PrivateKey(Zeroizing<String>);

impl PrivateKey {
    /// Takes the first private key of a secret file's content.
    pub fn from_file_content(content: &[u8]) -> Result<Self, CertificateError> {
        let blocks = blocks(content)?;
        let is_locked = |(label, text): &(&str, &str)| *label == LOCKED || text.contains(LOCKED_HEADER);
        match blocks.iter().find(|(label, _)| *label == LOCKED || KEYS.contains(label)) {
            None => Err(CertificateError::NoKey),
            Some(block) if is_locked(block) => Err(CertificateError::Locked),
            Some((_, text)) => Ok(Self(Zeroizing::new((*text).to_owned()))),
        }
    }

    /// The key itself, for the TLS library alone.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl Certificate {
    /// What the pair is compared by.
    #[must_use]
    pub fn of(chain: &CertificateChain, key: &PrivateKey, salt: &Salt) -> Self {
        let hash = keys::fingerprint(salt, key.0.as_bytes());
        Self { chain_digest: chain.digest(), key: Fingerprint { salt: salt.to_hex(), hash } }
    }

    /// Whether this was made of the very pair.
    #[must_use]
    pub fn is_of(&self, chain: &CertificateChain, key: &PrivateKey) -> bool {
        Salt::from_hex(&self.key.salt).is_some_and(|salt| *self == Self::of(chain, key, &salt))
    }
}

/// Label and text of each PEM block, in order. What stands between them is commentary.
fn blocks(content: &[u8]) -> Result<Vec<(&str, &str)>, CertificateError> {
    // Commentary may be in any encoding; PEM itself is ASCII, and such a file would be the first with an accent.
    let Ok(text) = std::str::from_utf8(content) else { return Ok(Vec::new()) };
    let mut found = Vec::new();
    let mut open: Option<(&str, usize)> = None;
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let marker = line.trim_end();
        let label = |edge: &str| marker.strip_prefix(edge)?.strip_suffix("-----");
        if let Some(label) = label("-----BEGIN ") {
            open = Some((label, at));
        }
        at += line.len();
        if let (Some(ended), Some((label, start))) = (label("-----END "), open)
            && ended == label
        {
            found.push((label, &text[start..at]));
            open = None;
        }
    }
    if open.is_some() { Err(CertificateError::CutOff) } else { Ok(found) }
}

impl Clone for PrivateKey {
    fn clone(&self) -> Self {
        Self(Zeroizing::new(self.0.to_string()))
    }
}

impl PartialEq for PrivateKey {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_bytes().ct_eq(other.0.as_bytes()).into()
    }
}

impl Eq for PrivateKey {}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PrivateKey(masked)")
    }
}

/// On the control socket only.
impl Serialize for PrivateKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for PrivateKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Zeroizing::new(String::deserialize(deserializer)?);
        Self::from_file_content(text.as_bytes()).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

    use super::*;

    fn block(label: &str, body: &str) -> String {
        format!("-----BEGIN {label}-----\n{body}\n-----END {label}-----\n")
    }

    fn key(body: &str) -> PrivateKey {
        PrivateKey::from_file_content(block("PRIVATE KEY", body).as_bytes()).unwrap()
    }

    #[test]
    fn each_file_gives_what_its_option_says_and_nothing_else() {
        let (leaf, issuer) = (block(CERTIFICATE, "bGVhZg=="), block(CERTIFICATE, "aXNzdWVy"));
        let secret = block("EC PRIVATE KEY", "c2VjcmV0");
        let all = format!("subject=/CN=host\n{leaf}{}{secret}Issuer:\r\n{issuer}", block("EC PARAMETERS", "Bgg="));
        assert_eq!(CertificateChain::from_file_content(all.as_bytes()).unwrap().pem(), format!("{leaf}{issuer}"));
        assert_eq!(PrivateKey::from_file_content(all.as_bytes()).unwrap().expose(), secret);
    }

    #[test]
    fn a_file_that_holds_something_else_says_so() {
        let locked = block(LOCKED, "c2VjcmV0");
        let old = block("RSA PRIVATE KEY", &format!("{LOCKED_HEADER}\nDEK-Info: AES-256-CBC,00\n\nc2VjcmV0"));
        let certificate = block(CERTIFICATE, "bGVhZg==");
        let cut = &certificate[..certificate.len() - 10];
        let cases = [
            ("", CertificateError::NoCertificate, CertificateError::NoKey),
            ("hunter2", CertificateError::NoCertificate, CertificateError::NoKey),
            (&locked, CertificateError::NoCertificate, CertificateError::Locked),
            (&old, CertificateError::NoCertificate, CertificateError::Locked),
            (cut, CertificateError::CutOff, CertificateError::CutOff),
        ];
        for (content, chain, key) in cases {
            assert_eq!(CertificateChain::from_file_content(content.as_bytes()).unwrap_err(), chain, "{content}");
            assert_eq!(PrivateKey::from_file_content(content.as_bytes()).unwrap_err(), key, "{content}");
        }
        assert_eq!(PrivateKey::from_file_content(certificate.as_bytes()).unwrap_err(), CertificateError::NoKey);
        assert_eq!(CertificateChain::from_file_content(b"\xff\xfe").unwrap_err(), CertificateError::NoCertificate);
    }

    #[test]
    fn a_pair_is_known_by_its_fingerprint_alone() {
        let chain = |body| CertificateChain::from_file_content(block(CERTIFICATE, body).as_bytes()).unwrap();
        let held = Certificate::of(&chain("YQ=="), &key("c2VjcmV0"), &Salt::new([1; 16]));
        assert!(held.is_of(&chain("YQ=="), &key("c2VjcmV0")));
        assert!(!held.is_of(&chain("Yg=="), &key("c2VjcmV0")) && !held.is_of(&chain("YQ=="), &key("b3RoZXI=")));
        assert!(!serde_json::to_string(&held).unwrap().contains("c2VjcmV0"));
    }

    #[test]
    fn a_private_key_travels_and_is_never_printed() {
        let sent = key("c2VjcmV0");
        let text = serde_json::to_string(&sent).unwrap();
        assert_eq!(serde_json::from_str::<PrivateKey>(&text).unwrap(), sent);
        assert!(!format!("{sent:?}").contains("c2VjcmV0"));
    }
}
