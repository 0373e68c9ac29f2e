//! Access tokens, listed, and those made and deleted that are not declared. A token is in the answer to its making and
//! nowhere else.

use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Json, Response};
use nixcast_core::chat::stamp::Stamp;
use serde::{Deserialize, Serialize};

use super::super::Site;
use super::super::access::{Operator, unkept};
use super::declared::declared_by;
use super::simple;
use crate::chat::tokens::{self, Made, Program, Removal, Standing, TokenError};

/// Owncast's shape of a program that takes part.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Entry<'a> {
    id: &'a str,
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
    /// The option that declares it. Not in Owncast, as is the next.
    #[serde(skip_serializing_if = "Option::is_none")]
    option: Option<&'a str>,
    /// The option that declares another token of this name, for as long as which this one lets nobody in.
    #[serde(skip_serializing_if = "Option::is_none")]
    overridden_by: Option<&'a str>,
}

impl<'a> Entry<'a> {
    fn of(program: &'a Program, access_token: &'a str) -> Self {
        let (option, overridden_by) = match &program.standing {
            Standing::Declared { option } => (Some(option.as_str()), None),
            Standing::Made => (None, None),
            Standing::Overridden { option } => (None, Some(option.as_str())),
        };
        Self {
            id: &program.id,
            access_token,
            display_name: &program.name,
            scopes: &program.scopes,
            created_at: Stamp(program.created_ms),
            last_used_at: program.used_ms.map(Stamp),
            is_bot: true,
            kind: "API",
            option,
            overridden_by,
        }
    }
}

/// `GET /api/admin/accesstokens`.
pub(super) async fn list(_operator: Operator, State(site): State<Site>) -> Response {
    match site.chat().programs(&site.declared().access_tokens).await {
        Ok(programs) => {
            let entries: Vec<Entry<'_>> = programs.iter().map(|program| Entry::of(program, &program.id)).collect();
            unkept(Json(entries))
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
    match site.chat().make_token(&name, scopes, &site.declared().access_tokens).await {
        Ok(Made { program, token }) => unkept(Json(Entry::of(&program, &token))),
        Err(TokenError::Declared(name)) => declared_by(tokens::option(&name)),
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
    match site.chat().remove_token(&token, &site.declared().access_tokens).await {
        Ok(Removal::Removed) => simple(StatusCode::OK, "deleted token"),
        Ok(Removal::Unknown) => simple(StatusCode::NOT_FOUND, "There is no such access token."),
        Ok(Removal::Declared { option }) => declared_by(option),
        Err(error) => error.into_response(),
    }
}
