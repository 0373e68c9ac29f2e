//! What this server is, for programs that collect servers.

use std::collections::BTreeMap;

use axum::Extension;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Json, Response};
use serde_json::json;

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
