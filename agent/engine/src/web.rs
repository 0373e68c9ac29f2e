//! The web server: the page, its events, playlists and segments. Reads snapshots; changes nothing.

mod access;
mod action;
mod admin;
mod assets;
mod content;
mod custom;
mod events;
mod hardware;
mod history;
mod hls;
mod last;
mod login;
mod look;
mod metrics;
mod owncast;
mod packed;
mod page;
mod reports;
mod shell;
mod stills;
pub(crate) mod view;
mod viewers;

pub(crate) use access::logins::LoginError;
pub(crate) use assets::is_known;

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::http::{HeaderMap, Method, Request, StatusCode};
use axum::middleware::map_response;
use axum::response::Response;
use axum::routing::get;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use nixcast_core::chat::users::SecretId;
use nixcast_core::networks::{self, Networks};
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::timeout;

use crate::broadcast::{ChannelHandle, unix_millis};
use crate::chat::{self, Chat};
use crate::control::Applied;
use crate::counts;
use crate::declared::{Declared, Moderators, Watch};
use crate::store::Store;
use crate::tasks;
use crate::title::Title;
use crate::webhooks::Webhooks;
use access::logins::Logins;
use access::{Access, Refusal};
use hardware::Hardware;
use history::History;
use look::Look;
use owncast::playback::Minutes;
use owncast::series::Series;
use reports::Reports;
use view::{BroadcastView, Snapshot};
use viewers::Viewers;

/// HTTP connections served at once. Each costs about 20 KiB of buffers; further clients wait in the kernel.
pub(crate) const MOST_CONNECTIONS: usize = 10_000;

/// Open pages told of events at once, within the connections.
const MOST_PAGES: usize = 8_000;

/// Time for a client to send a whole request head, and to start the next one on a kept connection.
const HEAD_DEADLINE: Duration = Duration::from_secs(15);

/// Time to make a page of new settings: some milliseconds, unless its text is long and deeply nested.
const PAGE_DEADLINE: Duration = Duration::from_secs(2);

/// What handlers read.
#[derive(Clone, Debug)]
pub(crate) struct Site {
    declared: Watch,
    channel: ChannelHandle,
    store: Store,
    pages: Arc<Semaphore>,
    reports: Reports,
    viewers: Viewers,
    audience: watch::Receiver<Option<usize>>,
    look: watch::Receiver<Arc<Look>>,
    last_began: watch::Receiver<Option<i64>>,
    series: Series,
    history: History,
    minutes: Minutes,
    hardware: Hardware,
    webhooks: Webhooks,
    applied: watch::Receiver<Applied>,
    access: Access,
    moderator_logins: Logins,
    chat: Chat,
    title: Title,
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
        chat: Chat,
        disk: Option<PathBuf>,
    ) -> Self {
        let viewers = Viewers::default();
        let audience = viewers.follow(channel.view.clone());
        let series = Series::follow(audience.clone());
        let look = look::follow(declared.clone(), chat.follow_rules());
        let last_began = last::began(channel.view.clone());
        let hardware = Hardware::follow(channel.clone(), disk);
        let reports = Reports::default();
        let site = Self {
            declared,
            channel,
            store,
            pages: Arc::new(Semaphore::new(MOST_PAGES)),
            minutes: Minutes::follow(reports.clone()),
            reports,
            viewers,
            audience,
            look,
            last_began,
            series,
            history: History::default(),
            hardware,
            webhooks,
            applied,
            access: Access::default(),
            title: Title::start(chat.clone()),
            moderator_logins: Logins::default(),
            chat,
            started: Started { at: Instant::now(), unix_ms: unix_millis() },
        };
        History::follow(site.clone());
        site
    }

    /// What connections are handed to.
    pub(crate) fn door(&self) -> Door {
        Door(TowerToHyperService::new(routes(self.clone())))
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

    /// Whether what `peer` says of its clients is believed.
    pub(crate) fn is_trusted_proxy(&self, Peer(peer): Peer) -> bool {
        self.declared.borrow().trusted_proxies.as_deref().is_some_and(|trusted| Networks::new(trusted).contain(peer))
    }

    /// Lets the operator pass, and nobody else.
    async fn admit(&self, Peer(peer): Peer, headers: &HeaderMap) -> Result<(), Refusal> {
        let grant = self.declared().admin.clone();
        self.access.admit(grant.as_ref(), self.client_address(peer, headers), headers).await
    }

    pub(crate) fn webhooks(&self) -> &Webhooks {
        &self.webhooks
    }

    /// Lets whoever asks from `client` pass if that is the name and the secret of a declared moderator; gives which secret.
    pub(crate) fn admit_moderator(&self, client: IpAddr, name: &str, secret: &str) -> Result<SecretId, LoginError> {
        let moderators = self.moderators();
        self.moderator_logins.admit(client, || moderators.check(name, secret))
    }

    /// The declared moderators of this moment.
    fn moderators(&self) -> Moderators {
        self.declared.borrow().moderators.clone()
    }

    /// Whether the declared chat is in force: for as long as it is not, nobody is declared to moderate it.
    pub(crate) fn has_chat_rules(&self) -> bool {
        self.declared.borrow().chat.is_some()
    }

    pub(crate) fn chat(&self) -> &Chat {
        &self.chat
    }

    pub(crate) fn title(&self) -> &Title {
        &self.title
    }

    pub(crate) fn declared(&self) -> Arc<Declared> {
        Arc::clone(&self.declared.borrow())
    }

    /// Waits until pages are told what was just declared. A text that takes longer than [`PAGE_DEADLINE`] to be made
    /// into a page is shown when it is, and pending until then.
    pub(crate) async fn settle(&self) {
        if !self.settles_within(PAGE_DEADLINE).await {
            tracing::warn!("the page takes long to be made");
        }
    }

    /// Whether pages are told what was just declared before `limit` has passed.
    pub(crate) async fn settles_within(&self, limit: Duration) -> bool {
        let declared = self.declared();
        let (rules, mut look) = (self.chat.rules(), self.look.clone());
        timeout(limit, look.wait_for(|look| look.shows(&declared, &rules))).await.is_ok()
    }

    /// Whether pages show what is declared.
    pub(crate) fn is_settled(&self) -> bool {
        self.look().shows(&self.declared.borrow(), &self.chat.rules())
    }

    fn look(&self) -> Arc<Look> {
        Arc::clone(&self.look.borrow())
    }

    /// How many watch, as far as pages are told.
    fn shown_viewers(&self) -> Option<usize> {
        let viewers = *self.audience.borrow();
        viewers.filter(|_viewers| self.look().view.show_viewer_count)
    }

    /// What a page starts from that looks like `look`.
    fn snapshot<'a>(&self, look: &'a Look) -> Snapshot<'a> {
        Snapshot {
            page: &look.view,
            title: self.title.get(),
            broadcast: self.broadcast(),
            viewers: self.shown_viewers(),
            last_live: self.last_live(),
        }
    }

    pub(crate) fn last_live(&self) -> Option<i64> {
        *self.channel.last_live.borrow()
    }

    fn broadcast(&self) -> Option<BroadcastView> {
        self.channel.view.borrow().clone()
    }
}

/// Serves connections. Its routes are made once: made for each connection, they left 2 kB more memory taken for each of
/// 5,000 chat clients.
#[derive(Clone, Debug)]
pub(crate) struct Door(TowerToHyperService<Router>);

impl Door {
    /// Takes over an accepted connection for as long as it lasts.
    pub(crate) fn serve(&self, stream: TcpStream, permit: OwnedSemaphorePermit) {
        // A client that is gone already has no address any more, and nothing to be told.
        let Ok(address) = stream.peer_addr() else { return };
        let (routes, peer) = (self.0.clone(), Peer(address.ip()));
        let service = service_fn(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(peer);
            routes.call(request)
        });
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
}

fn routes(site: Site) -> Router {
    page::routes()
        .merge(stills::routes())
        .merge(owncast::routes())
        .merge(chat::routes())
        .merge(login::routes())
        .route("/api/events", get(events::open))
        .route("/api/admin/status", get(admin::status))
        .route("/api/admin/view", get(admin::view))
        .route("/api/admin/settings", get(admin::settings))
        .route("/metrics", get(metrics::serve))
        .route("/hls/{*path}", get(hls::serve).options(owncast::may_report))
        .fallback(|| async { StatusCode::NOT_FOUND })
        .method_not_allowed_fallback(other_method)
        .layer(map_response(count))
        .with_state(site)
}

/// What a method gets that an address does not know. Whoever asks which ones it does know reads `Allow` (RFC 9110,
/// section 9.3.7); no other site is let in by it.
async fn other_method(method: Method) -> StatusCode {
    if method == Method::OPTIONS { StatusCode::NO_CONTENT } else { StatusCode::METHOD_NOT_ALLOWED }
}

async fn count(response: Response) -> Response {
    counts::answered(response.status().as_u16());
    response
}
