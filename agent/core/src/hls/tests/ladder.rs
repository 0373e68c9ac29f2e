//! What becomes of playlists when the ladder changes.

use super::*;

/// Adds the same 3 s slots `from..to` to each rung.
fn run(presentation: &mut Presentation, names: &[&str], slots: std::ops::Range<i64>) {
    for slot in slots {
        for name in names {
            add(presentation, name, slot * 3000, (slot + 1) * 3000);
        }
    }
}

#[test]
fn a_rung_added_live_takes_its_siblings_numbers() {
    let mut presentation = presentation(2, &[("720p", 3_000_000)]);
    start(&mut presentation, "720p", 1, 720);
    run(&mut presentation, &["720p"], 0..4);
    let revision = presentation.ladder_revision();
    declare(&mut presentation, &[("720p", 3_000_000), ("480p", 1_000_000)]);
    start(&mut presentation, "480p", 2, 480);
    assert_eq!(presentation.variants().len(), 1, "not before it can be played");
    assert_eq!(presentation.media_playlist(&video("480p"), NOON_MS), None);
    run(&mut presentation, &["720p", "480p"], 4..5);
    assert_eq!(listed(&mut presentation, "480p"), (5, vec!["0badcafe-5.m4s".to_owned()]));
    assert_eq!(presentation.variants().len(), 2);
    assert!(presentation.ladder_revision() > revision);
}

#[test]
fn a_rung_that_comes_before_its_siblings_segment_takes_the_number_that_will_have() {
    let mut presentation = presentation(2, &[("720p", 0)]);
    start(&mut presentation, "720p", 1, 720);
    run(&mut presentation, &["720p"], 0..4);
    declare(&mut presentation, &[("720p", 0), ("480p", 1)]);
    start(&mut presentation, "480p", 2, 480);
    run(&mut presentation, &["480p", "720p"], 4..5);
    assert_eq!(listed(&mut presentation, "480p").0, 5);
    assert_eq!(listed(&mut presentation, "720p").1.last().unwrap(), "0badcafe-5.m4s");
}

#[test]
fn a_rung_on_another_grid_begins_with_the_longest_running_siblings_next_number() {
    let mut presentation = presentation(2, &[("source", 0)]);
    start(&mut presentation, "source", 1, 1080);
    add(&mut presentation, "source", 0, 8333);
    add(&mut presentation, "source", 8333, 16_667);
    declare(&mut presentation, &[("source", 0), ("480p", 1)]);
    start(&mut presentation, "480p", 2, 480);
    add(&mut presentation, "480p", 18_000, 21_000);
    assert_eq!(listed(&mut presentation, "480p").0, 3);
}

#[test]
fn a_followed_rung_overlaps_rather_than_leaving_a_hole() {
    let mut presentation = presentation(2, &[("source", 0), ("480p", 1_000_000)]);
    start(&mut presentation, "source", 1, 1080);
    start(&mut presentation, "480p", 2, 480);
    run(&mut presentation, &["480p"], 0..2);
    add(&mut presentation, "source", 0, 8333);
    declare(&mut presentation, &[("source", 0)]);
    let (_, uris) = listed(&mut presentation, "480p");
    assert_eq!(uris, ["0badcafe-1.m4s", "0badcafe-2.m4s", "../source/0badcafe-1.m4s"]);
    assert!(text(&mut presentation, "480p").contains("TARGETDURATION:8\n"));
    add(&mut presentation, "source", 8333, 16_667);
    assert_eq!(listed(&mut presentation, "480p").1.len(), 4);
}

#[test]
fn the_nearest_rung_on_the_same_grid_feeds_and_the_next_takes_over() {
    let ladder = [("source", 900_000), ("720p", 3_000_000), ("480p", 1_000_000), ("240p", 300_000)];
    let mut presentation = presentation(2, &ladder);
    for (id, (name, height)) in (1..).zip([("source", 480), ("720p", 720), ("480p", 480), ("240p", 240)]) {
        start(&mut presentation, name, id, height);
        // All tracks of the helper take 1 Mbit/s, so the declared bitrate is what tells them apart.
    }
    add(&mut presentation, "source", 0, 8333);
    run(&mut presentation, &["720p", "480p", "240p"], 0..3);
    declare(&mut presentation, &[ladder[0], ladder[1], ladder[3]]);
    run(&mut presentation, &["720p", "240p"], 3..4);
    assert_eq!(listed(&mut presentation, "480p").1.last().unwrap(), "../240p/0badcafe-4.m4s");
    declare(&mut presentation, &[ladder[0], ladder[1]]);
    run(&mut presentation, &["720p"], 4..5);
    for removed in ["480p", "240p"] {
        let (first, uris) = listed(&mut presentation, removed);
        assert_eq!((first, uris.len()), (1, 5), "{removed}: numbers go on");
        assert_eq!(uris.last().unwrap(), "../720p/0badcafe-5.m4s");
    }
}

#[test]
fn a_rung_declared_again_goes_on_in_the_playlist_it_had() {
    let mut presentation = presentation(2, &[("720p", 2), ("480p", 1)]);
    start(&mut presentation, "720p", 1, 720);
    start(&mut presentation, "480p", 2, 480);
    run(&mut presentation, &["720p", "480p"], 0..2);
    declare(&mut presentation, &[("720p", 2)]);
    run(&mut presentation, &["720p"], 2..4);
    declare(&mut presentation, &[("720p", 2), ("480p", 1)]);
    start(&mut presentation, "480p", 3, 480);
    assert_eq!(presentation.variants().len(), 1, "published with its own first segment");
    run(&mut presentation, &["480p", "720p"], 4..5);
    let (first, uris) = listed(&mut presentation, "480p");
    assert_eq!((first, uris.len()), (1, 5));
    assert_eq!(uris[3..], ["../720p/0badcafe-4.m4s", "0badcafe-5.m4s"]);
    assert!(text(&mut presentation, "480p").contains("MAP:URI=\"0badcafe-i3.mp4\""));
    assert_eq!(presentation.variants().len(), 2);
}

#[test]
fn a_lost_rung_is_fed_until_it_is_back_and_stays_published() {
    let mut presentation = presentation(2, &[("720p", 2), ("480p", 1)]);
    start(&mut presentation, "720p", 1, 720);
    start(&mut presentation, "480p", 2, 480);
    run(&mut presentation, &["720p", "480p"], 0..2);
    presentation.lose("480p");
    run(&mut presentation, &["720p"], 2..4);
    assert_eq!(presentation.variants().len(), 2);
    start(&mut presentation, "480p", 3, 480);
    assert_eq!(add(&mut presentation, "480p", 9000, 12_000), None, "its time is there already");
    run(&mut presentation, &["480p", "720p"], 4..5);
    let (first, uris) = listed(&mut presentation, "480p");
    assert_eq!((first, uris.len()), (1, 5));
    assert_eq!(uris[4], "0badcafe-5.m4s");
}

#[test]
fn an_unwatched_removed_rung_is_forgotten_and_its_addresses_are_not_given_again() {
    let mut presentation = presentation(2, &[("source", 0), ("480p", 1)]);
    start(&mut presentation, "source", 1, 1080);
    start(&mut presentation, "480p", 2, 480);
    add(&mut presentation, "source", 0, 8333);
    run(&mut presentation, &["480p"], 0..8);
    declare(&mut presentation, &[("source", 0)]);
    let seen = |presentation: &mut Presentation, second: i64| {
        presentation.expired(NOON_MS + second * 1000);
        presentation.rungs.len()
    };
    assert_eq!(seen(&mut presentation, 0), 2);
    presentation.media_playlist(&video("480p"), NOON_MS + 30_000);
    assert_eq!(seen(&mut presentation, 89), 2);
    assert_eq!(seen(&mut presentation, 90), 1);
    assert_eq!(presentation.media_playlist(&video("480p"), NOON_MS), None);
    declare(&mut presentation, &[("source", 0), ("480p", 1)]);
    start(&mut presentation, "480p", 3, 480);
    let uri = add(&mut presentation, "480p", 120_000, 123_000).unwrap();
    assert_eq!(uri.as_str(), "video/480p/0badcafe-9.m4s");
}

#[test]
fn a_rung_forgotten_twice_still_knows_the_numbers_it_used() {
    let mut presentation = presentation(2, &[("720p", 2), ("480p", 1)]);
    start(&mut presentation, "480p", 1, 480);
    start(&mut presentation, "720p", 2, 720);
    run(&mut presentation, &["480p", "720p"], 0..1);
    run(&mut presentation, &["480p"], 1..3);
    let mut second = 0;
    for again in [false, true] {
        if again {
            declare(&mut presentation, &[("720p", 2), ("480p", 1)]);
        }
        declare(&mut presentation, &[("720p", 2)]);
        for _ in 0..2 {
            presentation.expired(NOON_MS + second * 1000);
            second += 60;
        }
        assert_eq!(presentation.rungs.len(), 1);
    }
    declare(&mut presentation, &[("480p", 1)]);
    start(&mut presentation, "480p", 3, 480);
    let uri = add(&mut presentation, "480p", 0, 3000).unwrap();
    assert_eq!(uri.as_str(), "video/480p/0badcafe-4.m4s");
}

#[test]
fn a_wholly_new_ladder_never_leaves_the_multivariant_playlist_empty() {
    let mut presentation = presentation(2, &[("old", 1)]);
    start(&mut presentation, "old", 1, 480);
    run(&mut presentation, &["old"], 0..3);
    declare(&mut presentation, &[("new", 1)]);
    assert!(presentation.multivariant().unwrap().contains("video/old/"));
    presentation.expired(NOON_MS);
    presentation.expired(NOON_MS + 100_000);
    assert!(presentation.media_playlist(&video("old"), NOON_MS).is_some());
    start(&mut presentation, "new", 2, 720);
    run(&mut presentation, &["new"], 3..4);
    let text = presentation.multivariant().unwrap();
    assert!(text.contains("video/new/") && !text.contains("video/old/"));
    assert_eq!(listed(&mut presentation, "old").1.last().unwrap(), "../new/0badcafe-4.m4s");
}

#[test]
fn sound_that_starts_late_takes_nothing_from_those_who_watch() {
    let mut presentation = presentation(2, &[("720p", 1)]);
    start(&mut presentation, "720p", 1, 720);
    run(&mut presentation, &["720p"], 0..2);
    assert!(presentation.is_playable());
    start_sound(&mut presentation, 2);
    assert!(!presentation.multivariant().unwrap().contains("AUDIO"));
    let revision = presentation.ladder_revision();
    presentation.add_segment(&Track::Audio, segment(3000, 6000));
    assert!(presentation.multivariant().unwrap().contains("AUDIO=\"audio\""));
    assert_eq!(presentation.ladder_revision(), revision + 1);
}

#[test]
fn windows_keep_what_the_level_and_four_target_durations_ask_for() {
    // Level, segment in ms, entries listed once full: length asked for and 4 target durations, whichever is more.
    for (level, ms, entries) in
        [(0, 1000, 25), (1, 2000, 15), (2, 3000, 10), (3, 4000, 8), (4, 5000, 5), (2, 8333, 4), (0, 16_000, 4)]
    {
        let mut presentation = presentation(level, &[("a", 0)]);
        start(&mut presentation, "a", 1, 720);
        for slot in 0..40 {
            add(&mut presentation, "a", slot * ms, (slot + 1) * ms);
        }
        let (first, uris) = listed(&mut presentation, "a");
        assert_eq!(uris.len(), entries, "level {level}, {ms} ms");
        assert_eq!(first + entries as u64 - 1, 40, "the newest is the fortieth");
    }
}

#[test]
fn evicted_segments_stay_for_their_duration_and_the_longest_playlist() {
    let mut presentation = presentation(4, &[("a", 0)]);
    start(&mut presentation, "a", 1, 720);
    for slot in 0..6 {
        add(&mut presentation, "a", slot * 5000, (slot + 1) * 5000);
    }
    assert_eq!(presentation.expired(NOON_MS), []);
    // 25 s of playlist, 5 s of its own.
    assert_eq!(presentation.expired(NOON_MS + 30_000), []);
    let freed = presentation.expired(NOON_MS + 30_001);
    assert_eq!(freed.iter().map(Uri::as_str).collect::<Vec<_>>(), ["video/a/0badcafe-1.m4s"]);
    assert_eq!(presentation.expired(NOON_MS + 90_000), []);
}

#[test]
fn nothing_is_listed_after_the_end() {
    let mut presentation = presentation(2, &[("a", 0)]);
    start(&mut presentation, "a", 1, 720);
    run(&mut presentation, &["a"], 0..1);
    presentation.end();
    assert_eq!(add(&mut presentation, "a", 3000, 6000), None);
    assert!(text(&mut presentation, "a").ends_with("#EXT-X-ENDLIST\n"));
}

#[test]
fn what_segments_may_become_is_the_target_duration_from_the_first_on() {
    let mut presentation = presentation(0, &[("source", 0), ("low", 100_000)]);
    presentation.expect(&video("source"), 8_333_333);
    start(&mut presentation, "source", 1, 720);
    start(&mut presentation, "low", 2, 180);
    presentation.add_segment(&video("source"), segment(0, 5000));
    presentation.add_segment(&video("low"), segment(0, 1000));
    assert_eq!((presentation.target_s(&video("source")), presentation.target_s(&video("low"))), (Some(8), Some(1)));
    presentation.add_segment(&video("source"), segment(5000, 13_333));
    assert_eq!(presentation.target_s(&video("source")), Some(8));
}
