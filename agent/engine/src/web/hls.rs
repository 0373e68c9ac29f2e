//! `/hls/`: playlists as the window writes them, segments and parts as they were packaged.
//!
//! A request may be held back until what it asks for exists (RFC 8216bis sections 6.2.5.2 and 6.2.6). Each wait has a
//! deadline, and there are no more of them than connections.

use std::convert::Infallible;
use std::time::{Duration, Instant};

use axum::Extension;
use axum::body::Body;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use bytes::Bytes;
use futures_util::stream;
use nixcast_core::hls::{Answer, Moment, Reload, Track, parent_of};

use super::{Peer, Site, owncast};
use crate::broadcast::unix_millis;
use crate::store::Found;

const PLAYLIST: &str = "application/vnd.apple.mpegurl";
const MULTIVARIANT: &str = "stream.m3u8";

/// A playlist is new with every part; caches may keep it for the shortest time they can count. That goes for one whose
/// address names the moment it was waited for, too: the next broadcast counts from 1 again under the same address, and
/// a copy kept by a browser would be of the last one.
const PLAYLIST_CACHE: &str = "max-age=1";

/// Target durations that a request waits for its playlist (RFC 8216bis section 6.2.5.2).
const TARGETS_WAITED: u64 = 3;

/// Target durations that a request waits for the part that was said to come next. If the publisher stands still for
/// longer, its segment will not be what was planned.
const TARGETS_WAITED_FOR_A_PART: u64 = 1;

/// The name of a segment or part never means anything else.
const SEGMENT_CACHE: &str = "public, max-age=31536000, immutable";

/// Players on other sites may play the stream; there is nothing to log in to.
const ANY_ORIGIN: (HeaderName, HeaderValue) = (header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));

/// `GET /hls/{*path}`.
pub(super) async fn serve(
    State(site): State<Site>,
    Path(path): Path<String>,
    RawQuery(query): RawQuery,
    Extension(Peer(peer)): Extension<Peer>,
    method: Method,
    headers: HeaderMap,
) -> Response {
    owncast::hear(&site, peer, query.as_deref(), &headers);
    if path == MULTIVARIANT {
        // Without a live view there is nothing to start with, though players already in may read the end.
        let is_live = site.broadcast().is_some();
        let text = if is_live { site.channel.with_presentation(|p| p.multivariant()).flatten() } else { None };
        return text.map_or_else(missing, |text| answer(PLAYLIST, PLAYLIST_CACHE, text));
    }
    let may_wait = method == Method::GET;
    if let Some(track) = playlist_track(&path) {
        let Ok(reload) = Reload::parse(query.as_deref().unwrap_or_default()) else {
            return refused(StatusCode::BAD_REQUEST);
        };
        // Who asks for the head alone is told what there is, and is no viewer.
        let reload = if may_wait { reload } else { Reload { until: None, ..reload } };
        if may_wait && let Some(broadcast) = site.broadcast() {
            let agent = headers.get(header::USER_AGENT).map_or(&[][..], HeaderValue::as_bytes);
            if let Some(target_s) = site.channel.with_presentation(|p| p.target_s(&track)).flatten() {
                site.viewers.saw(&broadcast.id, (site.client_address(peer, &headers), agent), target_s, Instant::now());
            }
        }
        return media_playlist(&site, &track, reload).await;
    }
    if let Some(index) = owncasts_index(&path) {
        return owncast::playlist_of(&site, index).map_or_else(missing, |playlist| elsewhere(&playlist));
    }
    match site.store.get(&path) {
        Found::Pieces(pieces) => media(pieces),
        Found::NotYet if may_wait => coming_part(&site, &path).await,
        Found::NotYet | Found::Nothing => missing(),
    }
}

/// The playlist as asked for, when it is due.
async fn media_playlist(site: &Site, track: &Track, reload: Reload) -> Response {
    let target_s = site.channel.with_presentation(|p| p.target_s(track)).flatten().unwrap_or(0);
    let mut reply = ask(site, track, reload);
    if let Answer::Wait(moment) = reply {
        let within = Duration::from_secs(target_s * TARGETS_WAITED);
        if !site.channel.edges.wait(track, moment, within).await {
            return refused(StatusCode::SERVICE_UNAVAILABLE);
        }
        // It has come, or there is nothing to wait for any more.
        reply = ask(site, track, Reload { until: None, ..reload });
    }
    match reply {
        Answer::Now(text) => answer(PLAYLIST, PLAYLIST_CACHE, text),
        Answer::TooFar => refused(StatusCode::BAD_REQUEST),
        Answer::Wait(_) | Answer::Missing => missing(),
    }
}

fn ask(site: &Site, track: &Track, reload: Reload) -> Answer {
    let answer = site.channel.with_presentation(|p| p.reload(track, reload, unix_millis()));
    answer.unwrap_or(Answer::Missing)
}

/// The part at `path`, once it is there, if a playlist says that it is the next.
async fn coming_part(site: &Site, path: &str) -> Response {
    let Some((track, moment)) = part_moment(path) else { return missing() };
    let hinted = site.channel.with_presentation(|p| p.is_hinted(path).then(|| p.target_s(&track)).flatten());
    let Some(target_s) = hinted.flatten() else { return missing() };
    let within = Duration::from_secs(target_s * TARGETS_WAITED_FOR_A_PART);
    site.channel.edges.wait(&track, moment, within).await;
    match site.store.get(path) {
        Found::Pieces(pieces) => media(pieces),
        Found::NotYet | Found::Nothing => missing(),
    }
}

/// The rung whose part `path` is, and its place in that rung's own playlist.
fn part_moment(path: &str) -> Option<(Track, Moment)> {
    let (segment, part) = parent_of(path)?;
    let (folder, file) = segment.rsplit_once('/')?;
    let track = playlist_track(&format!("{folder}/{MULTIVARIANT}"))?;
    let msn = file.strip_suffix(".m4s")?.rsplit_once('-')?.1.parse().ok()?;
    Some((track, Moment { msn, part: u64::try_from(part).ok() }))
}

/// The track whose media playlist `path` is.
fn playlist_track(path: &str) -> Option<Track> {
    match path.split('/').collect::<Vec<_>>()[..] {
        ["audio", "stream.m3u8"] => Some(Track::Audio),
        ["video", rung, "stream.m3u8"] => Some(Track::Video(rung.to_owned())),
        _ => None,
    }
}

/// The rung whose playlist Owncast has at `path`: "0/stream.m3u8" is the first in its order.
fn owncasts_index(path: &str) -> Option<usize> {
    path.strip_suffix("/stream.m3u8")?.parse().ok()
}

fn elsewhere(playlist: &str) -> Response {
    let mut response = Redirect::temporary(playlist).into_response();
    let headers = [(header::CACHE_CONTROL, HeaderValue::from_static("no-store")), ANY_ORIGIN];
    response.headers_mut().extend(headers);
    response
}

/// A cache that keeps this would hide the segment or the broadcast that comes next.
fn missing() -> Response {
    refused(StatusCode::NOT_FOUND)
}

fn refused(status: StatusCode) -> Response {
    (status, [(header::CACHE_CONTROL, HeaderValue::from_static("no-store")), ANY_ORIGIN]).into_response()
}

/// Media whose name never means anything else, sent piece by piece from where it is kept.
fn media(pieces: Vec<Bytes>) -> Response {
    let length: usize = pieces.iter().map(Bytes::len).sum();
    let body = Body::from_stream(stream::iter(pieces.into_iter().map(Ok::<_, Infallible>)));
    let mut response = answer("video/mp4", SEGMENT_CACHE, body);
    response.headers_mut().insert(header::CONTENT_LENGTH, length.into());
    response
}

fn answer(media_type: &'static str, cache: &'static str, body: impl IntoResponse) -> Response {
    let [media_type, cache] = [media_type, cache].map(HeaderValue::from_static);
    ([(header::CONTENT_TYPE, media_type), (header::CACHE_CONTROL, cache), ANY_ORIGIN], body).into_response()
}
