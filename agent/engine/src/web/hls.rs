//! `/hls/`: playlists as the window writes them, segments as they were packaged.

use std::time::Instant;

use axum::Extension;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use nixcast_core::hls::Track;

use super::{Peer, Site};
use crate::broadcast::unix_millis;

const PLAYLIST: &str = "application/vnd.apple.mpegurl";
const MULTIVARIANT: &str = "stream.m3u8";

/// A playlist is new with every segment; caches may keep it for the shortest time they can count.
const PLAYLIST_CACHE: &str = "max-age=1";

/// The name of a segment never means anything else.
const SEGMENT_CACHE: &str = "public, max-age=31536000, immutable";

/// Players on other sites may play the stream; there is nothing to log in to.
const ANY_ORIGIN: (HeaderName, HeaderValue) = (header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));

/// `GET /hls/{*path}`.
pub(super) async fn serve(
    State(site): State<Site>,
    Path(path): Path<String>,
    Extension(Peer(peer)): Extension<Peer>,
    method: Method,
    headers: HeaderMap,
) -> Response {
    if path == MULTIVARIANT {
        // Without a live view there is nothing to start with, though players already in may read the end.
        let is_live = site.broadcast().is_some();
        return playlist(if is_live { site.channel.with_presentation(|p| p.multivariant()).flatten() } else { None });
    }
    if let Some(track) = playlist_track(&path) {
        let text = site.channel.with_presentation(|p| p.media_playlist(&track, unix_millis())).flatten();
        if let (Method::GET, Some(text), Some(broadcast)) = (method, &text, site.broadcast()) {
            let agent = headers.get(header::USER_AGENT).map_or(&[][..], HeaderValue::as_bytes);
            site.viewers.saw(&broadcast.id, (site.client_address(peer, &headers), agent), text, Instant::now());
        }
        return playlist(text);
    }
    match site.store.get(&path) {
        Some(data) => answer("video/mp4", SEGMENT_CACHE, data),
        None => missing(),
    }
}

/// The track whose media playlist `path` is.
fn playlist_track(path: &str) -> Option<Track> {
    match path.split('/').collect::<Vec<_>>()[..] {
        ["audio", "stream.m3u8"] => Some(Track::Audio),
        ["video", rung, "stream.m3u8"] => Some(Track::Video(rung.to_owned())),
        _ => None,
    }
}

fn playlist(text: Option<String>) -> Response {
    text.map_or_else(missing, |text| answer(PLAYLIST, PLAYLIST_CACHE, text))
}

/// A cache that keeps this would hide the segment or the broadcast that comes next.
fn missing() -> Response {
    (StatusCode::NOT_FOUND, [(header::CACHE_CONTROL, HeaderValue::from_static("no-store")), ANY_ORIGIN]).into_response()
}

fn answer(media_type: &'static str, cache: &'static str, body: impl IntoResponse) -> Response {
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(media_type)),
        (header::CACHE_CONTROL, HeaderValue::from_static(cache)),
        ANY_ORIGIN,
    ];
    (headers, body).into_response()
}
