//! Everything the page is made of that the settings decide: the shell, its colours, its picture, what the operator
//! added, and what machines that read pages are told.

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Json, Redirect, Response};
use axum::routing::get;
use maud::Markup;

use super::access::{Operator, Refusal};
use super::look::Look;
use super::shell::{ChatPage, ChatWish};
use super::{Site, action, assets, custom, owncast, packed, shell};
use crate::broadcast::unix_seconds;

const CSS: &str = "text/css; charset=utf-8";
pub(super) const JAVASCRIPT: &str = "text/javascript; charset=utf-8";
const TEXT: &str = "text/plain; charset=utf-8";

/// The cookie of a browser whose viewer hid the chat; as in `wish.ts`.
const CHAT_HIDDEN: &str = "nixcast-chat=hidden";

/// What search engines may fetch: the page, not the data behind it.
const ROBOTS: &str = "User-agent: *\nDisallow: /api/\nDisallow: /hls/\nDisallow: /action/\nDisallow: /embed/\n\
                      Disallow: /moderate\nDisallow: /stage\nDisallow: /admin\n";
const NO_ROBOTS: &str = "User-agent: *\nDisallow: /\n";

pub(super) fn routes() -> Router<Site> {
    Router::new()
        .route("/", get(index))
        .route("/embed/video", get(embed))
        .route("/embed/chat", get(|| async { Redirect::temporary("/embed/chat/readonly") }))
        .route("/embed/chat/readonly", get(|site, asked| chat_page(site, asked, ChatPage::ReadOnly)))
        .route("/embed/chat/readwrite", get(|site, asked| chat_page(site, asked, ChatPage::ReadWrite)))
        .route("/moderate", get(|site, asked| chat_page(site, asked, ChatPage::Moderate)))
        .route("/stage", get(|site, asked| chat_page(site, asked, ChatPage::Stage)))
        .route("/admin", get(admin))
        .route("/admin/", get(old_admin))
        .route("/admin/{*path}", get(old_admin))
        .route("/custom.css", get(custom_css))
        .route("/custom.js", get(custom_javascript))
        .route("/logo", get(logo))
        .route("/action/{position}", get(frame))
        .route("/action.css", get(|| async { no_cache(CSS, action::STYLE) }))
        .route("/robots.txt", get(robots))
        .route("/assets/{*path}", get(asset))
        .route("/api/page", get(state))
}

async fn index(State(site): State<Site>, headers: HeaderMap) -> Response {
    if owncast::is_player(&headers) {
        return Redirect::temporary(owncast::PLAYLIST).into_response();
    }
    let look = site.look();
    let markup = shell::shell(&site.snapshot(&look), &look.sheet, unix_seconds(), chat_wish(&headers));
    let mut response = page(markup, shell::SECURITY_HEADERS, &look, &headers);
    response.headers_mut().append(header::VARY, HeaderValue::from_static("cookie"));
    response
}

/// What this browser was told to remember, so that a hidden chat does not show up for a moment.
fn chat_wish(headers: &HeaderMap) -> ChatWish {
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|cookies| cookies.to_str().ok());
    let is_hidden = cookies.flat_map(|cookies| cookies.split(';')).any(|cookie| cookie.trim() == CHAT_HIDDEN);
    if is_hidden { ChatWish::Hidden } else { ChatWish::Shown }
}

async fn chat_page(State(site): State<Site>, headers: HeaderMap, which: ChatPage) -> Response {
    let look = site.look();
    let own = match which {
        ChatPage::ReadOnly | ChatPage::ReadWrite => shell::EMBED_HEADERS,
        ChatPage::Moderate | ChatPage::Stage => shell::SECURITY_HEADERS,
    };
    page(shell::chat_page(&site.snapshot(&look), &look.sheet, which), own, &look, &headers)
}

async fn admin(State(site): State<Site>, headers: HeaderMap) -> Response {
    let look = site.look();
    page(shell::admin_page(&site.snapshot(&look), &look.sheet), shell::ADMIN_HEADERS, &look, &headers)
}

/// The addresses of Owncast's admin pages, which people have bookmarked: the view, where they log in if they have not.
async fn old_admin(operator: Result<Operator, Refusal>, State(site): State<Site>, headers: HeaderMap) -> Response {
    let mut response = admin(State(site), headers).await;
    if let Err(refusal) = operator {
        *response.status_mut() = refusal.into_response().status();
    }
    response
}

async fn embed(State(site): State<Site>, headers: HeaderMap) -> Response {
    let look = site.look();
    let markup = shell::embed(&site.snapshot(&look), &look.sheet, unix_seconds());
    page(markup, shell::EMBED_HEADERS, &look, &headers)
}

/// `markup` with `own` headers, as the browser that `asked` takes it.
fn page(markup: Markup, own: &'static [(&'static str, &'static str)], look: &Look, asked: &HeaderMap) -> Response {
    let mut response = packed::html(markup.into_string(), asked);
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    for (name, value) in own {
        headers.insert(*name, HeaderValue::from_static(value));
    }
    let policy = headers.get(header::CONTENT_SECURITY_POLICY).and_then(|policy| policy.to_str().ok());
    if let Some(admitted) = policy.and_then(|policy| HeaderValue::try_from(look.sheet.admitted(policy)).ok()) {
        headers.insert(header::CONTENT_SECURITY_POLICY, admitted);
    }
    response
}

async fn state(State(site): State<Site>) -> Response {
    let look = site.look();
    no_cache("application/json", Json(site.snapshot(&look)))
}

async fn custom_css(State(site): State<Site>, headers: HeaderMap) -> Response {
    custom::respond(&site.look().declared.custom_css, CSS, &headers)
}

async fn custom_javascript(State(site): State<Site>, headers: HeaderMap) -> Response {
    custom::respond(&site.look().declared.custom_javascript, JAVASCRIPT, &headers)
}

async fn frame(State(site): State<Site>, Path(position): Path<String>) -> Response {
    let look = site.look();
    let position = position.parse::<usize>().ok();
    let action = position.and_then(|position| look.declared.external_actions.get(position));
    action.and_then(action::respond).unwrap_or_else(|| StatusCode::NOT_FOUND.into_response())
}

async fn robots(State(site): State<Site>) -> Response {
    no_cache(TEXT, if site.look().view.search_indexing { ROBOTS } else { NO_ROBOTS })
}

async fn logo(State(site): State<Site>) -> Response {
    declared_logo(&site).unwrap_or_else(|| StatusCode::NOT_FOUND.into_response())
}

/// The logo; none where none is declared.
pub(super) fn declared_logo(site: &Site) -> Option<Response> {
    let declared = site.declared();
    let reference = declared.page.as_ref().and_then(|page| page.logo.as_ref())?;
    picture(&reference.media_type, declared.logo.clone()?)
}

fn picture(media_type: &str, data: Bytes) -> Option<Response> {
    let mut response = data.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_str(media_type).ok()?);
    let rest: [(HeaderName, &'static str); 3] = [
        (header::CACHE_CONTROL, "no-cache"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        // An SVG opened on its own must not run anything in the page's name.
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; style-src 'unsafe-inline'; sandbox"),
    ];
    headers.extend(rest.map(|(name, value)| (name, HeaderValue::from_static(value))));
    Some(response)
}

async fn asset(uri: Uri, headers: HeaderMap) -> Response {
    assets::respond(uri.path(), &headers)
}

/// Browsers ask again each time: what they have may have been declared otherwise since.
fn no_cache(content_type: &'static str, body: impl IntoResponse) -> Response {
    let headers = [(header::CONTENT_TYPE, content_type), (header::CACHE_CONTROL, "no-cache")];
    (headers, body).into_response()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn the_chat_is_hidden_for_those_alone_who_hid_it() {
        for (cookies, expected) in [
            (&["nixcast-chat=hidden"][..], ChatWish::Hidden),
            (&["a=b; nixcast-chat=hidden ;c=d"], ChatWish::Hidden),
            (&["a=b", "nixcast-chat=hidden"], ChatWish::Hidden),
            (&["nixcast-chat=shown"], ChatWish::Shown),
            (&["other-nixcast-chat=hidden"], ChatWish::Shown),
            (&[], ChatWish::Shown),
        ] {
            let mut headers = HeaderMap::new();
            for value in cookies {
                headers.append(header::COOKIE, HeaderValue::from_str(value).unwrap());
            }
            assert_eq!(chat_wish(&headers), expected, "{cookies:?}");
        }
    }
}
