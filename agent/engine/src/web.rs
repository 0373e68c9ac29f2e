//! The web server: the page, its events, playlists and segments. Reads snapshots; changes nothing.

mod access;
mod admin;
mod assets;
mod events;
mod hls;
mod metrics;
mod shell;
pub(crate) mod view;
mod viewers;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::middleware::map_response;
use axum::response::{IntoResponse, Json, Response};
use axum::routing::get;
use axum::{Extension, Router};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use nixcast_core::networks::{self, Networks};
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use crate::broadcast::{ChannelHandle, unix_millis};
use crate::control::Applied;
use crate::counts;
use crate::declared::{Declared, Watch};
use crate::store::Store;
use crate::tasks;
use crate::webhooks::Webhooks;
use access::Access;
use view::{BroadcastView, PageView};
use viewers::Viewers;

/// HTTP connections served at once. Each costs about 20 KiB of buffers; further clients wait in the kernel.
pub(crate) const MOST_CONNECTIONS: usize = 10_000;

/// Open pages told of events at once, within the connections.
const MOST_PAGES: usize = 8_000;

/// Time for a client to send a whole request head, and to start the next one on a kept connection.
const HEAD_DEADLINE: Duration = Duration::from_secs(15);

/// What handlers read.
#[derive(Clone, Debug)]
pub(crate) struct Site {
    declared: Watch,
    channel: ChannelHandle,
    store: Store,
    pages: Arc<Semaphore>,
    viewers: Viewers,
    webhooks: Webhooks,
    applied: watch::Receiver<Applied>,
    access: Access,
    started: Started,
}

/// When the engine started.
#[derive(Clone, Copy, Debug)]
struct Started {
    at: Instant,
    /// Milliseconds since 1970.
    unix_ms: i64,
}

/// Who is at the other end of a connection: a client, or a proxy that speaks for many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Peer(pub(crate) IpAddr);

impl Site {
    pub(crate) fn new(
        declared: Watch,
        channel: ChannelHandle,
        store: Store,
        webhooks: Webhooks,
        applied: watch::Receiver<Applied>,
    ) -> Self {
        Self {
            declared,
            channel,
            store,
            pages: Arc::new(Semaphore::new(MOST_PAGES)),
            viewers: Viewers::default(),
            webhooks,
            applied,
            access: Access::default(),
            started: Started { at: Instant::now(), unix_ms: unix_millis() },
        }
    }

    /// Takes over an accepted connection for as long as it lasts.
    pub(crate) fn serve(&self, stream: TcpStream, permit: OwnedSemaphorePermit) {
        // A client that is gone already has no address any more, and nothing to be told.
        let Ok(peer) = stream.peer_addr() else { return };
        let service = TowerToHyperService::new(routes(self.clone()).layer(Extension(Peer(peer.ip()))));
        let open = counts::HTTP_CONNECTIONS.enter();
        tasks::spawn("http-connection", async move {
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(HEAD_DEADLINE)
                .serve_connection(TokioIo::new(stream), service)
                .with_upgrades();
            if let Err(error) = connection.await {
                tracing::debug!(error = %error, "HTTP connection ended");
            }
            drop((permit, open));
        });
    }

    /// How many watch the running broadcast; 0 while there is none.
    pub(crate) fn viewer_count(&self) -> usize {
        self.broadcast().map_or(0, |broadcast| self.viewers.count(&broadcast.id, Instant::now()))
    }

    /// The most who watched at once since the running broadcast began; 0 while there is none.
    pub(crate) fn peak_viewers(&self) -> usize {
        self.broadcast().map_or(0, |broadcast| self.viewers.peak(&broadcast.id))
    }

    /// Who asks: `peer`, or whom the trusted proxies name in `X-Forwarded-For`.
    pub(crate) fn client_address(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let trusted = self.declared.borrow().trusted_proxies.as_deref().map(Networks::new).unwrap_or_default();
        let lines: Vec<&str> =
            headers.get_all("x-forwarded-for").iter().map(|line| line.to_str().unwrap_or_default()).collect();
        networks::client_address(peer, lines.iter().flat_map(|line| line.split(',')), &trusted)
    }

    pub(crate) fn webhooks(&self) -> &Webhooks {
        &self.webhooks
    }

    fn declared(&self) -> Arc<Declared> {
        Arc::clone(&self.declared.borrow())
    }

    fn page(&self) -> PageView {
        self.declared.borrow().page.as_ref().map(PageView::from).unwrap_or_default()
    }

    fn broadcast(&self) -> Option<BroadcastView> {
        self.channel.view.borrow().clone()
    }
}

fn routes(site: Site) -> Router {
    Router::new()
        .route("/", get(index))
        .route("/theme.css", get(theme))
        .route("/logo", get(logo))
        .route("/assets/{*path}", get(asset))
        .route("/api/page", get(page))
        .route("/api/events", get(events::open))
        .route("/api/admin/status", get(admin::status))
        .route("/metrics", get(metrics::serve))
        .route("/hls/{*path}", get(hls::serve))
        .fallback(|| async { StatusCode::NOT_FOUND })
        .layer(map_response(count))
        .with_state(site)
}

async fn count(response: Response) -> Response {
    counts::answered(response.status().as_u16());
    response
}

async fn index(State(site): State<Site>) -> Response {
    let view = shell::ShellView { page: site.page(), broadcast: site.broadcast() };
    let mut response = axum::response::Html(shell::shell(&view).into_string()).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    for (name, value) in shell::SECURITY_HEADERS {
        headers.insert(*name, HeaderValue::from_static(value));
    }
    response
}

async fn theme(State(site): State<Site>) -> Response {
    let css = shell::theme_css(&site.page().theme);
    no_cache([(header::CONTENT_TYPE, "text/css; charset=utf-8")], css)
}

async fn logo(State(site): State<Site>) -> Response {
    let declared = site.declared();
    let reference = declared.page.as_ref().and_then(|page| page.logo.as_ref());
    let (Some(reference), Some(data)) = (reference, declared.logo.clone()) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let Ok(media_type) = HeaderValue::from_str(&reference.media_type) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    // An SVG opened on its own must not run anything in the page's name.
    let policy = HeaderValue::from_static("default-src 'none'; style-src 'unsafe-inline'; sandbox");
    let mut response = no_cache([(header::X_CONTENT_TYPE_OPTIONS, "nosniff")], data);
    response.headers_mut().insert(header::CONTENT_TYPE, media_type);
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    response
}

async fn asset(uri: Uri, headers: HeaderMap) -> Response {
    assets::respond(uri.path(), &headers)
}

async fn page(State(site): State<Site>) -> Response {
    let state = serde_json::json!({ "page": site.page(), "broadcast": site.broadcast() });
    no_cache([(header::CONTENT_TYPE, "application/json")], Json(state))
}

fn no_cache(with: [(header::HeaderName, &'static str); 1], body: impl IntoResponse) -> Response {
    let mut response = body.into_response();
    for (name, value) in with {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}
