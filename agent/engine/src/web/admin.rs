//! `/api/admin/status`: what the operator may know and viewers need not, for whoever logs in.
//!
//! Names that Owncast has too mean what they mean there; nothing in it is a secret, and nothing can be changed by it.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use axum::extract::{Query, State};
use axum::response::{Json, Response};
use nixcast_core::control::{BroadcastFacts, Condition, Listener, Setting, Unsettled, Word};
use nixcast_core::health::{Health, Level};
use serde::{Deserialize, Serialize};

use super::Site;
use super::access::{Operator, unkept};
use super::history;
use super::reports::{Figures, Playback, Spread};
use crate::broadcast::unix_millis;
use crate::logs;
use crate::webhooks::Standing;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct AdminStatus {
    version_number: &'static str,
    uptime_seconds: u64,
    /// Of the settings that were applied last; 0: none yet.
    generation: u64,
    listeners: BTreeMap<Listener, SocketAddr>,
    /// Whether there is something to play.
    online: bool,
    stream_title: String,
    broadcast: Option<BroadcastFacts>,
    /// What Owncast says of the publisher.
    broadcaster: Option<Broadcaster>,
    health: Option<HealthStatus>,
    viewer_count: usize,
    /// The most at once since the broadcast began.
    session_peak_viewer_count: usize,
    conditions: Vec<Condition>,
    webhooks: Vec<WebhookStatus>,
    /// What the agent says of the settings; none until it has.
    settings: Option<SettingsStatus>,
}

/// How what is declared stands to what runs.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SettingsStatus {
    /// Accepted. Another one than `generation` is still being applied.
    generation: u64,
    digest: String,
    /// RFC 3339.
    accepted_at: String,
    /// Why the newest text of the settings is not what runs.
    refusal: Option<String>,
    unsettled: Vec<Unsettled>,
    /// Objects found to run otherwise than declared since the agent started, and of those the ones put right.
    drift_found: u64,
    drift_healed: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Broadcaster {
    /// When the broadcast began, RFC 3339.
    time: String,
    stream_details: StreamDetails,
}

/// Bitrates are measured, in kbit/s, and 0 where there is no such track.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct StreamDetails {
    width: u16,
    height: u16,
    framerate: f64,
    video_bitrate: u32,
    video_codec: String,
    audio_bitrate: u32,
    audio_codec: String,
    encoder: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct HealthStatus {
    /// False while viewers see or hear that something is wrong.
    healthy: bool,
    /// Of the viewers who report, those whose picture has not stood still in the last minute; none while nobody reports.
    #[serde(skip_serializing_if = "Option::is_none")]
    health_percentage: Option<usize>,
    /// What there is to say, worst first; empty while all is well.
    message: String,
    /// How many of the viewers report at all, per cent: those in our page, and those whose players speak CMCD.
    representation: usize,
    /// How far they are behind live; none while nobody says.
    latency_ms: Option<Spread>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct WebhookStatus {
    name: String,
    delivered: u64,
    failed: u64,
    dropped: u64,
    waiting: usize,
    /// Why the last message was not taken.
    last_error: Option<String>,
}

/// `GET /api/admin/status`.
pub(super) async fn status(_operator: Operator, State(site): State<Site>) -> Response {
    unkept(Json(status_of(&site)))
}

/// What the view has already.
#[derive(Deserialize)]
pub(super) struct Known {
    /// Milliseconds since 1970: of the newest look.
    #[serde(default)]
    look: i64,
    /// Of the newest log line.
    #[serde(default)]
    line: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct View {
    /// Milliseconds since 1970.
    now: i64,
    status: AdminStatus,
    looks: Vec<history::Look>,
    lines: Vec<logs::Line>,
}

/// `GET /api/admin/view?look=…&line=…`: the status, and what is new of plots and log.
pub(super) async fn view(_operator: Operator, State(site): State<Site>, Query(known): Query<Known>) -> Response {
    unkept(Json(View {
        now: unix_millis(),
        status: status_of(&site),
        looks: site.history.after(known.look),
        lines: logs::after(known.line),
    }))
}

/// `GET /api/admin/settings`: every option with its value.
pub(super) async fn settings(_operator: Operator, State(site): State<Site>) -> Response {
    #[derive(Serialize)]
    struct Settings<'a> {
        generation: u64,
        settings: &'a [Setting],
    }
    let word = site.applied.borrow().word.clone().unwrap_or_default();
    unkept(Json(Settings { generation: word.generation, settings: &word.settings }))
}

pub(super) fn status_of(site: &Site) -> AdminStatus {
    let facts = site.channel.facts();
    let applied = site.applied.borrow().clone();
    let mut conditions = facts.conditions;
    conditions.extend(site.webhooks.conditions());
    conditions.extend(site.chat().conditions());
    let broadcaster = facts.broadcast.as_ref().map(broadcaster);
    let (figures, viewers) = (site.reports.figures(Instant::now()), site.viewer_count());
    let health = facts.broadcast.as_ref().map(|facts| health(&facts.health, figures, site.representation()));
    AdminStatus {
        version_number: env!("CARGO_PKG_VERSION"),
        uptime_seconds: site.uptime().as_secs(),
        generation: applied.generation,
        listeners: applied.listeners,
        online: site.broadcast().is_some(),
        stream_title: site.title().get(),
        broadcast: facts.broadcast,
        broadcaster,
        health,
        viewer_count: viewers,
        session_peak_viewer_count: site.peak_viewers(),
        conditions,
        webhooks: site.webhooks.standings().into_iter().map(webhook).collect(),
        settings: applied.word.as_deref().map(settings_status),
    }
}

fn settings_status(word: &Word) -> SettingsStatus {
    let Word { generation, digest, accepted_at, refusal, unsettled, drift_found, drift_healed, settings: _ } =
        word.clone();
    SettingsStatus { generation, digest, accepted_at, refusal, unsettled, drift_found, drift_healed }
}

fn broadcaster(facts: &BroadcastFacts) -> Broadcaster {
    let video = facts.source.video.clone().unwrap_or_default();
    let audio = facts.source.audio.clone().unwrap_or_default();
    let codec = |is_there: bool, name: &str| if is_there { name.to_owned() } else { String::new() };
    Broadcaster {
        time: jiff::Timestamp::from_second(facts.started_at).map(|time| time.to_string()).unwrap_or_default(),
        stream_details: StreamDetails {
            width: video.width,
            height: video.height,
            framerate: video.frame_rate.unwrap_or_default(),
            video_bitrate: video.kbps,
            video_codec: codec(facts.source.video.is_some(), "H.264"),
            audio_bitrate: audio.kbps,
            audio_codec: codec(facts.source.audio.is_some(), "AAC"),
            encoder: facts.source.encoder.clone().unwrap_or_default(),
        },
    }
}

fn health(health: &Health, figures: Figures, representation: usize) -> HealthStatus {
    let sentences: Vec<&str> = health.findings.iter().map(|finding| finding.sentence.as_str()).collect();
    let Playback { reporting, smooth } = figures.playback;
    HealthStatus {
        healthy: health.level != Level::Bad,
        health_percentage: percentage(smooth, reporting),
        message: sentences.join("; "),
        representation,
        latency_ms: figures.latency_ms,
    }
}

/// Rounded down; none of nothing.
fn percentage(part: usize, whole: usize) -> Option<usize> {
    (part * 100).checked_div(whole)
}

fn webhook((name, standing): (String, Standing)) -> WebhookStatus {
    let Standing { delivered, failed, dropped, waiting, trouble } = standing;
    WebhookStatus { name, delivered, failed, dropped, waiting, last_error: trouble }
}

impl Site {
    /// How many of the viewers report how playback goes, per cent.
    pub(super) fn representation(&self) -> usize {
        let reporting = self.reports.playback(Instant::now()).reporting;
        // Two pages behind one address count as one viewer, so more may report than watch.
        percentage(reporting, self.viewer_count().max(reporting)).unwrap_or(0)
    }

    /// Since the engine started.
    pub(super) fn uptime(&self) -> Duration {
        self.started.at.elapsed()
    }
}
