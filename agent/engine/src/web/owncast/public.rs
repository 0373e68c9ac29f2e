//! What every viewer may read.

use std::cmp::Reverse;

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{Json, Response};
use jiff::Timestamp;
use nixcast_core::control::{Encode, Rung};
use serde::Serialize;

use super::super::access::{Operator, unkept};
use super::super::{Site, custom, page, stills};
use super::open;

/// RFC 3339 in UTC, as Owncast writes its times.
fn time(seconds: i64) -> Option<Timestamp> {
    Timestamp::from_second(seconds).ok()
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    server_time: Timestamp,
    last_connect_time: Option<Timestamp>,
    last_disconnect_time: Option<Timestamp>,
    version_number: &'static str,
    stream_title: String,
    /// Left out where it is 0 or not told.
    #[serde(skip_serializing_if = "Option::is_none")]
    viewer_count: Option<usize>,
    online: bool,
}

/// `GET /api/status`. Online while there is something to play.
pub(super) async fn status(State(site): State<Site>) -> Response {
    open(Json(Status {
        server_time: Timestamp::now(),
        last_connect_time: site.last_began.borrow().and_then(time),
        last_disconnect_time: site.last_live().and_then(time),
        version_number: env!("CARGO_PKG_VERSION"),
        stream_title: site.title().get(),
        viewer_count: site.shown_viewers().filter(|viewers| *viewers > 0),
        online: site.broadcast().is_some(),
    }))
}

#[derive(Debug, PartialEq, Eq, Serialize)]
struct VariantEntry {
    index: usize,
    name: String,
}

/// `GET /api/video/variants`: the rungs on air, or those declared while there is no broadcast.
pub(super) async fn variants(State(site): State<Site>) -> Response {
    open(Json(offered(&site)))
}

fn offered(site: &Site) -> Vec<VariantEntry> {
    let declared = site.declared();
    let on_air = site.broadcast().map(|broadcast| broadcast.variants);
    let is_on_air =
        |rung: &Rung| on_air.as_ref().is_none_or(|variants| variants.iter().any(|variant| variant.name == rung.name));
    ranked(declared.ladder.values().filter(|rung| is_on_air(rung)))
}

/// Where the media playlist is of the rung that Owncast's clients call `index`; none while there is none on air.
pub(in super::super) fn playlist_of(site: &Site, index: usize) -> Option<String> {
    site.broadcast()?;
    let rung = offered(site).into_iter().nth(index)?;
    Some(format!("/hls/video/{}/stream.m3u8", rung.name))
}

/// Pass-through first, then by bitrate, the highest first; Owncast's menu has this order.
fn ranked<'a>(rungs: impl Iterator<Item = &'a Rung>) -> Vec<VariantEntry> {
    let mut rungs: Vec<&Rung> = rungs.collect();
    rungs.sort_by_key(|rung| match rung.encode {
        Encode::Passthrough => (Reverse(u32::MAX), rung.position),
        Encode::Transcode { video_bitrate_kbps, .. } => (Reverse(video_bitrate_kbps), rung.position),
    });
    rungs.iter().enumerate().map(|(index, rung)| VariantEntry { index, name: rung.name.clone() }).collect()
}

/// `GET /api/ping`. Who watches is known here by who fetches playlists.
pub(super) async fn ping() -> Response {
    open(StatusCode::OK)
}

/// A page of a list that is empty here.
#[derive(Default, Serialize)]
struct NoPage {
    total: usize,
    results: [(); 0],
}

/// `GET /api/followers`. This server federates with nobody.
pub(super) async fn followers() -> Response {
    open(Json(NoPage::default()))
}

/// Lists that are empty here.
pub(super) async fn nothing() -> Response {
    open(Json::<[(); 0]>([]))
}

/// Pages of followers, and of what other servers sent, that the operator reads.
pub(super) async fn no_page(_operator: Operator) -> Response {
    unkept(Json(NoPage::default()))
}

/// Lists of followers that the operator reads.
pub(super) async fn no_list(_operator: Operator) -> Response {
    unkept(Json::<[(); 0]>([]))
}

/// What other servers ask for that federate, answered as Owncast does while it does not.
pub(super) async fn not_federating() -> StatusCode {
    StatusCode::METHOD_NOT_ALLOWED
}

/// `GET /customjavascript`: empty where none is declared, as a page that asks for it expects a script.
pub(super) async fn custom_javascript(State(site): State<Site>, headers: HeaderMap) -> Response {
    let look = site.look();
    let script = &look.declared.custom_javascript;
    if script.is_empty() {
        return open(([(CONTENT_TYPE, page::JAVASCRIPT)], ""));
    }
    custom::respond(script, page::JAVASCRIPT, &headers)
}

/// `GET /logo/external` and `/favicon.ico`: the logo, or the built-in mark.
pub(super) async fn logo(State(site): State<Site>) -> Response {
    stills::logo(&site)
}

#[cfg(test)]
mod tests {
    use super::*;
    use nixcast_schema::Preset;

    fn rung(name: &str, position: u16, kbps: Option<u32>) -> Rung {
        let encode = kbps.map_or(Encode::Passthrough, |video_bitrate_kbps| Encode::Transcode {
            width: None,
            height: None,
            framerate: None,
            video_bitrate_kbps,
            preset: Preset::Superfast,
        });
        Rung { name: name.to_owned(), position, audio_bitrate_kbps: 128, encode }
    }

    #[test]
    fn variants_are_numbered_as_owncast_numbers_them() {
        let rungs = [
            rung("low", 0, Some(500)),
            rung("source", 1, None),
            rung("high", 2, Some(4000)),
            rung("also low", 3, Some(500)),
        ];
        let names: Vec<String> = ranked(rungs.iter()).into_iter().map(|entry| entry.name).collect();
        assert_eq!(names, ["source", "high", "low", "also low"]);
        assert_eq!(ranked(rungs.iter())[3], VariantEntry { index: 3, name: "also low".to_owned() });
    }
}
