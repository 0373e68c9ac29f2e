//! What Owncast's admin page plots and lists beside the settings: the machine, playback, the log.

use axum::extract::State;
use axum::response::{Json, Response};
use jiff::Timestamp;
use nixcast_core::control::Encode;
use serde::Serialize;

use super::super::Site;
use super::super::access::{Operator, unkept};
use super::super::history::Look;
use super::series::Point;
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

/// What Owncast's players report and ours does not is empty.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Playback {
    /// Pages whose picture stood still in the minute before.
    errors: Vec<Point>,
    quality_variant_changes: [Point; 0],
    highest_latency: [Point; 0],
    median_latency: [Point; 0],
    lowest_latency: [Point; 0],
    median_segment_download_duration: [Point; 0],
    maximum_segment_download_duration: [Point; 0],
    minimum_segment_download_duration: [Point; 0],
    min_player_bitrate: [Point; 0],
    median_player_bitrate: [Point; 0],
    max_player_bitrate: [Point; 0],
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
    unkept(Json(Playback {
        errors: each_minute(&site.history.after(0)),
        quality_variant_changes: [],
        highest_latency: [],
        median_latency: [],
        lowest_latency: [],
        median_segment_download_duration: [],
        maximum_segment_download_duration: [],
        minimum_segment_download_duration: [],
        min_player_bitrate: [],
        median_player_bitrate: [],
        max_player_bitrate: [],
        available_bitrates: available_bitrates.collect(),
        segment_length: declared.latency().grid_ms().div_ceil(1000),
        representation: site.representation(),
    }))
}

/// The first look of each minute.
fn each_minute(looks: &[Look]) -> Vec<Point> {
    const MINUTE_MS: i64 = 60_000;
    let minute = |look: &Look| look.at.div_euclid(MINUTE_MS);
    let firsts = looks.chunk_by(|one, next| minute(one) == minute(next)).filter_map(<[Look]>::first);
    firsts
        .filter_map(|look| Some(Point { time: Timestamp::from_millisecond(look.at).ok()?, value: look.troubled }))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_counted_once_a_minute() {
        let looks = [0, 59_999, 60_000, 65_000, 180_000].map(|at| Look { at, troubled: 2, ..Look::default() });
        let points = each_minute(&looks);
        assert_eq!(points.iter().map(|point| point.time.as_second()).collect::<Vec<_>>(), [0, 60, 180]);
        assert!(points.iter().all(|point| point.value == 2));
    }
}
