//! What this server is, for programs that collect servers, and reports that players send by themselves.

use std::collections::BTreeMap;

use axum::Extension;
use axum::body::Bytes;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Json, Response};
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::{Peer, Site};
use super::open;

/// Owncast's keys of places elsewhere, and how people write them.
const PLATFORMS: [(&str, &str); 24] = [
    ("bandcamp", "Bandcamp"),
    ("discord", "Discord"),
    ("donate", "Donations"),
    ("facebook", "Facebook"),
    ("follow", "Follow"),
    ("github", "GitHub"),
    ("gitlab", "GitLab"),
    ("instagram", "Instagram"),
    ("keyoxide", "Keyoxide"),
    ("kofi", "Ko-Fi"),
    ("lbry", "LBRY"),
    ("liberapay", "LiberaPay"),
    ("linkedin", "LinkedIn"),
    ("mastodon", "Mastodon"),
    ("odysee", "Odysee"),
    ("patreon", "Patreon"),
    ("paypal", "Paypal"),
    ("snapchat", "Snapchat"),
    ("soundcloud", "Soundcloud"),
    ("spotify", "Spotify"),
    ("tiktok", "TikTok"),
    ("twitch", "Twitch"),
    ("twitter", "Twitter"),
    ("youtube", "YouTube"),
];

/// `GET /api/socialplatforms`. Marks are part of our page's script, so there is no picture to lead to.
pub(super) async fn platforms() -> Response {
    let entry = |(key, platform): (&'static str, &'static str)| (key, json!({ "platform": platform, "icon": "" }));
    open(Json(PLATFORMS.into_iter().map(entry).collect::<BTreeMap<_, _>>()))
}

/// `GET /.well-known/nodeinfo`: where the rest is (NodeInfo, "Discovery").
pub(super) async fn well_known(
    State(site): State<Site>,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
) -> Response {
    let public_url = site.look().view.public_url.clone();
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let scheme = if site.came_by_https(peer, &headers) { "https" } else { "http" };
    let Some(base) = public_url.or_else(|| host.map(|host| format!("{scheme}://{host}"))) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let link = json!({
        "rel": "http://nodeinfo.diaspora.software/ns/schema/2.0",
        "href": format!("{base}/nodeinfo/2.0"),
    });
    open(Json(json!({ "links": [link] })))
}

/// `GET /nodeinfo/2.0`. No protocols: this server federates with nobody.
pub(super) async fn node_info(State(site): State<Site>) -> Response {
    let name = &site.look().view.name;
    open(Json(json!({
        "version": "2.0",
        "software": { "name": "nixcast", "version": env!("CARGO_PKG_VERSION") },
        "protocols": [],
        "services": { "inbound": [], "outbound": [] },
        "openRegistrations": false,
        "usage": { "users": { "total": 1 }, "localPosts": 0 },
        "metadata": { "nodeName": name },
    })))
}

/// A report in an address, as key-value pairs (CTA-5004-B).
#[derive(Deserialize)]
pub(super) struct InAddress {
    #[serde(default, rename = "CMCD")]
    cmcd: String,
}

/// `GET /api/metrics/cmcd?CMCD=…`: taken and not used. Our own page tells more over its socket.
pub(super) async fn reported(Query(InAddress { cmcd }): Query<InAddress>) -> Response {
    taken(!cmcd.trim().is_empty())
}

/// `POST /api/metrics/cmcd`: the same, of one report or a list of them as JSON.
pub(super) async fn report(body: Bytes) -> Response {
    taken(serde_json::from_slice(&body).is_ok_and(|sent| has_report(&sent)))
}

fn has_report(sent: &Value) -> bool {
    match sent {
        Value::Object(keys) => !keys.is_empty(),
        Value::Array(reports) => reports.iter().any(has_report),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

fn taken(is_report: bool) -> Response {
    open(if is_report { StatusCode::OK } else { StatusCode::BAD_REQUEST })
}

/// `OPTIONS /api/metrics/cmcd`: players in other sites' pages ask before they post.
pub(super) async fn may_report() -> Response {
    const ALLOWED: [(HeaderName, HeaderValue); 2] = [
        (header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, POST, OPTIONS")),
        (header::ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static("content-type")),
    ];
    open((StatusCode::NO_CONTENT, ALLOWED))
}
