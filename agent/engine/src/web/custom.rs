//! The operator's own style sheet and script, as files of this server: the page's policy allows nothing inline.

use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};

use super::assets;

/// Bytes of the digest that make a version: enough to tell a text from the one before it.
const VERSION_BYTES: usize = 4;

/// Tells one text from another: the first 8 hex characters of its SHA-256. None for a text that says nothing.
pub(crate) fn version(text: &str) -> Option<String> {
    let digest = || Sha256::digest(text).iter().take(VERSION_BYTES).map(|byte| format!("{byte:02x}")).collect();
    (!text.trim().is_empty()).then(digest)
}

/// `GET /custom.css` and `/custom.js`: the declared text of this moment, whatever version was asked for.
pub(super) fn respond(text: &str, content_type: &'static str, headers: &HeaderMap) -> Response {
    let Some(version) = version(text) else { return StatusCode::NOT_FOUND.into_response() };
    let etag = format!("\"{version}\"");
    let is_known = assets::is_known(headers, &etag);
    let common = [
        (ETAG, etag),
        (CACHE_CONTROL, "no-cache".to_owned()),
        (CONTENT_TYPE, content_type.to_owned()),
        (X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned()),
    ];
    if is_known {
        return (StatusCode::NOT_MODIFIED, common).into_response();
    }
    (common, text.to_owned()).into_response()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use axum::http::header::IF_NONE_MATCH;

    use super::*;

    #[test]
    fn a_version_changes_with_the_text_and_an_empty_text_has_none() {
        assert_eq!(version("a{}").as_deref(), Some("5f546eb4"));
        assert_ne!(version("a{ }"), version("a{}"));
        assert_eq!((version(""), version(" \n")), (None, None));
    }

    #[test]
    fn the_text_is_sent_once_and_then_asked_about() {
        let mut headers = HeaderMap::new();
        let first = respond("a{}", "text/css; charset=utf-8", &headers);
        assert_eq!(first.status(), StatusCode::OK);
        assert_eq!(first.headers()[CONTENT_TYPE], "text/css; charset=utf-8");
        assert_eq!(first.headers()[X_CONTENT_TYPE_OPTIONS], "nosniff");
        assert_eq!(first.headers()[CACHE_CONTROL], "no-cache");
        headers.insert(IF_NONE_MATCH, first.headers()[ETAG].clone());
        assert_eq!(respond("a{}", "text/css", &headers).status(), StatusCode::NOT_MODIFIED);
        assert_eq!(respond("b{}", "text/css", &headers).status(), StatusCode::OK);
        assert_eq!(respond("", "text/css", &headers).status(), StatusCode::NOT_FOUND);
    }
}
