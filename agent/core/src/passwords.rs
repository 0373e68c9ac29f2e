//! The admin password: hashed slowly by the agent, checked by the engine.
//!
//! People choose passwords that can be guessed, so what the engine holds is an argon2id hash (RFC 9106) in the PHC
//! string form. Nothing here prints a password or a hash.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use argon2::password_hash::PasswordHasher as _;
use argon2::password_hash::phc::PasswordHash;
use argon2::{Argon2, Params};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use crate::keys::Salt;

/// Shortest password accepted, bytes: the least that NIST SP 800-63B, section 3.1.1.2, allows.
pub const MIN_PASSWORD_BYTES: usize = 8;
/// Longest password accepted, bytes.
pub const MAX_PASSWORD_BYTES: usize = 256;

/// A file whose content begins so holds a hash instead of a password.
const HASH_PREFIX: &str = "$argon2id$";
/// Most memory a given hash may ask of the engine, KiB: a login must not be able to take the machine down.
const MAX_MEMORY_KIB: u32 = 128 * 1024;
/// Most passes a given hash may ask for.
const MAX_PASSES: u32 = 10;

/// Why a secret file's content is no password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PasswordError {
    #[error("is empty")]
    Empty,
    #[error("holds {length} bytes; a password has at least {MIN_PASSWORD_BYTES}")]
    TooShort { length: usize },
    #[error("holds {length} bytes; a password has at most {MAX_PASSWORD_BYTES}")]
    TooLong { length: usize },
    #[error(
        "holds a line break, another control character, or bytes that are no UTF-8; a password is one line of text"
    )]
    Unprintable,
    #[error(
        "begins like an argon2id hash and is none that can be used (at most {MAX_MEMORY_KIB} KiB of memory and \
         {MAX_PASSES} passes)"
    )]
    BadHash,
}

/// What the password file holds.
#[derive(Clone)]
pub struct AdminPassword {
    kind: Kind,
    /// The hash last computed, and its salt: one costs some 20 ms and 19 MiB.
    memo: Arc<Mutex<Option<(Salt, String)>>>,
}

#[derive(Clone)]
enum Kind {
    Clear(Zeroizing<Vec<u8>>),
    Hashed(String),
}

impl AdminPassword {
    /// Takes a secret file's content: a password, or its hash as `$argon2id$…`. One trailing line end does not count.
    pub fn from_file_content(content: &[u8]) -> Result<Self, PasswordError> {
        let line = content.strip_suffix(b"\n").unwrap_or(content);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.is_empty() {
            return Err(PasswordError::Empty);
        }
        let text = std::str::from_utf8(line).map_err(|_| PasswordError::Unprintable)?;
        if text.chars().any(char::is_control) {
            return Err(PasswordError::Unprintable);
        }
        let kind = if text.starts_with(HASH_PREFIX) {
            usable_hash(text).ok_or(PasswordError::BadHash)?;
            Kind::Hashed(text.to_owned())
        } else {
            match line.len() {
                length @ ..MIN_PASSWORD_BYTES => return Err(PasswordError::TooShort { length }),
                length if length > MAX_PASSWORD_BYTES => return Err(PasswordError::TooLong { length }),
                _ => Kind::Clear(Zeroizing::new(line.to_vec())),
            }
        };
        Ok(Self { kind, memo: Arc::default() })
    }

    /// The hash that the engine should hold: `held` if it is of this password, otherwise one with `fresh_salt`.
    pub(crate) fn hash(&self, held: Option<&str>, fresh_salt: &Salt) -> String {
        let clear = match &self.kind {
            Kind::Hashed(hash) => return hash.clone(),
            Kind::Clear(clear) => clear,
        };
        if let Some(held) = held
            && let Some(salt) = salt_of(held)
            && self.remembered(clear, &salt) == held
        {
            return held.to_owned();
        }
        self.remembered(clear, fresh_salt)
    }

    fn remembered(&self, clear: &[u8], salt: &Salt) -> String {
        let mut memo = self.memo.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, hash)) = memo.as_ref().filter(|(known, _)| known == salt) {
            return hash.clone();
        }
        let hash = argon2id(clear, salt);
        *memo = Some((*salt, hash.clone()));
        hash
    }
}

impl PartialEq for AdminPassword {
    fn eq(&self, other: &Self) -> bool {
        match (&self.kind, &other.kind) {
            (Kind::Clear(a), Kind::Clear(b)) => a.ct_eq(b).into(),
            (Kind::Hashed(a), Kind::Hashed(b)) => a == b,
            _ => false,
        }
    }
}

impl Eq for AdminPassword {}

impl fmt::Debug for AdminPassword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AdminPassword(masked)")
    }
}

/// Whether `presented` is the password of `hash`, a PHC string. Takes as long as `hash` asks for, some 20 ms with
/// the agent's own parameters.
#[must_use]
pub fn verify(hash: &str, presented: &[u8]) -> bool {
    let Some(hash) = usable_hash(hash) else { return false };
    let (Some(salt), Some(wanted)) = (hash.salt.as_ref(), hash.hash.as_ref()) else { return false };
    let Ok(params) = Params::try_from(&hash) else { return false };
    let mut found = Zeroizing::new(vec![0; wanted.as_bytes().len()]);
    let argon2 = Argon2::new(argon2::Algorithm::Argon2id, argon2::Version::V0x13, params);
    argon2.hash_password_into(presented, salt.as_ref(), &mut found).is_ok()
        && found.as_slice().ct_eq(wanted.as_bytes()).into()
}

/// argon2id with the crate's parameters, which are OWASP's: 19 MiB, two passes, one lane.
fn argon2id(clear: &[u8], salt: &Salt) -> String {
    Argon2::default()
        .hash_password_with_salt(clear, salt.as_bytes())
        .map(|hash| hash.to_string())
        .expect("at most 256 bytes of password and 16 of salt are always hashed")
}

fn usable_hash(text: &str) -> Option<PasswordHash> {
    let hash = PasswordHash::new(text).ok()?;
    let params = Params::try_from(&hash).ok()?;
    let is_current = hash.version.is_none_or(|version| version == u32::from(argon2::Version::V0x13));
    let is_complete = hash.salt.is_some() && hash.hash.is_some();
    (is_current && is_complete && params.m_cost() <= MAX_MEMORY_KIB && params.t_cost() <= MAX_PASSES).then_some(hash)
}

fn salt_of(hash: &str) -> Option<Salt> {
    let hash = PasswordHash::new(hash).ok()?;
    Some(Salt::new(hash.salt?.as_ref().try_into().ok()?))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_password_is_known_again_by_its_hash() {
        let password = AdminPassword::from_file_content(b"correct horse\n").unwrap();
        let hash = password.hash(None, &Salt::new([1; 16]));
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$") && !hash.contains("horse"));
        assert!(verify(&hash, b"correct horse"));
        assert!(!verify(&hash, b"correct horse\n") && !verify(&hash, b"") && !verify("", b"correct horse"));
        assert_eq!(password.hash(Some(&hash), &Salt::new([2; 16])), hash, "an unchanged password keeps its hash");
        let other = AdminPassword::from_file_content(b"battery staple").unwrap();
        assert_ne!(other.hash(Some(&hash), &Salt::new([2; 16])), hash);
    }

    #[test]
    fn a_given_hash_is_taken_as_it_is_if_it_is_bounded() {
        let hash = argon2id(b"correct horse", &Salt::new([1; 16]));
        let given = AdminPassword::from_file_content(hash.as_bytes()).unwrap();
        assert_eq!(given.hash(None, &Salt::new([9; 16])), hash);
        assert!(verify(&hash, b"correct horse"));
        for bad in [
            "$argon2id$",
            "$argon2id$v=19$m=19456,t=2,p=1$AQEBAQEBAQEBAQEBAQEBAQ",
            &hash.replace("m=19456", "m=4194304"),
            &hash.replace("t=2", "t=4000"),
            &hash.replace("v=19", "v=16"),
        ] {
            assert_eq!(AdminPassword::from_file_content(bad.as_bytes()).unwrap_err(), PasswordError::BadHash, "{bad}");
            assert!(!verify(bad, b"correct horse"), "{bad}");
        }
    }

    #[test]
    fn what_is_no_password_is_told_without_repeating_it() {
        let told = |content: &[u8]| AdminPassword::from_file_content(content).unwrap_err().to_string();
        assert_eq!(told(b"\n"), "is empty");
        assert!(told(b"hunter2").contains("holds 7 bytes"));
        assert!(told(&[b'a'; 300]).contains("holds 300 bytes"));
        assert!(told(b"hunter\nhunter2").contains("one line") && !told(b"hunter\nhunter2").contains("hunter"));
        assert!(told(b"\xff\xfe\xff\xfe\xff\xfe\xff\xfe").contains("UTF-8"));
        let password = AdminPassword::from_file_content(b"correct horse").unwrap();
        assert_eq!(format!("{password:?}"), "AdminPassword(masked)");
    }
}
