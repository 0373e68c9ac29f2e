//! The chat over HTTP, as Owncast's clients know it: to come in, the history, emoji, and the socket.

use std::net::IpAddr;
use std::sync::Arc;

use axum::Extension;
use axum::Router;
use axum::body::Bytes;
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::{DefaultBodyLimit, Path, Query, State};
use axum::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN, CACHE_CONTROL, CONNECTION,
    CONTENT_TYPE, RETRY_AFTER, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, UPGRADE,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Json, Response};
use axum::routing::{get, post};
use hyper::upgrade::{OnUpgrade, Parts};
use hyper_util::rt::TokioIo;
use nixcast_core::chat::ids::MessageId;
use nixcast_core::chat::refusal::Refusal;
use serde::Deserialize;
use serde_json::json;
use tokio::net::TcpStream;
use tokio::sync::OwnedSemaphorePermit;
use tungstenite::handshake::derive_accept_key;

use super::guest::{Guest, Pass};
use super::host::Seat;
use super::socket::Socket;
use super::{Chat, ChatError, Registration, moderation};
use crate::tasks::{self, chain};
use crate::web::{LoginError, Peer, Site};

/// Longest request to come in.
const MOST_BYTES: usize = 4096;

/// Longest deed of a moderator: five hundred messages to hide.
pub(crate) const MOST_DEED_BYTES: usize = 32 * 1024;

/// When whoever found the chat busy may ask again.
const BUSY_SECONDS: u16 = 2;

const JSON: &str = "application/json";

/// What Owncast says instead of letting somebody in, word for word.
const CHAT_DISABLED: &str = "CHAT_DISABLED";
const TOO_MANY: &str = "ERROR_MAX_CONNECTIONS_EXCEEDED";
const NEEDS_REGISTRATION: &str = r#"{"type":"ERROR_NEEDS_REGISTRATION"}"#;
const USER_DISABLED: &str = r#"{"type":"ERROR_USER_DISABLED"}"#;

pub(super) const ANYWHERE: [(HeaderName, &str); 1] = [(ACCESS_CONTROL_ALLOW_ORIGIN, "*")];

pub(crate) fn routes() -> Router<Site> {
    Router::new()
        .route("/ws", get(open))
        .route("/api/chat", get(history).options(preflight))
        .route("/api/chat/register", post(register).options(preflight))
        .route("/api/emoji", get(list_emoji))
        .route("/img/emoji/{file}", get(emoji))
        .layer(DefaultBodyLimit::max(MOST_BYTES))
        .merge(moderation::http::routes().layer(DefaultBodyLimit::max(MOST_DEED_BYTES)))
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Credentials {
    access_token: Option<String>,
    /// The id of the last message that the client has.
    since: Option<String>,
    /// `1` or `true`: reads along without being anybody. A token is not looked at then.
    readonly: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Wish {
    display_name: Option<String>,
}

impl IntoResponse for ChatError {
    fn into_response(self) -> Response {
        let status = match &self {
            Self::Unknown
            | Self::Login(LoginError::Wrong)
            | Self::Refused(Refusal::NetworkBanned | Refusal::Disabled) => StatusCode::UNAUTHORIZED,
            Self::Login(LoginError::TooMany(_)) | Self::Refused(Refusal::AddressFlood | Refusal::Flood { .. }) => {
                StatusCode::TOO_MANY_REQUESTS
            }
            Self::Refused(Refusal::NotModerator | Refusal::Outranked | Refusal::MayNotAppoint) => StatusCode::FORBIDDEN,
            Self::Refused(
                Refusal::NoSuchUser | Refusal::NoSuchMessage | Refusal::NoSuchQuestion | Refusal::NoSuchBan,
            ) => StatusCode::NOT_FOUND,
            Self::Refused(Refusal::Declared { .. }) => StatusCode::CONFLICT,
            Self::Refused(Refusal::Full) | Self::Busy | Self::Store(_) | Self::NoRandomness => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            Self::Refused(_) | Self::Unread(_) => StatusCode::BAD_REQUEST,
        };
        if status == StatusCode::SERVICE_UNAVAILABLE {
            tracing::warn!(error = chain(&self), "the chat has no answer");
        }
        let mut answer = json!({ "success": false, "message": self.to_string() });
        if let Self::Refused(Refusal::Declared { name }) = &self {
            answer["error"] = "declared".into();
            answer["option"] = format!("services.nixcast.chat.moderators.{name}").into();
        }
        let mut response = (status, ANYWHERE, [(CACHE_CONTROL, "no-store")], Json(answer)).into_response();
        if status == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(BUSY_SECONDS));
        }
        if let Self::Login(LoginError::TooMany(wait)) = self {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(wait.as_secs() + 1));
        }
        response
    }
}

pub(crate) async fn preflight() -> Response {
    let headers = [
        (ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
        (ACCESS_CONTROL_ALLOW_METHODS, "GET, POST, OPTIONS"),
        (ACCESS_CONTROL_ALLOW_HEADERS, "Content-Type, Authorization"),
    ];
    (StatusCode::NO_CONTENT, headers).into_response()
}

/// `POST /api/chat/register`. What cannot be read says nothing about a name.
async fn register(
    State(site): State<Site>,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, ChatError> {
    let chat = site.chat();
    if !chat.rules().enable {
        return Err(Refusal::ChatOff.into());
    }
    let wish: Wish = serde_json::from_slice(&body).unwrap_or_default();
    // Anybody can write the header; a trusted proxy writes it for whoever has logged in there.
    let forwarded = headers.get("x-forwarded-user").filter(|_name| site.is_trusted_proxy(peer));
    let forwarded = forwarded.and_then(|name| name.to_str().ok()).map(str::to_owned);
    let name = wish.display_name.filter(|name| !name.is_empty()).or(forwarded);
    let registration = chat.register(name, site.client_address(peer.0, &headers)).await?;
    Ok(registered(&registration))
}

/// What a client has to know of itself.
pub(super) fn registered(Registration { user, token }: &Registration) -> Response {
    let answer = json!({ "id": user.id, "accessToken": **token, "displayName": user.name });
    (ANYWHERE, [(CACHE_CONTROL, "no-store")], Json(answer)).into_response()
}

/// `GET /api/chat?accessToken=…`: with a viewer's token or a program's.
async fn history(
    State(site): State<Site>,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
    Query(credentials): Query<Credentials>,
) -> Result<Response, ChatError> {
    let chat = site.chat();
    let token = credentials.access_token.unwrap_or_default();
    Guest::of(&site, &token, site.client_address(peer.0, &headers)).await?;
    let history = chat.history().await?;
    Ok((ANYWHERE, [(CONTENT_TYPE, JSON), (CACHE_CONTROL, "no-store")], history).into_response())
}

async fn list_emoji(State(site): State<Site>) -> Response {
    (ANYWHERE, [(CACHE_CONTROL, "no-cache")], Json(site.chat().emoji().list())).into_response()
}

async fn emoji(State(site): State<Site>, Path(file): Path<String>, headers: HeaderMap) -> Response {
    site.chat().emoji().respond(&file, &headers)
}

/// What becomes of a client that wants a socket.
enum Entrance {
    /// A program has a pass.
    Seat(Seat, Option<Box<Pass>>),
    /// It is let in to be told this, and sent away.
    Told(&'static str),
    /// It is let in and sent away without a word.
    Silence,
    Answer(Response),
}

/// `GET /ws?accessToken=…&since=…`, or `GET /ws?readonly=1&since=…`. Any origin may: the token says who it is.
async fn open(
    State(site): State<Site>,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
    Query(credentials): Query<Credentials>,
    upgrade: Option<Extension<OnUpgrade>>,
    wish: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Response {
    let chat = site.chat().clone();
    if !chat.rules().enable {
        return CHAT_DISABLED.into_response();
    }
    if let Err(rejection) = wish {
        return rejection.into_response();
    }
    let (Some(Extension(upgrade)), Some(key)) = (upgrade, headers.get(SEC_WEBSOCKET_KEY)) else {
        return StatusCode::UPGRADE_REQUIRED.into_response();
    };
    let Ok(place) = chat.0.places.clone().try_acquire_owned() else { return TOO_MANY.into_response() };
    let address = site.client_address(peer.0, &headers);
    let entrance = match enter(&site, credentials, address).await {
        Entrance::Answer(response) => return response,
        entrance => entrance,
    };
    tasks::spawn("chat-socket", serve(chat, upgrade, entrance, place));
    // RFC 6455, section 4.2.2.
    let accept = derive_accept_key(key.as_bytes());
    let headers = [(CONNECTION, "upgrade"), (UPGRADE, "websocket"), (SEC_WEBSOCKET_ACCEPT, &*accept)];
    (StatusCode::SWITCHING_PROTOCOLS, headers).into_response()
}

async fn serve(chat: Chat, upgrade: OnUpgrade, entrance: Entrance, place: OwnedSemaphorePermit) {
    // Whoever has gone meanwhile leaves the room as well.
    let Ok(upgraded) = upgrade.await else { return };
    let Ok(Parts { io, read_buf, .. }) = upgraded.downcast::<TokioIo<TcpStream>>() else {
        return tracing::error!("a chat socket is no TCP stream");
    };
    // What was read lies in a buffer of 8 KiB: it is let go of when the socket is made.
    let open = move |line| Socket::new(io.into_inner(), &read_buf, line);
    match entrance {
        Entrance::Seat(seat, None) => open(seat.line).talk(chat, seat.presence).await,
        Entrance::Seat(seat, Some(pass)) => {
            // In a box: what viewers' sockets take of memory stays as it is. Both may be dropped: the socket closes.
            Box::pin(async move {
                tokio::select! {
                    () = open(seat.line).talk(chat, seat.presence) => {}
                    () = pass.is_withdrawn() => {}
                }
            })
            .await;
        }
        Entrance::Told(text) => open(Arc::default()).turn_away(text).await,
        Entrance::Silence | Entrance::Answer(_) => open(Arc::default()).leave().await,
    }
    drop(place);
}

async fn enter(site: &Site, credentials: Credentials, address: IpAddr) -> Entrance {
    let Credentials { access_token, since, readonly } = credentials;
    // A page cannot read why a socket is refused, and would try again for ever: it is told on the socket.
    let is_page = since.is_some();
    let since = since.and_then(|since| since.parse().ok());
    let seat = if readonly.is_some_and(|readonly| readonly == "1" || readonly == "true") {
        site.chat().enter(None, address, since).await.map(|seat| (seat, None))
    } else {
        let Some(token) = access_token.filter(|token| !token.is_empty()) else { return Entrance::Silence };
        take_seat(site, token, address, since).await
    };
    match seat {
        Ok((seat, pass)) => Entrance::Seat(seat, pass),
        Err(ChatError::Unknown | ChatError::Refused(Refusal::NoSuchUser)) => Entrance::Told(NEEDS_REGISTRATION),
        Err(ChatError::Refused(refusal)) => match refusal {
            Refusal::Disabled => Entrance::Told(USER_DISABLED),
            Refusal::NetworkBanned if is_page => Entrance::Told(USER_DISABLED),
            Refusal::NetworkBanned => Entrance::Answer(StatusCode::FORBIDDEN.into_response()),
            Refusal::ChatOff => Entrance::Answer(CHAT_DISABLED.into_response()),
            _full => Entrance::Answer(TOO_MANY.into_response()),
        },
        Err(error) => Entrance::Answer(error.into_response()),
    }
}

async fn take_seat(
    site: &Site,
    token: String,
    address: IpAddr,
    since: Option<MessageId>,
) -> Result<(Seat, Option<Box<Pass>>), ChatError> {
    let chat = site.chat();
    let guest = Guest::of(site, &token, address).await?;
    let speaker = guest.speaker(chat, address).await?;
    let seat = chat.enter(speaker, address, since).await?;
    let pass = matches!(guest, Guest::Program(_)).then(|| Box::new(Pass::new(site.clone(), token)));
    Ok((seat, pass))
}
