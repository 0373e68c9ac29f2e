//! Access tokens, made and deleted by the operator. A token is in the answer to its making and nowhere else.

use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Json, Response};
use nixcast_core::chat::stamp::Stamp;
use serde::{Deserialize, Serialize};

use super::super::Site;
use super::super::access::{Operator, unkept};
use super::simple;
use crate::chat::store::AccessToken;
use crate::chat::tokens::{Made, TokenError};

/// Owncast's shape of a program that takes part.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Entry<'a> {
    id: String,
    /// The token when it was just made, and its id ever after: what `delete` takes.
    access_token: &'a str,
    display_name: &'a str,
    scopes: &'a [String],
    created_at: Stamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_used_at: Option<Stamp>,
    is_bot: bool,
    #[serde(rename = "type")]
    kind: &'static str,
}

impl<'a> Entry<'a> {
    fn of(access: &'a AccessToken, id: String, access_token: &'a str) -> Self {
        Self {
            id,
            access_token,
            display_name: &access.name,
            scopes: &access.scopes,
            created_at: Stamp(access.created_ms),
            last_used_at: access.used_ms.map(Stamp),
            is_bot: true,
            kind: "API",
        }
    }
}

/// `GET /api/admin/accesstokens`.
pub(super) async fn list(_operator: Operator, State(site): State<Site>) -> Response {
    match site.chat().tokens().await {
        Ok(tokens) => {
            let ids: Vec<String> = tokens.iter().map(AccessToken::id).collect();
            let entries = tokens.iter().zip(&ids).map(|(access, id)| Entry::of(access, id.clone(), id));
            unkept(Json(entries.collect::<Vec<_>>()))
        }
        Err(error) => error.into_response(),
    }
}

#[derive(Deserialize)]
struct Wish {
    name: String,
    scopes: Vec<String>,
}

/// `POST /api/admin/accesstokens/create`.
pub(super) async fn create(_operator: Operator, State(site): State<Site>, body: Bytes) -> Response {
    let Ok(Wish { name, scopes }) = serde_json::from_slice(&body) else {
        return simple(StatusCode::BAD_REQUEST, "A token is asked for as {\"name\": \"...\", \"scopes\": [...]}.");
    };
    match site.chat().make_token(&name, scopes).await {
        Ok(Made { access, token }) => unkept(Json(Entry::of(&access, access.id(), &token))),
        Err(TokenError::Chat(error)) => error.into_response(),
        Err(error) => simple(StatusCode::BAD_REQUEST, &error.to_string()),
    }
}

#[derive(Deserialize)]
struct Which {
    token: String,
}

/// `POST /api/admin/accesstokens/delete`.
pub(super) async fn delete(_operator: Operator, State(site): State<Site>, body: Bytes) -> Response {
    let Ok(Which { token }) = serde_json::from_slice(&body) else {
        return simple(StatusCode::BAD_REQUEST, "A token is named as {\"token\": \"...\"}: itself, or its id.");
    };
    match site.chat().remove_token(&token).await {
        Ok(true) => simple(StatusCode::OK, "deleted token"),
        Ok(false) => simple(StatusCode::NOT_FOUND, "There is no such access token."),
        Err(error) => error.into_response(),
    }
}
