//! What players report of playback: in requests for the stream, and by themselves.

use std::net::IpAddr;
use std::time::Instant;

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, RawQuery, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::Response;
use axum::routing::{get, post};
use axum::{Extension, Router};
use nixcast_core::cmcd::{MOST_TEXT_BYTES, Report};
use serde::Deserialize;
use serde_json::Value;
use url::form_urlencoded;

use super::super::{Peer, Site};
use super::{open, simple};

/// Longest report by itself, as there.
const MOST_BYTES: usize = 64 * 1024;

/// Reports taken of those that come at once: a player that could not be heard for a minute sends some ten.
const MOST_REPORTS: usize = 100;

/// What a report is split over (CTA-5004, section 2).
static FIELDS: [HeaderName; 4] = [
    HeaderName::from_static("cmcd-object"),
    HeaderName::from_static("cmcd-request"),
    HeaderName::from_static("cmcd-session"),
    HeaderName::from_static("cmcd-status"),
];

/// The answer to pages of other sites that ask whether their player may send what browsers do not let pass by itself
/// (Fetch, "CORS-preflight request"): reports as JSON or in header fields, and ranges.
const ALLOWED: [(HeaderName, HeaderValue); 3] = [
    (header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, HEAD, POST, OPTIONS")),
    (
        header::ACCESS_CONTROL_ALLOW_HEADERS,
        HeaderValue::from_static("content-type, range, cmcd-object, cmcd-request, cmcd-session, cmcd-status"),
    ),
    // Seconds; otherwise browsers ask again every five, and a player fetches four parts in one.
    (header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("7200")),
];

pub(super) fn routes() -> Router<Site> {
    Router::new()
        .route("/api/metrics/playback", post(playback))
        .route("/api/metrics/cmcd", get(in_address).post(posted).options(may_report))
        .layer(DefaultBodyLimit::max(MOST_BYTES))
}

/// Takes what a request of `client` says beside what it asks for: in the address, or in header fields.
pub(in crate::web) fn hear(site: &Site, peer: IpAddr, query: Option<&str>, headers: &HeaderMap) -> bool {
    let Some(report) = reported(query, headers) else { return false };
    hear_all(site, peer, headers, &[report]);
    true
}

fn reported(query: Option<&str>, headers: &HeaderMap) -> Option<Report> {
    // Most requests have neither, and nothing is decoded for them. What cannot be a report is not decoded either.
    let query = query.filter(|query| query.contains("CMCD=") && query.len() <= 3 * MOST_TEXT_BYTES);
    let in_address = query.and_then(|query| {
        form_urlencoded::parse(query.as_bytes()).find_map(|(name, value)| (name == "CMCD").then_some(value))
    });
    let in_fields = FIELDS.iter().flat_map(|name| headers.get_all(name)).filter_map(|value| value.to_str().ok());
    Report::of_texts(in_address.as_deref().into_iter().chain(in_fields))
}

fn hear_all(site: &Site, peer: IpAddr, headers: &HeaderMap, reports: &[Report]) {
    let agent = headers.get(header::USER_AGENT).map_or(&[][..], HeaderValue::as_bytes);
    let client = (site.client_address(peer, headers), agent);
    let now = Instant::now();
    for report in reports {
        site.reports.hear(client, report, now);
    }
}

/// `GET /api/metrics/cmcd?CMCD=…`.
async fn in_address(
    State(site): State<Site>,
    Extension(Peer(peer)): Extension<Peer>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    taken(hear(&site, peer, query.as_deref(), &headers))
}

/// `POST /api/metrics/cmcd`: JSON of one report or a list of them, or lines of text (CTA-5004-A, "Event Mode").
async fn posted(
    State(site): State<Site>,
    Extension(Peer(peer)): Extension<Peer>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let reports = reports_of(&body);
    hear_all(&site, peer, &headers, &reports);
    taken(!reports.is_empty())
}

fn reports_of(body: &[u8]) -> Vec<Report> {
    match serde_json::from_slice(body) {
        Ok(Value::Array(list)) => list.iter().take(MOST_REPORTS).filter_map(Report::of_json).collect(),
        Ok(one) => Report::of_json(&one).into_iter().collect(),
        Err(_) => {
            let lines = str::from_utf8(body).unwrap_or_default().lines();
            lines.take(MOST_REPORTS).filter_map(|line| Report::of_texts([line])).collect()
        }
    }
}

fn taken(is_report: bool) -> Response {
    open(if is_report { StatusCode::OK } else { StatusCode::BAD_REQUEST })
}

/// `OPTIONS /api/metrics/cmcd`, and of playlists and segments.
pub(in crate::web) async fn may_report() -> Response {
    open((StatusCode::NO_CONTENT, ALLOWED))
}

/// What Owncast's older pages report every ten seconds.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Playback {
    /// kbit/s.
    #[serde(default)]
    bandwidth: f64,
    /// Seconds.
    #[serde(default)]
    latency: f64,
    /// Seconds.
    #[serde(default)]
    download_duration: f64,
    /// How often since the last report.
    #[serde(default)]
    errors: f64,
    #[serde(default)]
    quality_variant_changes: f64,
}

/// `POST /api/metrics/playback`, which Owncast deprecates.
async fn playback(
    State(site): State<Site>,
    Extension(Peer(peer)): Extension<Peer>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let Ok(Playback { bandwidth, latency, download_duration, errors, quality_variant_changes }) =
        serde_json::from_slice(&body)
    else {
        return open(simple(StatusCode::BAD_REQUEST, "not a report of playback"));
    };
    let report = Report {
        is_troubled: errors > 0.0,
        has_switched: quality_variant_changes > 0.0,
        ..Report::of_numbers(bandwidth, latency, download_duration)
    };
    hear_all(&site, peer, &headers, &[report]);
    open(StatusCode::OK)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn fields(values: &[(&'static str, &str)]) -> HeaderMap {
        values.iter().map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap())).collect()
    }

    #[test]
    fn requests_say_it_in_the_address_or_in_fields() {
        let in_address = reported(
            Some("_HLS_msn=3&CMCD=br%3D3200%2Cbs%2Cmtp%3D25400%2Csid%3D%226e2f%22&_HLS_part=1"),
            &HeaderMap::new(),
        );
        let in_fields = reported(
            None,
            &fields(&[
                ("cmcd-object", "br=3200"),
                ("cmcd-request", "mtp=25400"),
                ("cmcd-session", "sid=\"6e2f\""),
                ("cmcd-status", "bs"),
            ]),
        );
        assert!(in_address.as_ref().unwrap().is_troubled);
        assert_eq!(in_address, in_fields);
        for nothing in [None, Some(""), Some("_HLS_msn=3"), Some("CMCD="), Some("CMCD=%FF%00"), Some("XCMCD=br%3D1")] {
            assert_eq!(reported(nothing, &HeaderMap::new()), None, "{nothing:?}");
        }
        let long = format!("CMCD=br%3D1%2Ccid%3D%22{}%22", "%41".repeat(2 * MOST_TEXT_BYTES));
        assert_eq!(reported(Some(&long), &HeaderMap::new()), None);
    }

    #[test]
    fn posts_are_one_report_or_many_as_json_or_as_lines() {
        let count = |body: &str| reports_of(body.as_bytes()).len();
        assert_eq!(count(r#"{"v":2,"e":"t","mtp":5100}"#), 1);
        assert_eq!(count(r#"[{"mtp":5100},{},7,{"bs":true}]"#), 2);
        assert_eq!(count("e=t,mtp=5100\ne=ps,sta=w,bs\n\n"), 2);
        assert_eq!(count(&format!("[{}{{}}]", "{\"mtp\":5100},".repeat(MOST_REPORTS * 5))), MOST_REPORTS);
        let nested = "[".repeat(30_000);
        for nothing in ["", "{not json", "{}", "[]", "[{}]", "1", "[[{\"mtp\":1}]]", "\u{fffd}", &nested] {
            assert_eq!(count(nothing), 0, "{nothing:.20}");
        }
        assert_eq!(reports_of(&[0xff, 0xfe]), []);
    }
}
