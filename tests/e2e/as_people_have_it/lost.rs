//! Half a broadcast: sound or picture missing from the start, late, or gone for a while.

use nixcast_tests::beat::Beat;
use nixcast_tests::flv::{self, Kind, Tag};
use nixcast_tests::server::LIVE_WITHIN;
use nixcast_tests::{playlist, wait};

use super::*;

fn keep(server: &Nixcast, keep: impl Fn(&Tag) -> bool) -> Publisher {
    let tags = flv::read(&Beat::USUAL.file()).into_iter().filter(|tag| tag.kind == Kind::Script || keep(tag));
    publish_tags(server, &tags.collect::<Vec<_>>())
}

#[track_caller]
fn watch_paths(server: &Nixcast, paths: &[&str], segments: u64) -> Story {
    server.wait_live();
    let watcher = LiveWatcher::start(server.http_port());
    for path in paths {
        watcher.wait_track(path, 1);
    }
    watcher.wait_segments(segments);
    watcher.finish()
}

#[test]
fn a_picture_without_sound() {
    let server = serve(Ladder::Both);
    let publisher = keep(&server, |tag| tag.kind == Kind::Video);
    let story = watch_paths(&server, &[&playlist_of("source"), &playlist_of("low")], 4);
    assert!(publisher.is_running(), "{}", publisher.log());
    story.assert_plays();
    assert!(!story.tracks.contains_key(SOUND));
    assert_every_picture(&story, "source", 30.0);
    let menu = playlist::multivariant(server.http_port()).unwrap();
    assert!(menu.alternatives.is_empty() && menu.variants.iter().all(|variant| variant.audio.is_none()));
}

#[test]
fn sound_without_a_picture_whatever_the_ladder() {
    at_once(&[Ladder::Source, Ladder::Both, Ladder::Encoded], |&ladder| {
        let server = serve(ladder);
        let publisher = keep(&server, |tag| tag.kind == Kind::Audio);
        let story = watch_paths(&server, &[SOUND], 4);
        assert!(publisher.is_running(), "{}", publisher.log());
        story.assert_plays();
        assert_eq!(story.tracks.len(), 1);
        let menu = playlist::multivariant(server.http_port()).unwrap();
        assert_eq!(menu.variants.len(), 1, "the sound is all there is");
        assert_eq!(menu.variants[0].resolution, None);
    });
}

/// Minutes of it, sent as fast as the machine takes them: what the worker makes of sound is believed for as long as the
/// publisher's own goes on, with or without a picture to hold it against.
#[test]
fn sound_without_a_picture_for_minutes_costs_no_worker() {
    const TURN_MS: u32 = 30_000;
    let server = serve(Ladder::Encoded);
    let clip: Vec<Tag> = flv::read(&Beat::USUAL.file()).into_iter().filter(|tag| tag.kind == Kind::Audio).collect();
    let turn = |number: u32| {
        let tags = clip.iter().filter(move |tag| number == 0 || !tag.is_config());
        tags.map(move |tag| Tag { time: tag.time + number * TURN_MS, ..tag.clone() })
    };
    let file = server.folder().join("sound.flv");
    flv::write(&file, &(0..20).flat_map(turn).collect::<Vec<_>>());
    let publisher = Publisher::copy_file(&server.target("main"), &file, 20.0);
    wait::until("five minutes of sound", LIVE_WITHIN, || {
        let list = playlist::media(server.http_port(), SOUND).ok()?;
        (playlist::last_msn(&list) as f32 * list.segments.first()?.duration > 300.0).then_some(())
    });
    assert!(publisher.is_running(), "{}", publisher.log());
    assert!(server.log().contains("transcoder worker started"));
    assert!(!server.log().contains("transcoder worker lost"), "{}", server.log());
}

/// A picture that comes seconds after the sound, when that is offered alone already, is taken up.
#[test]
fn a_picture_that_comes_late() {
    at_once(&[Ladder::Source, Ladder::Both, Ladder::Encoded], |&ladder| {
        let server = serve(ladder);
        let publisher = keep(&server, |tag| tag.kind == Kind::Audio || tag.time >= 6_000 || tag.is_config());
        server.wait_live();
        assert_eq!(server.broadcast().unwrap().variants, Vec::<String>::new());
        let watcher = LiveWatcher::start(server.http_port());
        let rung = if ladder == Ladder::Encoded { "low" } else { "source" };
        watcher.wait_track(&playlist_of(rung), 4);
        let story = watcher.finish();
        assert!(publisher.is_running(), "{}", publisher.log());
        story.assert_decodes();
        assert!(!server.broadcast().unwrap().variants.is_empty());
        assert_together(&story, rung);
    });
}

#[test]
fn sound_that_comes_late() {
    at_once(&[Ladder::Source, Ladder::Both, Ladder::Encoded], |&ladder| {
        let server = serve(ladder);
        let publisher = keep(&server, |tag| tag.kind == Kind::Video || tag.time >= 6_000 || tag.is_config());
        server.wait_live();
        let watcher = LiveWatcher::start(server.http_port());
        // Silence until then, or whoever came before would never hear it: most players look for renditions once.
        watcher.wait_track(SOUND, 10);
        let story = watcher.finish();
        assert!(publisher.is_running(), "{}", publisher.log());
        story.assert_plays();
        assert_together(&story, if ladder == Ladder::Encoded { "low" } else { "source" });
        let menu = playlist::multivariant(server.http_port()).unwrap();
        assert!(menu.variants.iter().all(|variant| variant.audio.is_some()));
    });
}

/// Part of one track is lost and comes back: numbers go on, and what comes back is where it belongs. A picture lasts
/// until the next one; missing sound is silence.
fn lose_for_a_while(kind: Kind) {
    at_once(&[Ladder::Source, Ladder::Both], |&ladder| {
        let server = serve(ladder);
        // A player holds about three segments; without pictures there is nothing more for it to hold.
        let gone = 5_000..if kind == Kind::Video { 7_500 } else { 11_000 };
        let publisher = keep(&server, |tag| tag.kind != kind || !gone.contains(&tag.time) || tag.is_config());
        server.wait_live();
        let watcher = LiveWatcher::start(server.http_port());
        watcher.expect_longer_segments();
        let lost = if kind == Kind::Video { playlist_of("source") } else { SOUND.to_owned() };
        wait::until("what was lost to come back", LIVE_WITHIN, || {
            let list = playlist::media(server.http_port(), &lost).ok()?;
            let listed: f32 = list.segments.iter().map(|segment| segment.duration).sum();
            let no_longer_listed = list.media_sequence - 1;
            (no_longer_listed as f32 + listed > 14.0).then_some(())
        });
        let story = watcher.finish();
        assert!(publisher.is_running(), "{}", publisher.log());
        story.assert_decodes();
        assert_together(&story, "source");
    });
}

#[test]
fn a_picture_that_is_lost_for_a_while() {
    lose_for_a_while(Kind::Video);
}

#[test]
fn sound_that_is_lost_for_a_while() {
    lose_for_a_while(Kind::Audio);
}
