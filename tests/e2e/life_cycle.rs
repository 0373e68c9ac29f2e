//! A broadcast from its first publisher to its end: lost and found, taken over, stopped.

use std::time::Duration;

use nixcast_schema::{Settings, Takeover, Variant};
use nixcast_tests::clip::Clip;
use nixcast_tests::publish::Publisher;
use nixcast_tests::server::{CONVERGED_WITHIN, Nixcast, Scene};
use nixcast_tests::wait;
use nixcast_tests::watcher::{LiveWatcher, Story};

use crate::live::{playlist_of, rung};

/// Longest from a publisher's end, said aloud, to the end of the broadcast.
const STOPPED_WITHIN: Duration = Duration::from_secs(10);

/// Longest from a second connection's start to its refusal.
const REFUSED_WITHIN: Duration = Duration::from_secs(10);

/// Two rungs and the sound: pictures that pass through and pictures that are encoded.
fn mixed(settings: &mut Settings) {
    settings.video.variants = vec![
        Variant { passthrough: true, order: 1, ..Variant::named("source") },
        Variant { order: 2, ..rung("low", 144, 150) },
    ];
}

fn scene(grace_seconds: u16) -> Scene {
    let mut scene = Scene::with_key();
    scene.settings.broadcast.grace_seconds = grace_seconds;
    mixed(&mut scene.settings);
    scene
}

fn publish(server: &Nixcast) -> Publisher {
    Publisher::copy(&server.target("main"), &Clip::SMALL)
}

/// A watcher that has seen some of every playlist.
fn watch(server: &Nixcast) -> LiveWatcher {
    server.wait_live();
    let watcher = LiveWatcher::start(server.http_port());
    for path in [playlist_of("source"), playlist_of("low"), "/hls/audio/stream.m3u8".to_owned()] {
        watcher.wait_track(&path, 2);
    }
    watcher
}

/// Waits until the same broadcast has gone on for some segments after a break.
#[track_caller]
fn assert_goes_on(server: &Nixcast, watcher: &LiveWatcher, session_before: u64) {
    let facts = wait::until("the broadcast to go on", Duration::from_secs(45), || {
        server.broadcast().filter(|facts| facts.session != session_before && facts.reconnecting.is_none())
    });
    assert!(facts.session > session_before);
    watcher.wait_segments(4);
}

/// Every playlist has gone through as many discontinuities, numbers have no hole, everything decodes, and every era is
/// dated by when it arrived.
#[track_caller]
fn assert_broken(story: &Story, breaks: u64) {
    story.assert_plays();
    for (path, track) in &story.tracks {
        let eras: Vec<u64> = track.segments.values().map(|segment| segment.era).collect();
        assert_eq!((eras.first(), eras.last()), (Some(&0), Some(&breaks)), "{path}: {eras:?}");
        let msns: Vec<u64> = track.segments.keys().copied().collect();
        assert!(msns.windows(2).all(|pair| pair[1] == pair[0] + 1), "{path}: {msns:?}");
        for (msn, segment) in track.segments.iter().filter(|(_, segment)| segment.era > 0) {
            // Its last picture is older than the moment it was listed at, but not by much.
            let age = segment.seen - segment.began.unwrap_or_default() - segment.duration;
            assert!((-0.5..6.0).contains(&age), "{path}: segment {msn} is dated {age:.2} s before it was listed");
        }
    }
}

#[test]
fn a_lost_publisher_comes_back_and_the_broadcast_goes_on() {
    let server = scene(60).start();
    let publisher = publish(&server);
    let watcher = watch(&server);
    let before = server.broadcast().unwrap();
    watcher.expect_breaks();
    publisher.kill();
    let waiting = server.wait_reconnecting();
    let reconnecting = waiting.reconnecting.unwrap();
    assert!(reconnecting.until.is_some_and(|until| (59..=62).contains(&(until - reconnecting.since))));
    assert_eq!(waiting.started_at, before.started_at);
    let page: serde_json::Value = serde_json::from_str(&server.get("/api/page").text()).unwrap();
    assert_eq!(page["broadcast"]["reconnecting"]["since"], reconnecting.since, "{page:#}");
    let said = String::from_utf8(server.command(&["status"]).stdout).unwrap();
    assert!(said.contains("broadcast  reconnecting since "), "{said}");

    let second = publish(&server);
    assert_goes_on(&server, &watcher, before.session);
    let after = server.broadcast().unwrap();
    assert_eq!(after.started_at, before.started_at);
    let page: serde_json::Value = serde_json::from_str(&server.get("/api/page").text()).unwrap();
    assert_eq!(page["broadcast"]["reconnecting"], serde_json::Value::Null);

    second.kill();
    server.wait_reconnecting();
    let _third = publish(&server);
    assert_goes_on(&server, &watcher, after.session);
    assert_broken(&watcher.finish(), 2);
}

#[test]
fn a_publisher_that_stops_ends_the_broadcast_at_once() {
    let server = scene(60).start();
    let publisher = publish(&server);
    let watcher = watch(&server);
    watcher.expect_end();
    drop(publisher);
    server.wait_offline(STOPPED_WITHIN);
    watcher.wait_end(STOPPED_WITHIN);
    let page: serde_json::Value = serde_json::from_str(&server.get("/api/page").text()).unwrap();
    assert_eq!(page["broadcast"], serde_json::Value::Null);
    assert_broken(&watcher.finish(), 0);
}

#[test]
fn grace_runs_out_and_one_changed_meanwhile_holds_at_once() {
    let mut server = scene(3).start();
    let publisher = publish(&server);
    let watcher = watch(&server);
    watcher.expect_end();
    publisher.kill();
    server.wait_reconnecting();
    server.wait_offline(Duration::from_secs(15));
    watcher.wait_end(STOPPED_WITHIN);
    watcher.finish();

    server.change(|settings| settings.broadcast.grace_seconds = 3600);
    let publisher = publish(&server);
    server.wait_live();
    publisher.kill();
    let until = server.wait_reconnecting().reconnecting.unwrap().until.unwrap();
    server.change(|settings| settings.broadcast.grace_seconds = 1800);
    let sooner = server.wait_reconnecting().reconnecting.unwrap().until.unwrap();
    assert_eq!(until - sooner, 1800);
    server.change(|settings| settings.broadcast.grace_seconds = 1);
    server.wait_offline(CONVERGED_WITHIN);

    server.change(|settings| settings.broadcast.grace_seconds = 0);
    let publisher = publish(&server);
    server.wait_live();
    publisher.kill();
    server.wait_offline(STOPPED_WITHIN);
    assert!(server.log().matches("waits for it").count() == 2, "without grace there is no wait");
}

#[test]
fn a_connection_that_fell_silent_does_not_lock_its_streamer_out() {
    let server = scene(60).start();
    let frozen = publish(&server);
    let watcher = watch(&server);
    let before = server.broadcast().unwrap();
    watcher.expect_breaks();
    frozen.freeze();
    let mut tries = 0;
    let _second = wait::until("the second connection to be let in", Duration::from_secs(20), || {
        tries += 1;
        let second = publish(&server);
        let is_let_in = wait::within(REFUSED_WITHIN, || {
            let session = server.broadcast().map(|facts| facts.session);
            if session.is_some_and(|session| session != before.session) {
                return Some(true);
            }
            (!second.is_running()).then_some(false)
        });
        (is_let_in == Some(true)).then_some(second)
    });
    assert_goes_on(&server, &watcher, before.session);
    println!("let in at try {tries}");
    frozen.kill();
    assert_broken(&watcher.finish(), 1);
}

#[test]
fn a_second_connection_takes_over_when_that_is_declared() {
    let mut scene = scene(60);
    scene.settings.broadcast.takeover = Takeover::Never;
    let mut server = scene.start();
    let first = publish(&server);
    let watcher = watch(&server);
    let before = server.broadcast().unwrap();
    let refused = |server: &Nixcast, reason: &str| {
        let second = publish(server);
        second.process.wait(REFUSED_WITHIN);
        assert!(second.log().contains(reason), "{}", second.log());
        assert_eq!(server.broadcast().map(|facts| facts.session), Some(before.session));
    };
    refused(&server, "stop the other encoder first");
    server.change(|settings| settings.broadcast.takeover = Takeover::WhenSilent);
    refused(&server, "sent nothing for 2 seconds");
    assert!(first.is_running());

    server.change(|settings| settings.broadcast.takeover = Takeover::Always);
    watcher.expect_breaks();
    let _second = publish(&server);
    first.process.wait(REFUSED_WITHIN);
    assert!(first.log().contains("has taken over"), "{}", first.log());
    assert_goes_on(&server, &watcher, before.session);
    assert_broken(&watcher.finish(), 1);
}
