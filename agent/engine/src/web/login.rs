//! Logging in to the admin view and out of it. Nothing else that the view does is more than reading.
//!
//! Two walls keep other sites from posting in the operator's name: where a request comes from, as the browser says, and
//! a token that only a page of this server can read. The session's cookie is not sent along from other sites at all.

use axum::Extension;
use axum::Router;
use axum::body::to_bytes;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Json, Response};
use axum::routing::{get, post};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq as _;
use url::Url;
use zeroize::Zeroizing;

use super::access::{Credential, LONGEST_SESSION, Refusal, SESSION_COOKIE, cookie, unkept};
use super::{Peer, Site};
use nixcast_core::networks::Networks;

/// Name of the cookie of a page that has not logged in yet: its form's token belongs to it.
const FORM_COOKIE: &str = "nixcast_form";

/// Header in which a page shows its token.
const TOKEN_HEADER: &str = "x-nixcast-token";

/// Most bytes of a name and a password.
const MOST_BYTES: usize = 8 * 1024;

pub(super) fn routes() -> Router<Site> {
    Router::new()
        .route("/admin/session", get(session))
        .route("/admin/login", post(log_in))
        .route("/admin/logout", post(log_out))
}

/// How a page stands.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Standing {
    /// "nobody": no admin is declared. "out", "in".
    state: &'static str,
    /// The declared name, for those who are in.
    user: Option<String>,
    /// For the next POST.
    token: Option<String>,
}

/// `GET /admin/session`: what a page that was just opened has to know.
async fn session(State(site): State<Site>, Extension(peer): Extension<Peer>, headers: HeaderMap) -> Response {
    let Some(grant) = site.declared().admin.clone() else {
        return unkept(Json(Standing { state: "nobody", user: None, token: None }));
    };
    if site.is_in_session(&headers) {
        let token = cookie(&headers, SESSION_COOKIE).and_then(|value| site.access.form_token(value));
        return unkept(Json(Standing { state: "in", user: Some(grant.user), token }));
    }
    let held = cookie(&headers, FORM_COOKIE).map(str::to_owned);
    let Some(value) = held.or_else(random) else { return Refusal::Busy.into_response() };
    let token = site.access.form_token(&value);
    let mut response = unkept(Json(Standing { state: "out", user: None, token }));
    let attributes = site.cookie_attributes(peer, &headers);
    set_cookie(&mut response, &format!("{FORM_COOKIE}={value}; {attributes}"));
    response
}

#[derive(Deserialize)]
struct Login {
    name: String,
    password: String,
}

/// `POST /admin/login` with `{name, password}`. The same answers, and the same wait for those who guess, as HTTP Basic
/// gets, without its challenge.
async fn log_in(State(site): State<Site>, Extension(peer): Extension<Peer>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let headers = parts.headers;
    if let Err(strange) = site.is_own_page(peer, &headers, FORM_COOKIE) {
        return strange.into_response();
    }
    let Ok(body) = to_bytes(body, MOST_BYTES).await else { return StatusCode::PAYLOAD_TOO_LARGE.into_response() };
    let Ok(Login { name, password }) = serde_json::from_slice(&body) else {
        return (StatusCode::BAD_REQUEST, "a name and a password are expected\n").into_response();
    };
    let password = Zeroizing::new(password);
    let Some(grant) = site.declared().admin.clone() else { return Refusal::Nobody.into_response() };
    let Some(credential) = Credential::new(&name, &password) else { return without_challenge(Refusal::Wrong) };
    let client = site.client_address(peer.0, &headers);
    let opened = match site.access.log_in(&grant, client, credential).await {
        Ok(opened) => opened,
        Err(refusal) => return without_challenge(refusal),
    };
    tracing::info!("somebody logged in to the admin view");
    let token = site.access.form_token(&opened.token);
    let mut response = unkept(Json(Standing { state: "in", user: Some(grant.user), token }));
    let attributes = site.cookie_attributes(peer, &headers);
    let seconds = LONGEST_SESSION.as_secs();
    set_cookie(&mut response, &format!("{SESSION_COOKIE}={}; Max-Age={seconds}; {attributes}", *opened.token));
    set_cookie(&mut response, &format!("{FORM_COOKIE}=; Max-Age=0; {attributes}"));
    response
}

/// `POST /admin/logout`.
async fn log_out(State(site): State<Site>, Extension(peer): Extension<Peer>, headers: HeaderMap) -> Response {
    if let Err(strange) = site.is_own_page(peer, &headers, SESSION_COOKIE) {
        return strange.into_response();
    }
    if let Some(token) = cookie(&headers, SESSION_COOKIE) {
        site.access.log_out(token);
    }
    let mut response = unkept(StatusCode::NO_CONTENT);
    let attributes = site.cookie_attributes(peer, &headers);
    set_cookie(&mut response, &format!("{SESSION_COOKIE}=; Max-Age=0; {attributes}"));
    response
}

/// Why a POST was not taken for one of our own page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Strange {
    /// The browser says that another site sent it.
    Elsewhere,
    /// It does not show the token of its cookie.
    Token,
}

impl IntoResponse for Strange {
    fn into_response(self) -> Response {
        let text = match self {
            Self::Elsewhere => "this was sent by another site\n",
            Self::Token => "this page is no longer known: load it again\n",
        };
        unkept((StatusCode::FORBIDDEN, text))
    }
}

impl Site {
    /// Whether a POST comes from a page of this server which was given the cookie `name`.
    fn is_own_page(&self, peer: Peer, headers: &HeaderMap, name: &str) -> Result<(), Strange> {
        let public_url = self.look().view.public_url.clone();
        if !is_same_origin(headers, public_url.as_deref(), self.came_by_https(peer, headers)) {
            return Err(Strange::Elsewhere);
        }
        let expected = cookie(headers, name).and_then(|value| self.access.form_token(value)).ok_or(Strange::Token)?;
        let shown = headers.get(TOKEN_HEADER).map(HeaderValue::as_bytes).unwrap_or_default();
        if shown.ct_eq(expected.as_bytes()).into() { Ok(()) } else { Err(Strange::Token) }
    }

    fn cookie_attributes(&self, peer: Peer, headers: &HeaderMap) -> &'static str {
        match self.came_by_https(peer, headers) {
            true => "HttpOnly; SameSite=Strict; Path=/; Secure",
            false => "HttpOnly; SameSite=Strict; Path=/",
        }
    }

    /// Whether the browser speaks TLS to whoever sends us this: a trusted proxy says so, or the page is at its public
    /// address, which is one with TLS.
    pub(super) fn came_by_https(&self, Peer(peer): Peer, headers: &HeaderMap) -> bool {
        let trusted = self.declared().trusted_proxies.as_deref().map(Networks::new).unwrap_or_default();
        let said = headers.get("x-forwarded-proto").and_then(|said| said.to_str().ok());
        if let Some(said) = said.filter(|_said| trusted.contain(peer)) {
            return said.rsplit(',').next().is_some_and(|last| last.trim().eq_ignore_ascii_case("https"));
        }
        let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
        self.look().view.public_url.as_deref().is_some_and(|public| {
            public.strip_prefix("https://").zip(host).is_some_and(|(public, host)| authority(public) == host)
        })
    }
}

/// The part of an address without its scheme that names the server: all before the first slash.
fn authority(address: &str) -> &str {
    address.split('/').next().unwrap_or_default()
}

/// Whether a browser says that it sends this for a page of ours. `Sec-Fetch-Site` is sent where there is TLS, and on the
/// machine itself; `Origin` with every POST. Who sends neither is no browser, and nobody's session can be misused by it.
fn is_same_origin(headers: &HeaderMap, public_url: Option<&str>, is_https: bool) -> bool {
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or("unreadable"));
    if let Some(site) = text("sec-fetch-site") {
        return site == "same-origin";
    }
    let Some(origin) = text("origin") else { return true };
    let scheme = if is_https { "https" } else { "http" };
    let here = text("host").map(|host| format!("{scheme}://{host}"));
    let public = public_url.and_then(|public| Url::parse(public).ok()).map(|url| url.origin().ascii_serialization());
    [here, public].into_iter().flatten().any(|ours| ours.eq_ignore_ascii_case(origin))
}

/// A page that has a form is told in words; a challenge would open the browser's own window.
fn without_challenge(refusal: Refusal) -> Response {
    let mut response = refusal.into_response();
    response.headers_mut().remove(header::WWW_AUTHENTICATE);
    response
}

fn set_cookie(response: &mut Response, cookie: &str) {
    if let Ok(value) = HeaderValue::from_str(cookie) {
        response.headers_mut().append(header::SET_COOKIE, value);
    }
}

/// None where the machine has no randomness.
fn random() -> Option<String> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).ok()?;
    Some(URL_SAFE_NO_PAD.encode(bytes))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn sent(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    #[test]
    fn only_pages_of_this_server_may_post() {
        let host = ("host", "live.example");
        for (headers, is_https, expected) in [
            (sent(&[host, ("sec-fetch-site", "same-origin")]), true, true),
            (sent(&[host, ("sec-fetch-site", "same-origin"), ("origin", "https://other.example")]), true, true),
            (sent(&[host, ("sec-fetch-site", "same-site"), ("origin", "https://live.example")]), true, false),
            (sent(&[host, ("sec-fetch-site", "cross-site")]), true, false),
            (sent(&[host, ("sec-fetch-site", "none")]), true, false),
            (sent(&[host, ("origin", "http://live.example")]), false, true),
            (sent(&[host, ("origin", "http://live.example")]), true, false),
            (sent(&[host, ("origin", "https://other.example")]), true, false),
            (sent(&[host, ("origin", "null")]), false, false),
            (sent(&[("host", "127.0.0.1:8080"), ("origin", "https://public.example")]), false, true),
            (sent(&[host]), false, true),
        ] {
            assert_eq!(is_same_origin(&headers, Some("https://public.example/x"), is_https), expected, "{headers:?}");
        }
    }
}
