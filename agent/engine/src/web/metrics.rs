//! `/metrics`: figures for a monitoring system, in Prometheus' text format 0.0.4.
//!
//! Everything is read at the moment it is asked for. The only names in labels are those of declared webhooks and rungs.

pub(super) mod exposition;
mod process;
mod stream;

use std::time::Instant;

use axum::Extension;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use nixcast_core::networks::Networks;

use super::access::Refusal;
use super::reports::{Figures, Spread};
use super::{MOST_PAGES, Peer, Site};
use crate::counts;
use exposition::{Exposition, Kind};
use process::ProcessFigures;

/// `GET /metrics`.
pub(super) async fn serve(
    State(site): State<Site>,
    Extension(Peer(peer)): Extension<Peer>,
    headers: HeaderMap,
) -> Response {
    let declared = site.declared();
    let Some(metrics) = declared.metrics.as_ref().filter(|metrics| metrics.enabled) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let client = site.client_address(peer, &headers);
    if !Networks::new(&metrics.allow_from).contain(client) {
        match site.access.admit(declared.admin.as_ref(), client, &headers).await {
            Ok(()) => {}
            Err(Refusal::Nobody) => {
                let text = format!("{client} is not in services.nixcast.metrics.allowFrom, and nobody can log in\n");
                return (StatusCode::FORBIDDEN, text).into_response();
            }
            Err(refusal) => return refusal.into_response(),
        }
    }
    // Listing open files takes milliseconds when there are thousands.
    let process = tokio::task::spawn_blocking(ProcessFigures::read).await.unwrap_or_default();
    let mut response = text(&site, &process).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(exposition::CONTENT_TYPE));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn text(site: &Site, process: &ProcessFigures) -> String {
    let mut text = Exposition::default();
    engine(site, &mut text);
    broadcast(site, &mut text);
    stream::write(site.channel.facts().broadcast.as_ref(), &mut text);
    web(site, &mut text);
    players(&site.reports.figures(Instant::now()), &mut text);
    webhooks(site, &mut text);
    process.write(&mut text);
    let started = [(&[][..], exact(site.started.unix_ms) / 1000.0)];
    text.family("process_start_time_seconds", Kind::Gauge, "When the engine started, in seconds since 1970.", started);
    text.finish()
}

fn engine(site: &Site, text: &mut Exposition) {
    let version = [("version", env!("CARGO_PKG_VERSION"))];
    text.family(
        "nixcast_build_info",
        Kind::Gauge,
        "Always 1; the label says which build this is.",
        [(&version[..], 1.0)],
    );
    let generation = site.applied.borrow().generation;
    text.gauge(
        "nixcast_settings_generation",
        "Generation of the settings applied last, 0 before the first.",
        generation,
    );
    text.counter("nixcast_settings_applies_total", "Times the agent had settings applied.", counts::APPLIES.get());
    let facts = site.channel.facts();
    text.gauge("nixcast_settings_pending", "Changed objects that wait for a segment boundary.", facts.pending.len());
    let conditions = facts.conditions.len() + site.webhooks.conditions().len();
    text.gauge("nixcast_conditions", "Things that status warns of.", conditions);
}

fn broadcast(site: &Site, text: &mut Exposition) {
    let facts = site.channel.facts().broadcast;
    let is_live = u8::from(site.broadcast().is_some());
    text.gauge("nixcast_broadcast_live", "1 while there is something to play, else 0.", is_live);
    let is_reconnecting = u8::from(facts.as_ref().is_some_and(|facts| facts.reconnecting.is_some()));
    let help = "1 while nothing arrives from the publisher of the running broadcast, else 0.";
    text.gauge("nixcast_broadcast_reconnecting", help, is_reconnecting);
    let help = "Publishers that came back to their broadcast, or took over from a connection of their own.";
    text.counter("nixcast_broadcast_resumes_total", help, counts::RESUMES.get());
    text.counter("nixcast_broadcasts_total", "Broadcasts that went on air.", counts::BROADCASTS.get());
    let started_at = facts.as_ref().map(|facts| (&[][..], exact(facts.started_at)));
    let help = "When the publisher of the running broadcast was admitted, in seconds since 1970.";
    text.family("nixcast_broadcast_start_time_seconds", Kind::Gauge, help, started_at);
    let variants = facts.as_ref().map_or(0, |facts| facts.variants.len());
    text.gauge("nixcast_broadcast_variants", "Variants now published.", variants);
    text.gauge("nixcast_viewers", "Clients that watch the running broadcast.", site.viewer_count());
    text.gauge("nixcast_viewers_peak", "The most viewers at once since the broadcast began.", site.peak_viewers());

    let outcomes = [("admitted", counts::SESSIONS_ADMITTED.get()), ("refused", counts::SESSIONS_REFUSED.get())];
    text.counters("nixcast_publishers_total", "Clients that asked to publish.", "outcome", outcomes);
    text.counter("nixcast_ingest_bytes_total", "Bytes received from publishers.", counts::INGEST_BYTES.get());
    let frames = [("video", counts::INGEST_PICTURES.get()), ("audio", counts::INGEST_SOUND_FRAMES.get())];
    text.counters("nixcast_ingest_frames_total", "Frames received from admitted publishers.", "media", frames);

    let is_encoding = u8::from(facts.is_some_and(|facts| facts.worker_pid.is_some()));
    text.gauge("nixcast_worker_running", "1 while a worker encodes, else 0.", is_encoding);
    text.counter("nixcast_worker_failures_total", "Workers that ended by themselves.", counts::WORKERS_LOST.get());
    let help = "Units not encoded because encoding was slower than the stream.";
    text.counter("nixcast_worker_dropped_units_total", help, counts::UNITS_DROPPED.get());
    text.counter("nixcast_segments_total", "Segments published, of pictures and of sound.", counts::SEGMENTS.get());
    text.counter("nixcast_parts_total", "Parts of segments published, of pictures and of sound.", counts::PARTS.get());
    let (objects, bytes) = site.store.size();
    text.gauge("nixcast_store_objects", "Segments and init sections kept.", objects);
    text.gauge("nixcast_store_bytes", "Memory that segments and init sections take.", bytes);
}

fn web(site: &Site, text: &mut Exposition) {
    text.counters("nixcast_http_responses_total", "HTTP answers by class of status.", "class", counts::answers());
    text.gauge("nixcast_http_connections", "Open HTTP connections.", counts::HTTP_CONNECTIONS.get());
    let pages = MOST_PAGES - site.pages.available_permits();
    text.gauge("nixcast_event_sockets", "Open pages that are told of events.", pages);
    text.counter("nixcast_logins_failed_total", "Logins with a wrong name or password.", counts::LOGINS_FAILED.get());
}

/// As they say themselves: nothing of it is checked.
fn players(figures: &Figures, text: &mut Exposition) {
    let playback = figures.playback;
    text.gauge("nixcast_players_reporting", "Players that say how playback goes.", playback.reporting);
    let help = "Of those, the ones whose picture stood still in the last minute.";
    text.gauge("nixcast_players_troubled", help, playback.troubled());
    for (name, help, spread, unit) in [
        ("nixcast_player_latency_seconds", "What viewers see was made this long ago.", figures.latency_ms, 1000.0),
        ("nixcast_player_download_seconds", "A segment took this long to come.", figures.download_ms, 1000.0),
        (
            "nixcast_player_throughput_bits_per_second",
            "What the connections of viewers would carry.",
            figures.throughput_kbps,
            0.001,
        ),
    ] {
        let samples = spread.map(|Spread { lowest, median, highest }| {
            [("lowest", lowest), ("median", median), ("highest", highest)]
                .map(|(of, value)| ([("of", of)], f64::from(value) / unit))
        });
        text.family(name, Kind::Gauge, help, samples.iter().flatten().map(|(labels, value)| (&labels[..], *value)));
    }
}

fn webhooks(site: &Site, text: &mut Exposition) {
    let standings = site.webhooks.standings();
    let outcomes: Vec<_> = standings
        .iter()
        .flat_map(|(name, standing)| {
            let outcomes =
                [("delivered", standing.delivered), ("failed", standing.failed), ("dropped", standing.dropped)];
            outcomes.map(|(outcome, count)| ([("webhook", name.as_str()), ("outcome", outcome)], exact(count)))
        })
        .collect();
    let outcomes = outcomes.iter().map(|(labels, count)| (&labels[..], *count));
    let help = "Messages that are done with: delivered, given up on after many tries, dropped because too many waited.";
    text.family("nixcast_webhook_messages_total", Kind::Counter, help, outcomes);
    let waiting: Vec<_> =
        standings.iter().map(|(name, standing)| ([("webhook", name.as_str())], exact(standing.waiting))).collect();
    let waiting = waiting.iter().map(|(labels, count)| (&labels[..], *count));
    text.family("nixcast_webhook_waiting", Kind::Gauge, "Messages still to be delivered.", waiting);
}

/// Prometheus knows no other numbers; those here stay below 2^53 for as long as anybody lives.
#[expect(clippy::cast_precision_loss, reason = "see above")]
pub(super) fn exact(number: impl TryInto<i64>) -> f64 {
    number.try_into().map_or(f64::NAN, |number| number as f64)
}
