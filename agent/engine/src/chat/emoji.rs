//! The operator's own emoji: what `:name:` in a message becomes, and the pictures behind it.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, HeaderMap, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderName, StatusCode};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::web::is_known;

/// Where the pictures are, as in Owncast.
pub(crate) const FOLDER: &str = "/img/emoji/";

/// Bounds of a set: what a folder of a few hundred emoji takes, with room to spare.
pub(crate) const MOST_EMOJI: usize = 200;
pub(crate) const MOST_PICTURE_BYTES: usize = 512 * 1024;
pub(crate) const MOST_BYTES: usize = 16 * 1024 * 1024;
const MOST_NAME_BYTES: usize = 64;

/// Bytes of the digest that tell one picture from another.
const DIGEST_BYTES: usize = 12;

/// Media types that may be served, with the ending of their files.
const KINDS: &[(&str, &str)] = &[
    ("image/png", "png"),
    ("image/gif", "gif"),
    ("image/jpeg", "jpg"),
    ("image/webp", "webp"),
    ("image/svg+xml", "svg"),
];

/// One emoji, as it was declared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DeclaredEmoji {
    /// What stands between the colons.
    pub(crate) name: String,
    pub(crate) media_type: String,
    pub(crate) picture: Bytes,
}

/// Why an emoji is not offered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum EmojiError {
    #[error("a name has 1 to {MOST_NAME_BYTES} letters, digits, \"-\", \"+\" or \"_\" of ASCII")]
    Name,
    #[error("another emoji has that name already")]
    Taken,
    #[error("pictures are PNG, GIF, JPEG, WebP or SVG")]
    Kind,
    #[error("the picture has {0} bytes, and {MOST_PICTURE_BYTES} are taken")]
    TooLarge(usize),
    #[error("there are {MOST_EMOJI} emoji already")]
    TooMany,
    #[error("all pictures together have more than {MOST_BYTES} bytes")]
    TooMuch,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Emoji {
    name: String,
    media_type: &'static str,
    picture: Bytes,
    etag: String,
}

/// All emoji of a moment, by the names of their files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct EmojiSet {
    by_file: BTreeMap<String, Emoji>,
    /// Files by names in lower case: how a name is typed on a phone is chance.
    by_name: BTreeMap<String, String>,
}

/// One line of `GET /api/emoji` (Owncast).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Listed {
    pub(crate) name: String,
    pub(crate) url: String,
}

impl EmojiSet {
    /// Takes what can be taken, and says by name what cannot and why.
    pub(crate) fn new(declared: Vec<DeclaredEmoji>) -> (Self, Vec<(String, EmojiError)>) {
        let mut set = Self::default();
        let mut refused = Vec::new();
        let mut bytes = 0;
        for emoji in declared {
            let name = emoji.name.clone();
            match set.add(emoji, &mut bytes) {
                Ok(()) => {}
                Err(error) => refused.push((name, error)),
            }
        }
        (set, refused)
    }

    fn add(&mut self, declared: DeclaredEmoji, bytes: &mut usize) -> Result<(), EmojiError> {
        let DeclaredEmoji { name, media_type, picture } = declared;
        let is_name = |name: &str| (1..=MOST_NAME_BYTES).contains(&name.len()) && name.bytes().all(is_name_byte);
        if !is_name(&name) {
            return Err(EmojiError::Name);
        }
        let (media_type, ending) = *KINDS.iter().find(|(kind, _)| *kind == media_type).ok_or(EmojiError::Kind)?;
        if picture.len() > MOST_PICTURE_BYTES {
            return Err(EmojiError::TooLarge(picture.len()));
        }
        let key = name.to_ascii_lowercase();
        if self.by_name.contains_key(&key) {
            return Err(EmojiError::Taken);
        }
        if self.by_file.len() >= MOST_EMOJI {
            return Err(EmojiError::TooMany);
        }
        if *bytes + picture.len() > MOST_BYTES {
            return Err(EmojiError::TooMuch);
        }
        *bytes += picture.len();
        let file = format!("{name}.{ending}");
        let etag = etag(&picture);
        self.by_name.insert(key, file.clone());
        self.by_file.insert(file, Emoji { name, media_type, picture, etag });
        Ok(())
    }

    /// The name as declared and the address of what was typed between colons.
    pub(crate) fn find(&self, name: &str) -> Option<(&str, String)> {
        let file = self.by_name.get(&name.to_ascii_lowercase())?;
        Some((&self.by_file.get(file)?.name, address(file)))
    }

    /// In order of their files.
    pub(crate) fn list(&self) -> Vec<Listed> {
        self.by_file.iter().map(|(file, emoji)| Listed { name: emoji.name.clone(), url: address(file) }).collect()
    }

    /// `GET /img/emoji/<file>`.
    pub(crate) fn respond(&self, file: &str, headers: &HeaderMap) -> Response {
        let Some(emoji) = self.by_file.get(file) else { return StatusCode::NOT_FOUND.into_response() };
        let common = [(ETAG, emoji.etag.as_str()), (CACHE_CONTROL, "no-cache")];
        if is_known(headers, &emoji.etag) {
            return (StatusCode::NOT_MODIFIED, common).into_response();
        }
        let safe: [(HeaderName, &str); 3] = [
            (CONTENT_TYPE, emoji.media_type),
            (X_CONTENT_TYPE_OPTIONS, "nosniff"),
            // An SVG opened on its own must not run anything in the page's name.
            (CONTENT_SECURITY_POLICY, "default-src 'none'; style-src 'unsafe-inline'; sandbox"),
        ];
        (common, safe, emoji.picture.clone()).into_response()
    }
}

/// `+` and the like need no escaping in a path.
fn address(file: &str) -> String {
    format!("{FOLDER}{file}")
}

pub(super) const fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'+' | b'_')
}

fn etag(picture: &[u8]) -> String {
    let mut etag = String::from("\"");
    for byte in Sha256::digest(picture).iter().take(DIGEST_BYTES) {
        let _never_fails = write!(etag, "{byte:02x}");
    }
    etag + "\""
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use axum::http::header::IF_NONE_MATCH;

    use super::*;

    fn emoji(name: &str, media_type: &str, picture: &'static [u8]) -> DeclaredEmoji {
        let (name, media_type) = (name.to_owned(), media_type.to_owned());
        DeclaredEmoji { name, media_type, picture: Bytes::from_static(picture) }
    }

    #[test]
    fn what_cannot_be_offered_is_named_and_the_rest_is_offered() {
        static LARGE: [u8; MOST_PICTURE_BYTES + 1] = [0; MOST_PICTURE_BYTES + 1];
        let (set, refused) = EmojiSet::new(vec![
            emoji("wave", "image/png", b"png"),
            emoji("Wave", "image/gif", b"gif"),
            emoji("+1", "image/svg+xml", b"<svg/>"),
            emoji("", "image/png", b""),
            emoji("a b", "image/png", b""),
            emoji("../x", "image/png", b""),
            emoji("\"><script>", "image/png", b""),
            emoji("page", "text/html", b""),
            emoji("large", "image/png", &LARGE),
        ]);
        let refused: Vec<_> = refused.iter().map(|(name, error)| (name.as_str(), error.clone())).collect();
        assert_eq!(
            refused,
            [
                ("Wave", EmojiError::Taken),
                ("", EmojiError::Name),
                ("a b", EmojiError::Name),
                ("../x", EmojiError::Name),
                ("\"><script>", EmojiError::Name),
                ("page", EmojiError::Kind),
                ("large", EmojiError::TooLarge(MOST_PICTURE_BYTES + 1)),
            ]
        );
        let listed = serde_json::to_value(set.list()).unwrap();
        let expected = serde_json::json!([
            { "name": "+1", "url": "/img/emoji/+1.svg" },
            { "name": "wave", "url": "/img/emoji/wave.png" },
        ]);
        assert_eq!(listed, expected);
        assert_eq!(set.find("WAVE"), Some(("wave", "/img/emoji/wave.png".to_owned())));
        assert_eq!(set.find("hello"), None);
    }

    #[test]
    fn a_set_has_a_bound() {
        static HALF: [u8; MOST_PICTURE_BYTES / 4] = [0; MOST_PICTURE_BYTES / 4];
        let many = |count: usize, picture: &'static [u8]| {
            let named = |number| emoji(&format!("e{number}"), "image/png", picture);
            EmojiSet::new((0..count).map(named).collect())
        };
        let (set, refused) = many(202, b"x");
        assert_eq!((set.list().len(), refused.len(), &refused[0].1), (200, 2, &EmojiError::TooMany));
        let (set, refused) = many(130, &HALF);
        assert_eq!((set.list().len(), refused.len(), &refused[0].1), (128, 2, &EmojiError::TooMuch));
    }

    #[test]
    fn a_picture_is_served_as_what_it_is_and_runs_nothing() {
        let (set, _) = EmojiSet::new(vec![emoji("x", "image/svg+xml", b"<svg onload='alert(1)'/>")]);
        let mut headers = HeaderMap::new();
        let response = set.respond("x.svg", &headers);
        assert_eq!(response.status(), StatusCode::OK);
        for (name, value) in [
            (CONTENT_TYPE, "image/svg+xml"),
            (X_CONTENT_TYPE_OPTIONS, "nosniff"),
            (CONTENT_SECURITY_POLICY, "default-src 'none'; style-src 'unsafe-inline'; sandbox"),
        ] {
            assert_eq!(response.headers()[name], value);
        }
        headers.insert(IF_NONE_MATCH, response.headers()[ETAG].clone());
        assert_eq!(set.respond("x.svg", &headers).status(), StatusCode::NOT_MODIFIED);
        for file in ["x.png", "x", "../x.svg", ""] {
            assert_eq!(set.respond(file, &headers).status(), StatusCode::NOT_FOUND, "{file}");
        }
    }
}
