//! A broadcast from its first publisher to its end: lost and found, taken over, stopped.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;
use std::time::Duration;

use nixcast_core::control::BroadcastState;
use nixcast_schema::{Takeover, Variant};
use nixcast_tests::clip::Clip;
use nixcast_tests::obs::{Mode, Obs};
use nixcast_tests::process::{self, Process};
use nixcast_tests::publish::Publisher;
use nixcast_tests::server::{CONVERGED_WITHIN, Nixcast, Scene};
use nixcast_tests::wait;
use nixcast_tests::watcher::{LiveWatcher, Story};
use nixcast_tests::{media, playlist};
use rustix::process::Signal;
use serde_json::Value;

use crate::live::{playlist_of, rung, source_and_low};

/// Longest from a publisher's end, said aloud, to the end of the broadcast.
const STOPPED_WITHIN: Duration = Duration::from_secs(10);

/// Longest from a second connection's start to its refusal.
const REFUSED_WITHIN: Duration = Duration::from_secs(10);

fn scene(grace_seconds: u16) -> Scene {
    let mut scene = Scene::with_key();
    scene.settings.broadcast.grace_seconds = grace_seconds;
    scene.settings.video.variants = source_and_low();
    scene
}

fn page(server: &Nixcast) -> Value {
    serde_json::from_str(&server.get("/api/page").text()).unwrap()
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
    story.assert_decodes();
    // An encoder on a busy machine leaves out a picture now and then, which is another story.
    story.assert_gapless(|path| path != playlist_of("low"));
    assert_eras(story, breaks);
}

#[track_caller]
fn assert_eras(story: &Story, breaks: u64) {
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
    let told = page(&server);
    assert_eq!(told["broadcast"]["reconnecting"]["since"], reconnecting.since, "{told:#}");
    let said = String::from_utf8(server.command(&["status"]).stdout).unwrap();
    assert!(said.contains("broadcast  reconnecting since "), "{said}");

    let second = publish(&server);
    assert_goes_on(&server, &watcher, before.session);
    let after = server.broadcast().unwrap();
    assert_eq!(after.started_at, before.started_at);
    assert_eq!(page(&server)["broadcast"]["reconnecting"], Value::Null);

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
    assert_eq!(page(&server)["broadcast"], Value::Null);
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

/// A player of somebody else's making, for as long as the broadcast lasts.
fn ffmpeg_viewer(server: &Nixcast) -> Process {
    let mut command = Command::new("ffmpeg");
    command.args(["-hide_banner", "-nostdin", "-loglevel", "warning", "-i"]);
    command.arg(format!("http://127.0.0.1:{}{}", server.http_port(), playlist::MULTIVARIANT));
    command.args(["-map", "0", "-c", "copy", "-f", "null", "-"]);
    Process::spawn("the watching ffmpeg", &mut command, &server.folder().join("viewer.log"))
}

#[test]
fn obs_is_waited_for_when_it_is_lost_and_not_when_it_stops() {
    let server = scene(120).start();
    let obs = Obs::start(&server.target("main"), Mode::Advanced);
    let watcher = watch(&server);
    let viewer = ffmpeg_viewer(&server);
    let before = server.broadcast().unwrap();
    watcher.expect_breaks();
    obs.kill();
    server.wait_reconnecting();
    let obs = Obs::start(&server.target("main"), Mode::Advanced);
    assert_goes_on(&server, &watcher, before.session);
    watcher.expect_end();
    drop(obs);
    server.wait_offline(STOPPED_WITHIN);
    watcher.wait_end(STOPPED_WITHIN);
    let story = watcher.finish();
    // An OBS that draws in software on a busy machine leaves out pictures, so time need not go on without a hole.
    story.assert_decodes();
    assert_eras(&story, 1);
    // Players that came in before see the end, and none of them met a missing address.
    viewer.wait(Duration::from_secs(60));
    let said = viewer.log();
    assert!(!said.contains("HTTP error") && !said.contains("Failed to"), "{said}");
}

#[test]
fn another_key_begins_a_broadcast_of_its_own_and_a_withdrawn_one_ends_the_wait() {
    let mut scene = scene(600);
    scene.add_key("guest");
    let mut server = scene.start();
    let publisher = publish(&server);
    let first = broadcast_id(&server, &publisher);
    let guest = Publisher::copy(&server.target("guest"), &Clip::SMALL);
    guest.process.wait(REFUSED_WITHIN);
    assert!(guest.log().contains("somebody else is publishing"), "{}", guest.log());
    publisher.kill();
    server.wait_reconnecting();
    let guest = Publisher::copy(&server.target("guest"), &Clip::SMALL);
    assert_ne!(broadcast_id(&server, &guest), first);
    assert_eq!(server.broadcast().unwrap().stream_key, "guest");

    guest.kill();
    server.wait_reconnecting();
    server.change(|settings| settings.stream_keys[1].enable = false);
    server.wait_offline(CONVERGED_WITHIN);
}

/// The id of the broadcast that this publisher is live with.
fn broadcast_id(server: &Nixcast, publisher: &Publisher) -> String {
    server.wait_live();
    assert!(publisher.is_running(), "{}", publisher.log());
    page(server)["broadcast"]["id"].as_str().unwrap().to_owned()
}

#[test]
fn a_publisher_may_come_back_as_another_and_the_ladder_may_have_changed() {
    let mut server = scene(120).start();
    let publisher = publish(&server);
    let watcher = watch(&server);
    let before = server.broadcast().unwrap();
    watcher.expect_breaks();
    watcher.expect_longer_segments();
    publisher.kill();
    server.wait_reconnecting();
    // Another picture size, another profile, another rate of pictures and of the sound.
    let other = Clip { width: 426, height: 240, rate: 25, gop: 50, b_frames: 2, sound_rate: 44_100, ..Clip::SMALL };
    let publisher = Publisher::copy(&server.target("main"), &other);
    assert_goes_on(&server, &watcher, before.session);
    let facts = server.broadcast().unwrap();
    assert_eq!((facts.width, facts.height), (426, 240));

    publisher.kill();
    server.wait_reconnecting();
    server.change(|settings| {
        settings.video.variants.push(Variant { order: 3, ..rung("tiny", 96, 80) });
        settings.video.variants[1].height = Some(160);
    });
    let _publisher = publish(&server);
    assert_goes_on(&server, &watcher, facts.session);
    watcher.wait_track(&playlist_of("tiny"), 2);
    let story = watcher.finish();
    story.assert_decodes();
    story.assert_gapless(|path| path == playlist_of("source") || path == "/hls/audio/stream.m3u8");
    for path in [playlist_of("source"), playlist_of("low"), "/hls/audio/stream.m3u8".to_owned()] {
        let track = story.track(&path);
        assert_eq!(track.segments.values().next_back().map(|segment| segment.era), Some(2), "{path}");
    }
    let low = media::stream(&story.last_run_file(&playlist_of("low")));
    assert_eq!(low["height"], 160);
}

/// Publishes until the broadcast has gone on for some segments.
#[track_caller]
fn go_on_after_restart(server: &Nixcast, watcher: &LiveWatcher, engine_before: u32) -> Publisher {
    wait::until("another engine", Duration::from_secs(20), || {
        server.try_observe().ok().filter(|observed| observed.engine_pid != engine_before)
    });
    let waiting = server.wait_reconnecting();
    assert_eq!(waiting.stream_key, "main");
    wait::until("the playlists of before", Duration::from_secs(20), || playlist::multivariant(server.http_port()));
    for path in watcher.paths() {
        let list = playlist::media(server.http_port(), &path).unwrap();
        assert!(!list.end_list && list.segments.len() == 1, "{path}: {list:?}");
    }
    let publisher = publish(server);
    wait::until("the broadcast to go on", Duration::from_secs(45), || {
        server.broadcast().filter(|facts| facts.state == BroadcastState::Live)
    });
    watcher.wait_segments(4);
    publisher
}

#[test]
fn a_broadcast_survives_the_engine_that_served_it() {
    let mut scene = scene(120);
    scene.settings.reconcile.interval_seconds = 5;
    let server = scene.start();
    let publisher = publish(&server);
    let watcher = watch(&server);
    let id = broadcast_id(&server, &publisher);
    let before = server.broadcast().unwrap();
    watcher.wait_segments(3);
    watcher.expect_outage();
    let engine = server.observe().engine_pid;
    process::kill(engine);
    drop(publisher);
    let publisher = go_on_after_restart(&server, &watcher, engine);
    assert_eq!(broadcast_id(&server, &publisher), id);
    assert_eq!(server.broadcast().unwrap().started_at, before.started_at);

    let engine = server.observe().engine_pid;
    process::send(engine, Signal::TERM);
    // A publisher that can still say that it stops would end the broadcast.
    wait::until("the engine's end", Duration::from_secs(20), || (!process::is_alive(engine)).then_some(()));
    drop(publisher);
    let publisher = go_on_after_restart(&server, &watcher, engine);
    assert_eq!(broadcast_id(&server, &publisher), id);
    server.assert_no_key_is_kept();

    let story = watcher.finish();
    story.assert_decodes();
    for (path, track) in &story.tracks {
        // The watcher holds that no number ever meant two segments; here, that the eras are told apart and never go back.
        let eras: Vec<u64> = track.segments.values().map(|segment| segment.era).collect();
        assert!(eras.is_sorted() && eras.first() == Some(&0) && eras.last() == Some(&2), "{path}: {eras:?}");
        let uris: BTreeSet<&str> = track.segments.values().map(|segment| segment.uri.as_str()).collect();
        assert_eq!(uris.len(), track.segments.len(), "{path}");
    }
}

/// As when the machine is started again or another version is installed.
#[test]
fn a_broadcast_survives_when_agent_and_engine_begin_anew() {
    let server = scene(120).start();
    let publisher = publish(&server);
    let watcher = watch(&server);
    let id = broadcast_id(&server, &publisher);
    watcher.wait_segments(3);
    watcher.expect_outage();
    let engine = server.observe().engine_pid;
    process::kill(server.pid_of("agent").unwrap());
    process::kill(engine);
    drop(publisher);
    let publisher = go_on_after_restart(&server, &watcher, engine);
    assert_eq!(broadcast_id(&server, &publisher), id);
    watcher.finish().assert_decodes();
}

#[test]
fn nothing_is_remembered_of_a_broadcast_that_is_over_or_from_a_damaged_file() {
    let server = scene(120).start();
    let memory = server.state_dir().join("broadcast.json");
    let publisher = publish(&server);
    server.wait_live();
    wait::until("the broadcast's memory", Duration::from_secs(10), || memory.exists().then_some(()));
    let mode = fs::metadata(&memory).unwrap().permissions().mode();
    assert_eq!(mode & 0o077, 0, "{mode:o}");
    drop(publisher);
    server.wait_offline(STOPPED_WITHIN);
    wait::until("the memory's end", Duration::from_secs(10), || (!memory.exists()).then_some(()));

    fs::write(&memory, "{\"version\":1,\"writtenAtMs\":").unwrap();
    let engine = server.observe().engine_pid;
    process::kill(engine);
    let observed = wait::until("another engine that has been told", Duration::from_secs(20), || {
        server.try_observe().ok().filter(|observed| observed.engine_pid != engine && observed.generation > 0)
    });
    assert_eq!(observed.broadcast, None);
    assert!(server.log().contains("what another engine left of a broadcast is passed over"), "{}", server.log());
    let publisher = publish(&server);
    broadcast_id(&server, &publisher);
}
