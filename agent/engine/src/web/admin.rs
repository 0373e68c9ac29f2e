//! `/api/admin/status`: what the operator may know and viewers need not, for whoever logs in.
//!
//! Names that Owncast has too mean what they mean there; nothing in it is a secret, and nothing can be changed by it.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use axum::Extension;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Json, Response};
use nixcast_core::control::{BroadcastFacts, Condition, Listener};
use serde::Serialize;

use super::{Peer, Site};
use crate::webhooks::Standing;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AdminStatus {
    version_number: &'static str,
    uptime_seconds: u64,
    /// Of the settings that were applied last; 0: none yet.
    generation: u64,
    listeners: BTreeMap<Listener, SocketAddr>,
    /// Whether there is something to play.
    online: bool,
    broadcast: Option<BroadcastFacts>,
    viewer_count: usize,
    /// The most at once since the broadcast began.
    session_peak_viewer_count: usize,
    conditions: Vec<Condition>,
    webhooks: Vec<WebhookStatus>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct WebhookStatus {
    name: String,
    delivered: u64,
    failed: u64,
    dropped: u64,
    waiting: usize,
    /// Why the last message was not taken.
    last_error: Option<String>,
}

/// `GET /api/admin/status`.
pub(super) async fn status(
    State(site): State<Site>,
    Extension(Peer(peer)): Extension<Peer>,
    headers: HeaderMap,
) -> Response {
    let grant = site.declared().admin.clone();
    let client = site.client_address(peer, &headers);
    if let Err(refusal) = site.access.admit(grant.as_ref(), client, &headers).await {
        return refusal.into_response();
    }
    let mut response = Json(status_of(&site)).into_response();
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn status_of(site: &Site) -> AdminStatus {
    let facts = site.channel.facts();
    let applied = site.applied.borrow().clone();
    let mut conditions = facts.conditions;
    conditions.extend(site.webhooks.conditions());
    AdminStatus {
        version_number: env!("CARGO_PKG_VERSION"),
        uptime_seconds: site.uptime().as_secs(),
        generation: applied.generation,
        listeners: applied.listeners,
        online: site.broadcast().is_some(),
        broadcast: facts.broadcast,
        viewer_count: site.viewer_count(),
        session_peak_viewer_count: site.peak_viewers(),
        conditions,
        webhooks: site.webhooks.standings().into_iter().map(webhook).collect(),
    }
}

fn webhook((name, standing): (String, Standing)) -> WebhookStatus {
    let Standing { delivered, failed, dropped, waiting, trouble } = standing;
    WebhookStatus { name, delivered, failed, dropped, waiting, last_error: trouble }
}

impl Site {
    /// Since the engine started.
    pub(super) fn uptime(&self) -> Duration {
        self.started.at.elapsed()
    }
}
