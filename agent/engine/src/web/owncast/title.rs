//! The stream's title, set by whoever knows the operator's password or has a token for it.

use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;

use super::super::Site;
use super::super::access::Operator;
use super::simple;
use crate::title::TitleError;

#[derive(Deserialize)]
struct Wish {
    value: String,
}

/// `POST /api/admin/config/streamtitle`, as Owncast has it, and `POST /api/admin/streamtitle`.
pub(super) async fn set(_operator: Operator, State(site): State<Site>, body: Bytes) -> Response {
    change(&site, &body).await
}

/// `{"value": "…"}`; an empty one takes the title away.
pub(super) async fn change(site: &Site, body: &[u8]) -> Response {
    let Ok(Wish { value }) = serde_json::from_slice(body) else {
        return simple(StatusCode::BAD_REQUEST, "A title is written as {\"value\": \"...\"}.");
    };
    match site.title().set(&value).await {
        Ok(()) => simple(StatusCode::OK, "changed"),
        Err(error @ TitleError::TooLong) => simple(StatusCode::BAD_REQUEST, &error.to_string()),
        Err(error @ TitleError::Unread) => simple(StatusCode::SERVICE_UNAVAILABLE, &error.to_string()),
    }
}
