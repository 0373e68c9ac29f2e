//! Owncast's addresses for whoever moderates with the operator's password. What is done is in the audit log as the
//! operator's.

use axum::Router;
use axum::extract::{Query, State};
use axum::response::{Json, Response};
use axum::routing::{get, post};
use nixcast_core::chat::audit::By;
use nixcast_core::chat::bans::NetworkBan;
use nixcast_core::chat::command::Command;
use nixcast_core::chat::refusal::Refusal;
use nixcast_core::chat::stamp::Stamp;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::super::Site;
use super::super::access::{Operator, unkept};
use crate::chat::ChatError;
use crate::chat::http::MOST_DEED_BYTES;
use crate::chat::moderation::http::{Appointment, Asked, Enabled, OneUser, Visibility, done};
use crate::chat::store::{Search, UsersOf, UsersPage};

/// Messages given to whoever moderates in Owncast's admin page, the newest.
const MESSAGES: u32 = 1_000;

/// Users on a page of the list, unless somebody asks for fewer or more.
const USUAL_USERS: u32 = 50;

pub(super) fn routes() -> Router<Site> {
    Router::new()
        .route("/api/admin/chat/clients", get(clients))
        .route("/api/admin/chat/messages", get(messages))
        .route("/api/admin/chat/messagevisibility", post(set_visibility))
        .route("/api/admin/chat/users/setenabled", post(set_enabled))
        .route("/api/admin/chat/users/setmoderator", post(set_moderator))
        .route("/api/admin/chat/users/disabled", get(disabled))
        .route("/api/admin/chat/users/moderators", get(moderators))
        .route("/api/admin/chat/users/ipbans", get(bans))
        .route("/api/admin/chat/users/ipbans/create", post(ban))
        .route("/api/admin/chat/users/ipbans/remove", post(unban))
        .route("/api/admin/users", get(users))
        .route("/api/admin/users/delete", post(delete))
        .layer(axum::extract::DefaultBodyLimit::max(MOST_DEED_BYTES))
}

fn told(body: impl Serialize) -> Response {
    unkept(Json(body))
}

async fn clients(State(site): State<Site>, _operator: Operator) -> Result<Response, ChatError> {
    Ok(told(site.chat().clients().await?))
}

async fn messages(State(site): State<Site>, _operator: Operator) -> Result<Response, ChatError> {
    Ok(told(site.chat().written(Search { limit: MESSAGES, ..Search::default() }).await?))
}

async fn set_visibility(
    State(site): State<Site>,
    _operator: Operator,
    Asked(wish): Asked<Visibility>,
) -> Result<Response, ChatError> {
    wish.apply(site.chat(), By::Operator).await
}

async fn set_enabled(
    State(site): State<Site>,
    _operator: Operator,
    Asked(wish): Asked<Enabled>,
) -> Result<Response, ChatError> {
    wish.apply(site.chat(), By::Operator).await
}

async fn set_moderator(
    State(site): State<Site>,
    _operator: Operator,
    Asked(wish): Asked<Appointment>,
) -> Result<Response, ChatError> {
    wish.apply(site.chat(), By::Operator).await
}

async fn disabled(State(site): State<Site>, _operator: Operator) -> Result<Response, ChatError> {
    let banned = site.chat().banned_users().await?;
    Ok(told(site.chat().views(banned).await?))
}

async fn moderators(State(site): State<Site>, _operator: Operator) -> Result<Response, ChatError> {
    Ok(told(site.chat().moderators().await?))
}

/// A ban in Owncast's shape.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct IpBan {
    ip_address: String,
    notes: String,
    created_at: Stamp,
}

async fn bans(State(site): State<Site>, _operator: Operator) -> Result<Response, ChatError> {
    let entry = |NetworkBan { network, at_ms, until_ms: _, note }: &NetworkBan| IpBan {
        ip_address: network.clone(),
        notes: note.clone(),
        created_at: Stamp(*at_ms),
    };
    let bans: Vec<_> = site.chat().look(move |room, _now_ms| room.bans().map(entry).collect()).await?;
    Ok(told(bans))
}

/// How Owncast's admin page sends an address. Networks are taken as well.
#[derive(Deserialize)]
struct Address {
    value: String,
}

async fn ban(
    State(site): State<Site>,
    _operator: Operator,
    Asked(Address { value: network }): Asked<Address>,
) -> Result<Response, ChatError> {
    let (by, note) = (By::Operator, String::new());
    site.chat().apply(Command::BanNetwork { by, network, from: None, seconds: None, note }).await?;
    Ok(done("banned"))
}

async fn unban(
    State(site): State<Site>,
    _operator: Operator,
    Asked(Address { value: network }): Asked<Address>,
) -> Result<Response, ChatError> {
    site.chat().apply(Command::UnbanNetwork { by: By::Operator, network }).await?;
    Ok(done("no longer banned"))
}

/// Which page of which users.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Listed {
    search: String,
    /// `banned`, `moderators` or `bots`; anything else: all.
    status: String,
    offset: u32,
    limit: Option<u32>,
}

async fn users(
    State(site): State<Site>,
    _operator: Operator,
    Query(listed): Query<Listed>,
) -> Result<Response, ChatError> {
    let Listed { search, status, offset, limit } = listed;
    let of = match status.as_str() {
        "banned" | "disabled" => Some(UsersOf::Banned),
        "moderators" => Some(UsersOf::Moderators),
        "bots" => Some(UsersOf::Bots),
        _all => None,
    };
    let page = UsersPage { name: search, of, offset, limit: limit.unwrap_or(USUAL_USERS) };
    let (users, total) = site.chat().store().users_page(page).await?;
    Ok(told(json!({ "total": total, "results": site.chat().views(users).await? })))
}

async fn delete(
    State(site): State<Site>,
    _operator: Operator,
    Asked(OneUser { user_id }): Asked<OneUser>,
) -> Result<Response, ChatError> {
    let command = Command::Delete { by: By::Operator, user: user_id.clone() };
    match site.chat().apply_to(&user_id, command).await {
        // Owncast's status for it.
        Err(ChatError::Refused(Refusal::NoSuchUser)) => {
            Err(ChatError::Unread("userId: there is no such user".to_owned()))
        }
        done => done,
    }?;
    Ok(done("deleted"))
}
