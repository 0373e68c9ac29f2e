//! A setting changes, and nobody is cut off: not the publisher, not one viewer.

use std::fs;
use std::time::{Duration, Instant};

use nixcast_schema::{Settings, SocialHandle, Variant};
use nixcast_tests::clip::Clip;
use nixcast_tests::publish::Publisher;
use nixcast_tests::server::{CONVERGED_WITHIN, Scene};
use nixcast_tests::{playlist, wait};
use serde_json::{Value, json};

use crate::live::{Live, playlist_of, rung, source};

/// A removed or rotated key ends its session within this time from the write of the file.
const SESSION_ENDS_WITHIN: Duration = Duration::from_secs(1);

fn page(live: &Live) -> Value {
    let body: Value = serde_json::from_slice(&live.server.get("/api/page").body).unwrap();
    body["page"].clone()
}

#[test]
fn every_value_of_the_instance_reaches_the_page_and_touches_nothing_else() {
    let mut live = Live::start(Scene::with_key());
    let logo = live.server.folder().join("logo.svg");
    fs::write(&logo, "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 1 1\"/>").unwrap();
    let logo = logo.to_str().unwrap().to_owned();

    type Change = Box<dyn Fn(&mut Settings)>;
    let changes: Vec<(&str, Change, Value)> = vec![
        ("/name", Box::new(|s| s.instance.name = "Harbour".to_owned()), json!("Harbour")),
        ("/summary", Box::new(|s| s.instance.summary = "Ships, live".to_owned()), json!("Ships, live")),
        ("/tags", Box::new(|s| s.instance.tags = vec!["sea".to_owned(), "ship".to_owned()]), json!(["sea", "ship"])),
        (
            "/socialHandles",
            Box::new(|s| {
                let url = "https://example.org/@harbour".to_owned();
                s.instance.social_handles = vec![SocialHandle { platform: "mastodon".to_owned(), url }];
            }),
            json!([{ "platform": "mastodon", "url": "https://example.org/@harbour" }]),
        ),
        (
            "/offlineHtml",
            Box::new(|s| s.instance.offline_message = "Low *tide*".to_owned()),
            json!("<p>Low <em>tide</em></p>"),
        ),
        ("/theme/background", Box::new(|s| s.instance.theme.background = colour("#101418")), json!("#101418")),
        ("/theme/surface", Box::new(|s| s.instance.theme.surface = colour("#1d242b")), json!("#1d242b")),
        ("/theme/text", Box::new(|s| s.instance.theme.text = colour("#f0f4f8")), json!("#f0f4f8")),
        ("/theme/mutedText", Box::new(|s| s.instance.theme.muted_text = colour("#9aa8b5")), json!("#9aa8b5")),
        ("/theme/accent", Box::new(|s| s.instance.theme.accent = colour("#46b1c9")), json!("#46b1c9")),
        ("/theme/accentText", Box::new(|s| s.instance.theme.accent_text = colour("#001014")), json!("#001014")),
    ];
    for (place, change, expected) in changes {
        live.server.change(change);
        assert_eq!(page(&live).pointer(place), Some(&expected), "{place}");
    }
    assert_eq!(live.server.get("/logo").status, 404);
    live.server.change(|s| s.instance.logo = Some(logo));
    let served = live.server.get(page(&live)["logo"].as_str().expect("the page names the logo"));
    assert_eq!((served.status, served.header("content-type")), (200, Some("image/svg+xml")));
    live.finish();
}

fn colour(code: &str) -> Option<String> {
    Some(code.to_owned())
}

fn source_and(rungs: &[Variant]) -> Vec<Variant> {
    [&[source()], rungs].concat()
}

#[test]
fn a_rung_is_added_changed_and_removed_while_the_others_play_on() {
    let mut scene = Scene::with_key();
    scene.settings.video.variants = source_and(&[rung("mid", 270, 400)]);
    let mut live = Live::start(scene);

    live.server.change(|s| s.video.variants = source_and(&[rung("mid", 270, 400), rung("low", 144, 100)]));
    live.watcher.wait_track(&playlist_of("low"), 3);
    live.assert_untouched();

    live.server.change(|s| s.video.variants = source_and(&[rung("mid", 270, 400), rung("low", 144, 50)]));
    let changed_at = last_msn(&live, "low");
    live.watcher.wait_msn(&playlist_of("low"), changed_at + 8);
    live.assert_untouched();

    live.server.change(|s| s.video.variants = source_and(&[rung("low", 144, 50)]));
    let names = live.server.broadcast().unwrap().variants;
    assert_eq!(names, ["source", "low"], "the removed rung is no longer offered");
    // Players already in it are fed on; the watcher is one.
    live.watcher.wait_msn(&playlist_of("mid"), last_msn(&live, "mid") + 4);

    let story = live.finish();
    let sizes: Vec<f64> = story
        .rung("low")
        .segments
        .range(changed_at - 2..)
        .map(|(_, segment)| segment.bytes.len() as f64 * 8.0 / 1000.0 / segment.duration)
        .collect();
    let (before, after) = (sizes[0], sizes[sizes.len() - 4..].iter().sum::<f64>() / 4.0);
    assert!(after < before * 0.75, "100 kbit/s became {before:.0}, then 50 became {after:.0}: {sizes:.0?}");
}

fn last_msn(live: &Live, name: &str) -> u64 {
    playlist::last_msn(&playlist::media(live.server.http_port(), &playlist_of(name)).unwrap())
}

#[test]
fn the_first_transcoded_rung_joins_a_pass_through_broadcast_and_leaves_again() {
    let mut live = Live::start(Scene::with_key());
    live.server.change(|s| s.video.variants = source_and(&[rung("low", 144, 150)]));
    live.watcher.wait_track(&playlist_of("low"), 3);
    assert!(live.server.broadcast().unwrap().worker_pid.is_some());
    live.server.change(|s| s.video.variants = source_and(&[]));
    live.watcher.wait_segments(3);
    live.finish();
}

#[test]
fn other_keys_come_and_go_without_the_publisher_noticing() {
    let mut live = Live::start(Scene::with_key());
    let guest = live.server.declare_key("guest");
    live.server.change(|s| s.stream_keys.insert(0, guest));
    let refused = Publisher::copy(&live.server.target("guest"), &Clip::SMALL);
    refused.process.wait(Duration::from_secs(10));
    assert!(refused.log().contains("somebody else is publishing"), "the new key is known:\n{}", refused.log());

    live.server.rotate_key("guest");
    let target = live.server.target("guest");
    wait::until("the rotated guest key to be known", CONVERGED_WITHIN, || {
        let refused = Publisher::copy(&target, &Clip::SMALL);
        refused.process.wait(Duration::from_secs(10));
        refused.log().contains("somebody else is publishing").then_some(())
    });

    live.server.change(|s| s.stream_keys.retain(|key| key.name != "guest"));
    let refused = Publisher::copy(&live.server.target("guest"), &Clip::SMALL);
    refused.process.wait(Duration::from_secs(10));
    assert!(refused.log().contains("the stream key is wrong"), "the key is gone:\n{}", refused.log());
    live.finish();
}

/// Time from `from` until the publisher has ended.
fn ended_after(live: &Live, from: Instant) -> Duration {
    live.publisher.process.wait(CONVERGED_WITHIN);
    let took = from.elapsed();
    println!("the session ended {took:?} after the change of the file");
    took
}

#[test]
fn the_key_in_use_is_removed_and_its_session_ends_within_a_second() {
    let mut scene = Scene::with_key();
    scene.add_key("other");
    let mut live = Live::start(scene);
    live.watcher.wait_segments(1);
    live.server.write(|s| s.stream_keys.retain(|key| key.name != "main"));
    let took = ended_after(&live, Instant::now());
    assert!(took < SESSION_ENDS_WITHIN, "the session ended after {took:?}");

    live.server.wait_offline(Duration::from_secs(30));
    let second = Publisher::copy(&live.server.target("other"), &Clip::SMALL);
    live.server.wait_live();
    assert!(second.is_running(), "the other key still lets its owner in");
}

#[test]
fn the_key_in_use_is_rotated_and_only_the_new_value_gets_in() {
    let mut live = Live::start(Scene::with_key());
    live.watcher.wait_segments(1);
    let old = live.server.target("main");
    live.server.rotate_key("main");
    let took = ended_after(&live, Instant::now());
    assert!(took < SESSION_ENDS_WITHIN, "the session ended after {took:?}");

    let refused = Publisher::copy(&old, &Clip::SMALL);
    refused.process.wait(Duration::from_secs(10));
    assert!(refused.log().contains("the stream key is wrong"), "{}", refused.log());
    live.server.wait_offline(Duration::from_secs(30));
    let fresh = Publisher::copy(&live.server.target("main"), &Clip::SMALL);
    live.server.wait_live();
    assert!(fresh.is_running());
    live.server.assert_no_key_is_kept();
}

#[test]
fn the_sound_goes_on_when_it_is_encoded_instead_of_passed_through_and_back() {
    let mut scene = Scene::with_key();
    let low = || rung("low", 144, 150);
    scene.settings.video.variants = source_and(&[low()]);
    let mut live = Live::start(scene);
    live.server.change(|s| s.video.variants = vec![low()]);
    live.watcher.wait_segments(6);
    live.server.change(|s| s.video.variants = source_and(&[low()]));
    live.watcher.wait_segments(6);
    live.assert_untouched();
    // The pictures of a rung that comes back overlap what its playlist was fed with meanwhile; the sound must not.
    let story = live.watcher.finish();
    story.assert_decodes();
    let path = "/hls/audio/stream.m3u8";
    let mut inits: Vec<_> = story.track(path).segments.values().map(|segment| segment.init.clone()).collect();
    inits.dedup();
    assert_eq!(inits.len(), 3, "passed through, encoded, passed through: {inits:?}");
    let packets: Vec<_> = story.packets(path).into_values().flatten().collect();
    for pair in packets.windows(2) {
        let seam = pair[1].dts - pair[0].dts - pair[0].duration;
        assert!(seam.abs() < 0.03, "{seam:.3} s between the sound at {:.3} s and the next", pair[0].dts);
    }
}
