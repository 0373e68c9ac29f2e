//! What Owncast's admin page plots and lists beside the settings: the machine, playback, the log.

use std::time::Instant;

use axum::extract::State;
use axum::response::{Json, Response};
use jiff::Timestamp;
use nixcast_core::control::Encode;
use serde::Serialize;

use super::super::Site;
use super::super::access::{Operator, unkept};
use super::playback::Told;
use crate::broadcast::unix_millis;
use crate::logs::{self, Line};

/// A line as Owncast's clients read it; the newest last, as there.
#[derive(Serialize)]
struct Entry {
    time: Timestamp,
    message: String,
    level: &'static str,
}

/// `GET /api/admin/logs`: what the engine said.
pub(super) async fn logs(_operator: Operator) -> Response {
    unkept(Json(logs::after(0).into_iter().map(entry).collect::<Vec<_>>()))
}

/// `GET /api/admin/logs/warnings`.
pub(super) async fn warnings(_operator: Operator) -> Response {
    unkept(Json(logs::warnings().into_iter().map(entry).collect::<Vec<_>>()))
}

fn entry(Line { number: _, time, level, message }: Line) -> Entry {
    Entry { time, message, level }
}

/// `GET /api/admin/hardwarestats`.
pub(super) async fn hardware(_operator: Operator, State(site): State<Site>) -> Response {
    unkept(Json(site.hardware.told()))
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Video {
    #[serde(flatten)]
    playback: Told,
    /// Of the declared rungs that are encoded, and as measured of the others, in kbit/s.
    available_bitrates: Vec<u32>,
    /// Whole seconds.
    segment_length: u32,
    /// How many of the viewers report at all, per cent.
    representation: usize,
}

/// `GET /api/admin/metrics/video`.
pub(super) async fn video(_operator: Operator, State(site): State<Site>) -> Response {
    let declared = site.declared();
    let rungs = site.channel.facts().broadcast.map(|facts| facts.rungs).unwrap_or_default();
    let measured = |name: &str| rungs.iter().find(|rung| rung.name == name).map_or(0, |rung| rung.kbps);
    let available_bitrates = declared.ladder.values().map(|rung| match rung.encode {
        Encode::Transcode { video_bitrate_kbps, .. } => video_bitrate_kbps,
        Encode::Passthrough => measured(&rung.name),
    });
    unkept(Json(Video {
        playback: site.minutes.told(site.reports.figures(Instant::now()), unix_millis()),
        available_bitrates: available_bitrates.collect(),
        segment_length: declared.latency().grid_ms().div_ceil(1000),
        representation: site.representation(),
    }))
}
