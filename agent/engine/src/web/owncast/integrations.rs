//! What programs with an access token do: talk in the chat, read it, moderate, and name the stream.
//!
//! The token comes as `Authorization: Bearer …` and says what its program may do; whoever has none, or one that may not,
//! is told 401, as in Owncast.

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::header::{ACCESS_CONTROL_ALLOW_ORIGIN, AUTHORIZATION, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::middleware::map_response;
use axum::response::{IntoResponse, Json, Response};
use axum::routing::{MethodRouter, get, post};
use nixcast_core::chat::audit::By;
use nixcast_core::chat::command::{Command, Post};
use nixcast_core::chat::ids::{ConnectionId, MessageId, UserId};
use nixcast_core::chat::refusal::Refusal;
use nixcast_schema::Scope;
use serde::Deserialize;

use super::super::{Site, admin};
use super::{simple, title};
use crate::chat::tokens::Program;
use crate::chat::{ChatError, preflight};

/// Longest request: the longest message in JSON's longest spelling.
const MOST_BYTES: usize = 64 * 1024;

/// Messages of one user that a moderator is shown, newest first.
const MOST_MESSAGES: u32 = 100;

pub(super) fn routes() -> Router<Site> {
    let reads = |handler: MethodRouter<Site>| handler.options(preflight);
    Router::new()
        .route("/api/integrations/chat", reads(get(history)))
        .route("/api/integrations/clients", reads(get(clients)))
        .route("/api/integrations/status", reads(get(status)))
        .route("/api/integrations/moderation/chat/user/{id}", reads(get(user)))
        .route("/api/integrations/chat/system", reads(post(system)))
        .route("/api/integrations/chat/system/client/{id}", reads(post(system_to)))
        .route("/api/integrations/chat/action", reads(post(action)))
        .route("/api/integrations/chat/send", reads(post(send)))
        .route("/api/integrations/chat/user", reads(post(user_message)))
        .route("/api/integrations/chat/messagevisibility", reads(post(visibility)))
        .route("/api/integrations/streamtitle", reads(post(stream_title)))
        .layer(DefaultBodyLimit::max(MOST_BYTES))
        .layer(map_response(for_any_page))
}

async fn for_any_page(mut response: Response) -> Response {
    response.headers_mut().insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    response
}

/// Why a program is not served.
enum Refused {
    /// No token, an unknown one, or one that may not do this.
    Unauthorised,
    Unreadable(&'static str),
    Chat(ChatError),
}

impl From<ChatError> for Refused {
    fn from(error: ChatError) -> Self {
        Self::Chat(error)
    }
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        Self::Chat(refusal.into())
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        match self {
            Self::Unauthorised => simple(StatusCode::UNAUTHORIZED, "invalid access token, or one that may not do this"),
            Self::Unreadable(how) => simple(StatusCode::BAD_REQUEST, how),
            Self::Chat(error) => error.into_response(),
        }
    }
}

type Answer = Result<Response, Refused>;

/// Whose request it is, if its token may do that.
async fn admit(site: &Site, headers: &HeaderMap, scope: Scope) -> Result<Program, Refused> {
    let sent = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()).and_then(|value| value.split_once(' '));
    let token = sent.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer")).map(|(_, token)| token.trim());
    let token = token.filter(|token| !token.is_empty()).ok_or(Refused::Unauthorised)?;
    let declared = site.declared();
    let program = site.chat().program(token, &declared.access_tokens).await?.filter(|program| program.may(scope));
    program.ok_or(Refused::Unauthorised)
}

#[derive(Deserialize)]
struct Said {
    body: String,
}

fn said(body: &[u8]) -> Result<String, Refused> {
    let said: Option<Said> = serde_json::from_slice(body).ok();
    let text = said.map(|said| said.body).filter(|text| !text.trim().is_empty());
    text.ok_or(Refused::Unreadable("A message is written as {\"body\": \"...\"}."))
}

fn sent() -> Response {
    simple(StatusCode::OK, "sent")
}

/// `POST /api/integrations/chat/system`: in the stream's name, to everybody.
async fn system(State(site): State<Site>, headers: HeaderMap, body: Bytes) -> Answer {
    admit(&site, &headers, Scope::CanSendSystemMessages).await?;
    say_as_system(&site, &body, None).await
}

/// `POST /api/integrations/chat/system/client/{id}`: to one connection.
async fn system_to(State(site): State<Site>, Path(id): Path<String>, headers: HeaderMap, body: Bytes) -> Answer {
    admit(&site, &headers, Scope::CanSendSystemMessages).await?;
    let id = id.parse().map_err(|_error| Refused::Unreadable("A client's id is a number."))?;
    say_as_system(&site, &body, Some(ConnectionId(id))).await
}

async fn say_as_system(site: &Site, body: &[u8], to: Option<ConnectionId>) -> Answer {
    let text = spoken(site, body)?;
    let (author, body) = (site.look().view.name.clone(), site.chat().render_program(&text));
    site.chat().apply(Command::System { author, body, to }).await?;
    Ok(sent())
}

/// `POST /api/integrations/chat/action`: something that happened.
async fn action(State(site): State<Site>, headers: HeaderMap, body: Bytes) -> Answer {
    admit(&site, &headers, Scope::CanSendSystemMessages).await?;
    let body = site.chat().render_program(&spoken(&site, &body)?);
    site.chat().apply(Command::Action { body }).await?;
    Ok(sent())
}

/// `POST /api/integrations/chat/send`: as the program's own user.
async fn send(State(site): State<Site>, headers: HeaderMap, body: Bytes) -> Answer {
    let program = admit(&site, &headers, Scope::CanSendMessages).await?;
    let raw = spoken(&site, &body)?;
    let user = site.chat().bot(&program).await?.id;
    let body = site.chat().render_program(&raw);
    site.chat().apply(Command::SayAs { user, post: Post { raw, body, ..Post::default() } }).await?;
    Ok(sent())
}

/// What a program wants to say, if that is short enough to be made into HTML.
fn spoken(site: &Site, body: &[u8]) -> Result<String, Refused> {
    let rules = site.chat().rules();
    if !rules.enable {
        return Err(Refusal::ChatOff.into());
    }
    let text = said(body)?;
    let limit = usize::try_from(rules.max_message_bytes).unwrap_or(usize::MAX);
    if text.len() > limit { Err(Refusal::TooLong { bytes: text.len(), limit }.into()) } else { Ok(text) }
}

/// `POST /api/integrations/chat/user`: Owncast took it away.
async fn user_message(State(site): State<Site>, headers: HeaderMap) -> Answer {
    admit(&site, &headers, Scope::CanSendMessages).await?;
    Err(Refused::Unreadable("Nobody speaks in another's name any more: use /api/integrations/chat/send."))
}

/// `GET /api/integrations/chat`: what a newcomer is shown.
async fn history(State(site): State<Site>, headers: HeaderMap) -> Answer {
    admit(&site, &headers, Scope::HasAdminAccess).await?;
    Ok(([(CONTENT_TYPE, "application/json")], site.chat().history().await?).into_response())
}

/// `GET /api/integrations/clients`.
async fn clients(State(site): State<Site>, headers: HeaderMap) -> Answer {
    admit(&site, &headers, Scope::HasAdminAccess).await?;
    Ok(Json(site.chat().clients().await?).into_response())
}

/// `GET /api/integrations/moderation/chat/user/{id}`.
async fn user(State(site): State<Site>, Path(id): Path<String>, headers: HeaderMap) -> Answer {
    admit(&site, &headers, Scope::HasAdminAccess).await?;
    Ok(Json(site.chat().details(UserId(id), MOST_MESSAGES).await?).into_response())
}

/// `GET /api/integrations/status`: what the operator is told.
async fn status(State(site): State<Site>, headers: HeaderMap) -> Answer {
    admit(&site, &headers, Scope::HasAdminAccess).await?;
    Ok(Json(admin::status_of(&site)).into_response())
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Visibility {
    id_array: Vec<MessageId>,
    visible: bool,
}

/// `POST /api/integrations/chat/messagevisibility`.
async fn visibility(State(site): State<Site>, headers: HeaderMap, body: Bytes) -> Answer {
    let program = admit(&site, &headers, Scope::HasAdminAccess).await?;
    let Ok(Visibility { id_array: ids, visible }) = serde_json::from_slice(&body) else {
        return Err(Refused::Unreadable("Messages are named as {\"idArray\": [...], \"visible\": true}."));
    };
    site.chat().apply(Command::SetVisibility { by: By::Token(program.name), ids, visible }).await?;
    Ok(simple(StatusCode::OK, "changed"))
}

/// `POST /api/integrations/streamtitle`.
async fn stream_title(State(site): State<Site>, headers: HeaderMap, body: Bytes) -> Answer {
    admit(&site, &headers, Scope::HasAdminAccess).await?;
    Ok(title::change(&site, &body).await)
}
