//! Pages, packed for those who take it: with its style sheet in it a page has 27 kB, of which seven are sent.
//!
//! What is packed here holds nothing secret and nothing of the request: whoever sees only lengths learns nothing from them
//! (BREACH). gzip and not brotli, which browsers do not take over plain HTTP.

use std::io::Write as _;

use axum::http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, VARY};
use axum::http::{HeaderMap, HeaderValue};
use axum::response::{Html, IntoResponse as _, Response};
use flate2::Compression;
use flate2::write::GzEncoder;

use super::assets;

/// An HTML page as the one who `asked` takes it.
pub(super) fn html(text: String, asked: &HeaderMap) -> Response {
    let codings = asked.get(ACCEPT_ENCODING).and_then(|codings| codings.to_str().ok()).unwrap_or_default();
    let packed = assets::accepts("gzip", codings).then(|| gzip(&text)).flatten();
    let mut response = match packed {
        Some(packed) => ([(CONTENT_ENCODING, "gzip")], Html(packed)).into_response(),
        None => Html(text).into_response(),
    };
    response.headers_mut().insert(VARY, HeaderValue::from_static("accept-encoding"));
    response
}

fn gzip(text: &str) -> Option<Vec<u8>> {
    let mut packer = GzEncoder::new(Vec::with_capacity(text.len() / 3), Compression::default());
    packer.write_all(text.as_bytes()).and_then(|()| packer.finish()).ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::io::Read as _;

    use axum::body::to_bytes;
    use flate2::read::GzDecoder;

    use super::*;

    #[tokio::test]
    async fn a_page_is_packed_for_those_who_take_it() {
        let text = "<p>Ships coming and going</p>".repeat(100);
        for (codings, is_packed) in [("gzip, br", true), ("br", false), ("gzip;q=0, *", false), ("", false)] {
            let mut asked = HeaderMap::new();
            asked.insert(ACCEPT_ENCODING, codings.parse().unwrap());
            let response = html(text.clone(), &asked);
            assert_eq!(response.headers().get(CONTENT_ENCODING).is_some(), is_packed, "{codings}");
            assert_eq!(response.headers()[VARY], "accept-encoding");
            let body = to_bytes(response.into_body(), text.len()).await.unwrap();
            let mut read = String::new();
            if is_packed {
                GzDecoder::new(&*body).read_to_string(&mut read).unwrap();
            } else {
                read.push_str(str::from_utf8(&body).unwrap());
            }
            assert_eq!(read, text, "{codings}");
        }
        assert!(gzip(&text).unwrap().len() < text.len() / 10);
    }
}
