//! Owncast's HTTP interface, for the bots, apps, overlays and widgets that people have.
//!
//! Names and shapes are those its clients read (0.1.3 and what came after); docs/owncast-compatibility.md lists every
//! endpoint and where this server differs.

mod about;
mod admin;
mod chat;
mod config;
mod declared;
mod figures;
mod integrations;
pub(super) mod playback;
mod public;
mod reported;
pub(super) mod series;
mod title;
mod tokens;

use axum::Router;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Json, Response};
use axum::routing::{get, post};
use serde_json::json;

use super::Site;
pub(super) use public::playlist_of;
pub(super) use reported::{hear, may_report};

pub(super) fn routes() -> Router<Site> {
    chat::routes()
        .route("/api/status", get(public::status))
        .route("/api/config", get(config::serve))
        .route("/api/video/variants", get(public::variants))
        .route("/api/ping", get(public::ping))
        .route("/api/followers", get(public::followers))
        .route("/api/schedule", get(public::nothing))
        .route("/api/federation/servers", get(public::nothing))
        .merge(reported::routes())
        .route("/api/socialplatforms", get(about::platforms))
        .route("/.well-known/nodeinfo", get(about::well_known))
        .route("/nodeinfo/2.0", get(about::node_info))
        .route("/customjavascript", get(public::custom_javascript))
        .route("/logo/external", get(public::logo))
        .route("/favicon.ico", get(public::logo))
        .route("/api/admin/serverconfig", get(admin::server_config))
        .route("/api/admin/viewersOverTime", get(admin::viewers_over_time))
        .route("/api/admin/hardwarestats", get(figures::hardware))
        .route("/api/admin/metrics/video", get(figures::video))
        .route("/api/admin/logs", get(figures::logs))
        .route("/api/admin/logs/warnings", get(figures::warnings))
        .route("/api/admin/webhooks", get(admin::webhooks))
        .route("/api/admin/prometheus", get(admin::prometheus))
        .route("/api/admin/followers", get(public::no_page))
        .route("/api/admin/followers/pending", get(public::no_list))
        .route("/api/admin/followers/blocked", get(public::no_list))
        .route("/api/admin/federation/actions", get(public::no_page))
        .route("/api/admin/schedule", get(admin::schedule))
        .route("/api/admin/schedule/event", post(declared::refuse_schedule))
        .route("/api/admin/schedule/event/delete", post(declared::refuse_schedule))
        .route("/api/admin/schedule/preview", post(declared::refuse_schedule))
        .route("/api/admin/config/{*path}", post(declared::refuse))
        .route("/api/admin/webhooks/create", post(declared::refuse_webhook))
        .route("/api/admin/webhooks/delete", post(declared::refuse_webhook))
        .route("/api/admin/config/streamtitle", post(title::set))
        .route("/api/admin/streamtitle", post(title::set))
        .route("/api/admin/disconnect", get(admin::disconnect).post(admin::disconnect))
        .route("/api/admin/accesstokens", get(tokens::list))
        .route("/api/admin/accesstokens/create", post(tokens::create))
        .route("/api/admin/accesstokens/delete", post(tokens::delete))
        .merge(integrations::routes())
        .merge(unfederated())
}

fn unfederated() -> Router<Site> {
    let paths = ["/.well-known/webfinger", "/.well-known/x-nodeinfo2", "/api/v1/instance", "/federation/"];
    let router = Router::new().route("/federation/{*path}", get(public::not_federating));
    paths.into_iter().fold(router, |router, path| router.route(path, get(public::not_federating)))
}

/// Where the multivariant playlist is.
pub(super) const PLAYLIST: &str = "/hls/stream.m3u8";

/// What programs that play, and show no page, call themselves; in lowercase.
const PLAYERS: [&str; 4] = ["mpv", "vlc", "player", "applecoremedia"];

/// Whether whoever asks for the page is a program that only plays: somebody gave it the server's address.
pub(super) fn is_player(headers: &HeaderMap) -> bool {
    let agent = headers.get(header::USER_AGENT).and_then(|agent| agent.to_str().ok()).unwrap_or_default();
    let agent = agent.to_ascii_lowercase();
    PLAYERS.iter().any(|player| agent.contains(player))
}

/// Any page may read what every viewer may; none of it is kept, since it changes at any moment.
const OPEN: [(HeaderName, HeaderValue); 2] = [
    (header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*")),
    (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
];

/// Owncast's answer to whoever did something.
fn simple(status: StatusCode, message: &str) -> Response {
    (status, Json(json!({ "success": status.is_success(), "message": message }))).into_response()
}

fn open(body: impl IntoResponse) -> Response {
    let mut response = body.into_response();
    response.headers_mut().extend(OPEN);
    response
}
