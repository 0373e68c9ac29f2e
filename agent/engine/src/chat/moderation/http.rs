//! Moderation over HTTP: Owncast's addresses for moderators, and ours where Owncast has nothing.
//!
//! Who asks is known by the token in the query, never by a cookie, so that no other page can ask in their name.

use std::net::IpAddr;

use axum::Extension;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request, State};
use axum::http::HeaderMap;
use axum::http::header::CACHE_CONTROL;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Json, Response};
use axum::routing::{MethodRouter, get, post};
use nixcast_core::chat::audit::{AuditAction, AuditEntry, By};
use nixcast_core::chat::command::Command;
use nixcast_core::chat::ids::{MessageId, UserId};
use nixcast_core::chat::refusal::Refusal;
use nixcast_core::chat::stamp::Stamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::json;
use zeroize::Zeroizing;

use crate::chat::http::{ANYWHERE, preflight, registered};
use crate::chat::store::Search;
use crate::chat::{Chat, ChatError};
use crate::web::{LoginError, Peer, Site};

/// Messages of one user beside their details.
const DETAILS: u32 = 100;

/// Rows of a list, unless somebody asks for fewer or more.
const USUAL_ROWS: u32 = 100;
const MOST_ROWS: u32 = 500;

pub(in crate::chat) fn routes() -> Router<Site> {
    let deeds: [(&str, MethodRouter<Site>); 10] = [
        ("/api/chat/moderators/login", post(log_in)),
        ("/api/chat/messagevisibility", post(set_visibility)),
        ("/api/chat/users/setenabled", post(set_enabled)),
        ("/api/chat/users/setmoderator", post(set_moderator)),
        ("/api/chat/users/timeout", post(time_out)),
        ("/api/chat/users/removeall", post(remove_all)),
        ("/api/chat/questions/answer", post(answer)),
        ("/api/chat/bans", post(ban).get(bans)),
        ("/api/chat/bans/remove", post(unban)),
        ("/api/moderation/chat/user/{id}", get(details)),
    ];
    deeds
        .into_iter()
        .fold(Router::new(), |router, (path, deed)| router.route(path, deed.options(preflight)))
        .route("/api/chat/moderation/messages", get(messages))
        .route("/api/chat/moderation/users", get(users))
        .route("/api/chat/moderation/audit", get(audit))
        .route("/api/chat/questions", get(questions))
}

/// A body that is JSON of a shape, whatever it says it is. What does not fit is answered by the field's name.
pub(crate) struct Asked<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequest<Site> for Asked<T> {
    type Rejection = ChatError;

    async fn from_request(request: Request, site: &Site) -> Result<Self, ChatError> {
        let body = Bytes::from_request(request, site).await.map_err(|error| ChatError::Unread(error.body_text()))?;
        let Json(value) = Json::from_bytes(&body).map_err(|error| ChatError::Unread(error.body_text()))?;
        Ok(Self(value))
    }
}

/// Whoever asks with a moderator's token.
pub(super) struct Moderator {
    by: By,
    address: IpAddr,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Token {
    access_token: String,
}

impl FromRequestParts<Site> for Moderator {
    type Rejection = ChatError;

    async fn from_request_parts(parts: &mut Parts, site: &Site) -> Result<Self, ChatError> {
        let (token, address) = who(parts, site).await?;
        Ok(Self { by: site.chat().moderator(&token, address).await?, address })
    }
}

/// Whoever asks with anybody's token, or without one, as whoever reads along.
pub(super) struct Viewer(Option<UserId>);

impl FromRequestParts<Site> for Viewer {
    type Rejection = ChatError;

    async fn from_request_parts(parts: &mut Parts, site: &Site) -> Result<Self, ChatError> {
        let (token, address) = who(parts, site).await?;
        if token.is_empty() {
            site.chat().look(move |room, _now_ms| room.admit(address, None)).await??;
            return Ok(Self(None));
        }
        Ok(Self(Some(site.chat().admit(&token, address).await?.id)))
    }
}

async fn who(parts: &mut Parts, site: &Site) -> Result<(String, IpAddr), ChatError> {
    let Query(token) = Query::<Token>::try_from_uri(&parts.uri).unwrap_or_default();
    let Extension(peer) =
        Extension::<Peer>::from_request_parts(parts, site).await.map_err(|_missing| ChatError::Unknown)?;
    Ok((token.access_token, site.client_address(peer.0, &parts.headers)))
}

/// What could be done and was, as Owncast answers.
pub(crate) fn done(message: impl Into<String>) -> Response {
    told(json!({ "success": true, "message": message.into() }))
}

fn told(body: impl Serialize) -> Response {
    (ANYWHERE, [(CACHE_CONTROL, "no-store")], Json(body)).into_response()
}

#[derive(Deserialize)]
struct LogIn {
    name: String,
    secret: String,
}

/// Gives whoever knows the secret of a declared moderator a token of that moderator.
async fn log_in(
    State(site): State<Site>,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
    Asked(LogIn { name, secret }): Asked<LogIn>,
) -> Result<Response, ChatError> {
    let secret = Zeroizing::new(secret);
    if !site.has_chat_rules() {
        // The store of an engine that has just started takes long to be opened, and nobody's right secret is known yet.
        return Err(ChatError::Busy);
    }
    let secret = site.admit_moderator(site.client_address(peer.0, &headers), &name, &secret)?;
    match site.chat().register_moderator(name, secret).await {
        // The secret changed this very moment.
        Err(ChatError::Refused(Refusal::NotDeclared { .. })) => Err(LoginError::Wrong.into()),
        registration => Ok(registered(&registration?)),
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Visibility {
    id_array: Vec<MessageId>,
    visible: bool,
}

impl Visibility {
    pub(crate) async fn apply(self, chat: &Chat, by: By) -> Result<Response, ChatError> {
        let Self { id_array, visible } = self;
        let count = id_array.len();
        chat.apply(Command::SetVisibility { by, ids: id_array, visible }).await?;
        Ok(done(format!("{count} {}", if visible { "shown" } else { "hidden" })))
    }
}

async fn set_visibility(
    State(site): State<Site>,
    Moderator { by, .. }: Moderator,
    Asked(wish): Asked<Visibility>,
) -> Result<Response, ChatError> {
    wish.apply(site.chat(), by).await
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Enabled {
    user_id: UserId,
    enabled: bool,
}

impl Enabled {
    pub(crate) async fn apply(self, chat: &Chat, by: By) -> Result<Response, ChatError> {
        let Self { user_id, enabled } = self;
        chat.set_enabled(by, user_id, enabled).await?;
        Ok(done(if enabled { "may take part again" } else { "banned" }))
    }
}

async fn set_enabled(
    State(site): State<Site>,
    Moderator { by, .. }: Moderator,
    Asked(wish): Asked<Enabled>,
) -> Result<Response, ChatError> {
    wish.apply(site.chat(), by).await
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Appointment {
    user_id: UserId,
    is_moderator: bool,
}

impl Appointment {
    pub(crate) async fn apply(self, chat: &Chat, by: By) -> Result<Response, ChatError> {
        let Self { user_id, is_moderator } = self;
        chat.set_moderator(by, user_id, is_moderator).await?;
        Ok(done(if is_moderator { "a moderator now" } else { "no longer a moderator" }))
    }
}

async fn set_moderator(
    State(site): State<Site>,
    Moderator { by, .. }: Moderator,
    Asked(wish): Asked<Appointment>,
) -> Result<Response, ChatError> {
    wish.apply(site.chat(), by).await
}

/// `seconds` is cut to a year; 0 ends a time-out.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Pause {
    user_id: UserId,
    seconds: u32,
}

async fn time_out(
    State(site): State<Site>,
    Moderator { by, .. }: Moderator,
    Asked(Pause { user_id, seconds }): Asked<Pause>,
) -> Result<Response, ChatError> {
    let command = Command::TimeOut { by, user: user_id.clone(), seconds };
    site.chat().apply_to(&user_id, command).await?;
    Ok(done(if seconds > 0 { "paused" } else { "no longer paused" }))
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct OneUser {
    pub(crate) user_id: UserId,
}

async fn remove_all(
    State(site): State<Site>,
    Moderator { by, .. }: Moderator,
    Asked(OneUser { user_id }): Asked<OneUser>,
) -> Result<Response, ChatError> {
    let command = Command::RemoveAllOf { by, user: user_id.clone() };
    site.chat().apply_to(&user_id, command).await?;
    Ok(done("all messages of this user are hidden"))
}

#[derive(Debug, Deserialize)]
struct Answered {
    id: MessageId,
    answered: bool,
}

async fn answer(
    State(site): State<Site>,
    Moderator { by, .. }: Moderator,
    Asked(Answered { id, answered }): Asked<Answered>,
) -> Result<Response, ChatError> {
    site.chat().apply(Command::Answer { by, question: id, is_answered: answered }).await?;
    Ok(done(if answered { "answered" } else { "open again" }))
}

/// For good without `seconds`.
#[derive(Debug, Deserialize)]
struct NetworkToBan {
    network: String,
    #[serde(default)]
    reason: String,
    #[serde(default)]
    seconds: Option<u32>,
}

async fn ban(
    State(site): State<Site>,
    Moderator { by, address }: Moderator,
    Asked(NetworkToBan { network, reason, seconds }): Asked<NetworkToBan>,
) -> Result<Response, ChatError> {
    let command = Command::BanNetwork { by, network, from: Some(address), seconds, note: reason };
    site.chat().apply(command).await?;
    Ok(done("banned"))
}

#[derive(Debug, Deserialize)]
struct BannedNetwork {
    network: String,
}

async fn unban(
    State(site): State<Site>,
    Moderator { by, .. }: Moderator,
    Asked(BannedNetwork { network }): Asked<BannedNetwork>,
) -> Result<Response, ChatError> {
    site.chat().apply(Command::UnbanNetwork { by, network }).await?;
    Ok(done("no longer banned"))
}

async fn bans(State(site): State<Site>, _moderator: Moderator) -> Result<Response, ChatError> {
    Ok(told(site.chat().bans().await?))
}

async fn details(
    State(site): State<Site>,
    _moderator: Moderator,
    Path(id): Path<String>,
) -> Result<Response, ChatError> {
    Ok(told(site.chat().details(UserId(id), DETAILS).await?))
}

/// What a list is narrowed by. What is empty narrows nothing.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Narrowed {
    q: String,
    user: String,
    /// The `id` of the last row that is known.
    before: String,
    limit: Option<u32>,
}

impl Narrowed {
    fn limit(&self) -> u32 {
        self.limit.unwrap_or(USUAL_ROWS).min(MOST_ROWS)
    }
}

async fn messages(
    State(site): State<Site>,
    _moderator: Moderator,
    Query(narrowed): Query<Narrowed>,
) -> Result<Response, ChatError> {
    let limit = narrowed.limit();
    let Narrowed { q, user, before, .. } = narrowed;
    let before = match before.as_str() {
        "" => None,
        before => Some(before.parse().map_err(|error| ChatError::Unread(format!("before: {error}")))?),
    };
    let user = (!user.is_empty()).then_some(UserId(user));
    Ok(told(site.chat().written(Search { text: q, user, before, limit }).await?))
}

async fn users(
    State(site): State<Site>,
    _moderator: Moderator,
    Query(narrowed): Query<Narrowed>,
) -> Result<Response, ChatError> {
    let limit = narrowed.limit();
    Ok(told(site.chat().find_people(narrowed.q, limit).await?))
}

/// A line of the audit log.
#[derive(Debug, Serialize)]
struct Deed {
    /// Counts up; for `before`.
    id: i64,
    at: Stamp,
    /// The name of that moment.
    by: String,
    deed: AuditAction,
    /// The user, the network or the first message.
    target: String,
    /// The whole of it as a sentence.
    detail: String,
}

async fn audit(
    State(site): State<Site>,
    _moderator: Moderator,
    Query(narrowed): Query<Narrowed>,
) -> Result<Response, ChatError> {
    let before = match narrowed.before.as_str() {
        "" => None,
        before => Some(before.parse().map_err(|_error| ChatError::Unread("before: it is no number".to_owned()))?),
    };
    let entries = site.chat().store().audit(before, narrowed.limit()).await?;
    let deed = |(id, entry): (i64, AuditEntry)| {
        let AuditEntry { at, by: _, by_name, action, target, text } = entry;
        Deed { id, at, by: by_name, deed: action, target, detail: text }
    };
    Ok(told(entries.into_iter().map(deed).collect::<Vec<_>>()))
}

async fn questions(State(site): State<Site>, Viewer(user): Viewer) -> Result<Response, ChatError> {
    Ok(told(site.chat().questions(user).await?))
}
