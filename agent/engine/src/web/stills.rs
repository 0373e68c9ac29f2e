//! `/thumbnail.jpg` and `/preview.gif`, at Owncast's addresses: what the broadcast looks like, and the logo while there
//! is none.

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, LOCATION, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use super::{Site, assets, page};

/// New ones come every 20 seconds.
const FOR_A_WHILE: HeaderValue = HeaderValue::from_static("public, max-age=20");

pub(super) fn routes() -> Router<Site> {
    Router::new().route("/thumbnail.jpg", get(thumbnail)).route("/preview.gif", get(preview))
}

async fn thumbnail(State(site): State<Site>) -> Response {
    let still = site.channel.stills.borrow().thumbnail.clone();
    still.map_or_else(|| instead(&site), |data| picture("image/jpeg", data))
}

async fn preview(State(site): State<Site>) -> Response {
    let still = site.channel.stills.borrow().preview.clone();
    still.map_or_else(|| instead(&site), |data| picture("image/gif", data))
}

fn picture(content_type: &'static str, data: Bytes) -> Response {
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static(content_type)),
        (CACHE_CONTROL, FOR_A_WHILE),
        (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    ];
    (headers, data).into_response()
}

fn instead(site: &Site) -> Response {
    let mut response = logo(site);
    response.headers_mut().insert(CACHE_CONTROL, FOR_A_WHILE);
    response
}

/// The logo, or the way to the built-in mark.
pub(super) fn logo(site: &Site) -> Response {
    page::declared_logo(site).unwrap_or_else(|| match HeaderValue::from_str(&assets::entry().mark) {
        Ok(mark) => (StatusCode::TEMPORARY_REDIRECT, [(LOCATION, mark)]).into_response(),
        Err(_) => StatusCode::NOT_FOUND.into_response(),
    })
}
