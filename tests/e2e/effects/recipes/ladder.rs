//! What is encoded and offered: in the menu, in the media playlists and in the segments themselves.

use m3u8_rs::VariantStream;
use nixcast_tests::{http, playlist, wait};
use serde_json::json;

use super::{Proof, Recipe, one};
use crate::effects::stage::{SEEN_WITHIN, Stage};

const LOW: &str = "/hls/video/low/stream.m3u8";
const SOURCE: &str = "/hls/video/source/stream.m3u8";
const SOUND: &str = "/hls/audio/stream.m3u8";

pub(super) fn recipes() -> Vec<Recipe> {
    let low = |leaf, values, shows| Recipe::of(leaf, values, shows).at("low");
    let mut sound = low(
        "video.variants.<name>.audioBitrateKbps",
        |_| one(24),
        |stage, value| {
            until(stage, "sound of that bitrate", |stage| {
                newest_kbps(stage, SOUND, 3).map(|kbps| (kbps < 40.0) == (value == 24))
            })
        },
    );
    if let Proof::Seen { first, .. } = &mut sound.proof {
        // As long as a rung passes the publisher's sound through, no other is encoded.
        *first = |document| document["video"]["variants"][0]["enable"] = json!(false);
    }
    vec![
        low(
            "video.variants.<name>.name",
            |_| one("tiny"),
            |stage, value| {
                let names = [("low", value == "low"), ("tiny", value == "tiny")];
                until(stage, "the rung's name in the menu", |stage| {
                    let menu = names_in_menu(stage)?;
                    Some(names.iter().all(|(name, is_offered)| menu.iter().any(|have| have == name) == *is_offered))
                })
            },
        ),
        low(
            "video.variants.<name>.enable",
            |_| one(false),
            |stage, value| {
                until(stage, "the rung in the menu, or not", |stage| {
                    Some(names_in_menu(stage)?.iter().any(|name| name == "low") == (value == true))
                })
            },
        ),
        // The publisher sends a keyframe every two seconds, the encoder makes one each second.
        Recipe::of(
            "video.variants.<name>.passthrough",
            |_| one(false),
            |stage, value| {
                let seconds = if value == true { 2.0 } else { 1.0 };
                until(stage, "segments of another length", |stage| newest_lasts(stage, SOURCE, seconds))
            },
        )
        .at("source"),
        low(
            "video.variants.<name>.width",
            |_| one(192),
            |stage, value| resolution(stage, value.as_u64().unwrap_or(256), 144),
        ),
        low(
            "video.variants.<name>.height",
            |_| one(180),
            |stage, value| {
                if value == 180 { resolution(stage, 320, 180) } else { resolution(stage, 256, 144) }
            },
        ),
        low(
            "video.variants.<name>.framerate",
            |_| one(15),
            |stage, value| {
                let wanted = value.as_f64().unwrap_or(30.0);
                until(stage, "the frame rate in the menu", |stage| {
                    Some((offered(stage, "low")?.frame_rate? - wanted).abs() < 0.5)
                })
            },
        ),
        low(
            "video.variants.<name>.videoBitrateKbps",
            |_| one(600),
            |stage, value| {
                until(stage, "the bandwidth in the menu", |stage| {
                    Some((offered(stage, "low")?.bandwidth >= 600_000) == (value == 600))
                })
            },
        ),
        low(
            "video.variants.<name>.preset",
            |_| one("ultrafast"),
            |stage, value| {
                // x264 writes its settings into the first picture: "subme=0" is ultrafast, "subme=1" superfast.
                let wanted: &[u8] = if value == "ultrafast" { b"subme=0" } else { b"subme=1" };
                until(stage, "the encoder's own words", |stage| newest_encoder(stage, wanted))
            },
        ),
        low(
            "video.variants.<name>.order",
            |_| one(0),
            |stage, value| {
                let wanted = if value == 0 { ["low", "source"] } else { ["source", "low"] };
                until(stage, "the order of the menu", |stage| Some(names_in_menu(stage)? == wanted))
            },
        ),
        sound,
        Recipe::of(
            "video.latencyLevel",
            |_| one(1),
            |stage, value| {
                stage.watcher.expect_longer_segments();
                let seconds = if value == 1 { 2.0 } else { 1.0 };
                until(stage, "segments of another length", |stage| newest_lasts(stage, LOW, seconds))
            },
        ),
    ]
}

/// Looks until it is so; none means that it cannot be told yet.
fn until(stage: &Stage, what: &str, is_so: impl Fn(&Stage) -> Option<bool>) -> Result<(), String> {
    wait::within(SEEN_WITHIN, || is_so(stage).filter(|is_so| *is_so).map(|_| ())).ok_or_else(|| {
        let menu = http::get(stage.server.http_port(), playlist::MULTIVARIANT).map(|reply| reply.text());
        let list = http::get(stage.server.http_port(), LOW).map(|reply| reply.text());
        format!("waited in vain for {what}\n{}\n{}", menu.unwrap_or_default(), list.unwrap_or_default())
    })
}

fn menu(stage: &Stage) -> Option<Vec<VariantStream>> {
    playlist::multivariant(stage.server.http_port()).map(|menu| menu.variants)
}

/// Names of the variants, in the order of the menu.
fn names_in_menu(stage: &Stage) -> Option<Vec<String>> {
    let name = |variant: &VariantStream| variant.uri.split('/').rev().nth(1).map(str::to_owned);
    menu(stage)?.iter().map(name).collect()
}

fn offered(stage: &Stage, name: &str) -> Option<VariantStream> {
    menu(stage)?.into_iter().find(|variant| variant.uri.split('/').any(|step| step == name))
}

fn resolution(stage: &Stage, width: u64, height: u64) -> Result<(), String> {
    until(stage, &format!("{width}x{height} in the menu"), |stage| {
        let resolution = offered(stage, "low")?.resolution?;
        Some((resolution.width, resolution.height) == (width, height))
    })
}

fn newest_lasts(stage: &Stage, path: &str, seconds: f32) -> Option<bool> {
    let list = playlist::media(stage.server.http_port(), path).ok()?;
    Some((list.segments.last()?.duration - seconds).abs() < 0.2)
}

/// Kilobits per second over the newest segments.
fn newest_kbps(stage: &Stage, path: &str, count: usize) -> Option<f64> {
    let list = playlist::media(stage.server.http_port(), path).ok()?;
    let newest = list.segments.get(list.segments.len().checked_sub(count)?..)?;
    let mut bits = 0.0;
    for segment in newest {
        let reply = http::get(stage.server.http_port(), &playlist::resolve(path, &segment.uri)).ok()?;
        bits += reply.body.len() as f64 * 8.0;
    }
    Some(bits / 1000.0 / newest.iter().map(|segment| f64::from(segment.duration)).sum::<f64>())
}

/// Whether the encoder at work wrote this into its first picture: the last one to speak of itself is the newest.
fn newest_encoder(stage: &Stage, wanted: &[u8]) -> Option<bool> {
    let list = playlist::media(stage.server.http_port(), LOW).ok()?;
    for segment in list.segments.iter().rev() {
        let body = http::get(stage.server.http_port(), &playlist::resolve(LOW, &segment.uri)).ok()?.body;
        if holds(&body, b"subme=") {
            return Some(holds(&body, wanted));
        }
    }
    None
}

fn holds(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle)
}
