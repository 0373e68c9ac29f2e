//! Signing what webhooks are told: HMAC-SHA-256 as the Standard Webhooks specification has it, version 1.0.0.
//!
//! Unlike a stream key, a signing secret has to be known in clear by whoever signs, which is the engine. It is masked
//! wherever it could be printed and wiped when dropped.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::keys::{KeyError, Salt, StreamKeySecret};

/// Marks a secret whose rest is the key in base64 (Standard Webhooks, "Signature scheme").
const ENCODED_PREFIX: &str = "whsec_";

/// A webhook's secret in clear, wiped when dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct SigningSecret(StreamKeySecret);

impl SigningSecret {
    /// Takes a secret file's content, under the rules of a stream key.
    pub fn from_file_content(content: &[u8]) -> Result<Self, KeyError> {
        StreamKeySecret::from_file_content(content).map(Self)
    }

    /// HMAC-SHA-256 of the secret under `salt`, lowercase hex: enough to compare, not enough to sign with.
    #[must_use]
    pub fn fingerprint(&self, salt: &Salt) -> String {
        self.0.hash(salt)
    }

    /// The value of the header `webhook-signature`: "v1," and the base64 of the HMAC of `id.timestamp.body`.
    /// `timestamp` is in seconds since 1970. A secret that begins with "whsec_" is base64 from there on.
    #[must_use]
    pub fn sign(&self, id: &str, timestamp: i64, body: &[u8]) -> String {
        let clear = self.0.clear();
        let decoded = clear.strip_prefix(ENCODED_PREFIX).and_then(|text| BASE64.decode(text).ok()).map(Zeroizing::new);
        let key = decoded.as_ref().map_or(clear.as_bytes(), |key| key.as_slice());
        let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes a key of any length (RFC 2104)");
        for part in [id.as_bytes(), b".", timestamp.to_string().as_bytes(), b".", body] {
            mac.update(part);
        }
        format!("v1,{}", BASE64.encode(mac.finalize().into_bytes()))
    }
}

impl fmt::Debug for SigningSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningSecret(masked)")
    }
}

/// On the control socket only.
impl Serialize for SigningSecret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.clear())
    }
}

impl<'de> Deserialize<'de> for SigningSecret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Zeroizing::new(String::deserialize(deserializer)?);
        Self::from_file_content(text.as_bytes()).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn secret(text: &str) -> SigningSecret {
        SigningSecret::from_file_content(text.as_bytes()).unwrap()
    }

    #[test]
    fn signatures_are_those_of_the_specification() {
        // The example of the Standard Webhooks libraries.
        let signature = secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").sign(
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1_614_265_330,
            br#"{"test": 2432232314}"#,
        );
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn any_other_secret_is_used_as_it_stands() {
        let signature = secret("correct-horse\n").sign("a", 1, b"{}");
        // python3: base64.b64encode(hmac.new(b"correct-horse", b"a.1.{}", "sha256").digest())
        assert_eq!(signature, "v1,Jy6Z4P1i63gdKb5SAOKVC4srbGK8cMTsg4rCt5XcSFE=");
        assert_ne!(signature, secret("correct-horsf").sign("a", 1, b"{}"));
    }

    #[test]
    fn a_secret_travels_and_is_never_printed() {
        let sent = secret("correct-horse");
        let text = serde_json::to_string(&sent).unwrap();
        assert_eq!(serde_json::from_str::<SigningSecret>(&text).unwrap(), sent);
        assert!(!format!("{sent:?}").contains("horse"));
        assert_ne!(sent.fingerprint(&Salt::new([1; 16])), sent.fingerprint(&Salt::new([2; 16])));
    }
}
