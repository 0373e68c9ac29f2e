//! What a handler for the operator alone asks for, and how it answers.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, header};
use axum::response::{IntoResponse, Response};

use super::super::{Peer, Site};
use super::Refusal;

/// Name of the cookie that holds a session's token.
pub(in super::super) const SESSION_COOKIE: &str = "nixcast_admin";

/// The operator: whoever brings the declared name and password with HTTP Basic, or reads in a session of the admin
/// view. Everybody else is told why not, and the handler is not called.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct Operator;

impl FromRequestParts<Site> for Operator {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, site: &Site) -> Result<Self, Refusal> {
        if [Method::GET, Method::HEAD].contains(&parts.method) && site.is_in_session(&parts.headers) {
            return Ok(Self);
        }
        // Without a peer there is no connection, and nobody to let in.
        let peer = parts.extensions.get::<Peer>().copied().ok_or(Refusal::Unnamed)?;
        match site.admit(peer, &parts.headers).await {
            Ok(()) => Ok(Self),
            Err(Refusal::Unnamed) if is_script(&parts.headers) => Err(Refusal::LoggedOut),
            Err(refusal) => Err(refusal),
        }
    }
}

impl Site {
    /// Whether the request comes in a session. A name and a password are looked at first, where they came along.
    pub(in super::super) fn is_in_session(&self, headers: &HeaderMap) -> bool {
        let token = (!headers.contains_key(header::AUTHORIZATION)).then(|| cookie(headers, SESSION_COOKIE)).flatten();
        let grant = self.declared().admin.clone();
        grant.zip(token).is_some_and(|(grant, token)| self.access.is_logged_in(&grant, token))
    }
}

/// Whether a page's script asks, and nobody who could be shown a login by the browser (Fetch Metadata, section 2.1).
fn is_script(headers: &HeaderMap) -> bool {
    headers.get("sec-fetch-dest").is_some_and(|destination| destination == "empty")
}

/// The cookie of this name (RFC 6265, section 4.2.1).
pub(in super::super) fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let lines = headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
    let mut pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(key, _)| *key == name).map(|(_, value)| value)
}

/// An answer that nobody may keep.
pub(in super::super) fn unkept(body: impl IntoResponse) -> Response {
    let mut response = body.into_response();
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_cookie_is_found_by_its_whole_name() {
        let mut headers = HeaderMap::new();
        headers.append(header::COOKIE, "x_nixcast_admin=1; theme=dark".parse().unwrap());
        headers.append(header::COOKIE, "nixcast_admin=a=b ;other=2".parse().unwrap());
        assert_eq!(cookie(&headers, SESSION_COOKIE), Some("a=b"));
        assert_eq!(cookie(&headers, "nixcast"), None);
    }
}
