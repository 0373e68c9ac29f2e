//! A presentation that outlives its engine.

use super::*;
use crate::hls::Recollection;

fn live() -> Presentation {
    let mut live = presentation(1, &[("source", 0), ("low", 150_000)]);
    start(&mut live, "source", 1, 720);
    start(&mut live, "low", 2, 144);
    start_sound(&mut live, 3);
    for at in 0..5 {
        add(&mut live, "source", at * 2000, at * 2000 + 2000);
        add(&mut live, "low", at * 2000, at * 2000 + 2000);
        live.add_segment(&Track::Audio, segment(at * 2000, at * 2000 + 2000));
    }
    live
}

/// Through the file that another engine reads.
fn restarted(live: &Presentation) -> Presentation {
    let written = serde_json::to_string(&live.remember().unwrap()).unwrap();
    let read: Recollection = serde_json::from_str(&written).unwrap();
    Presentation::recall(read, NOON_MS + 60_000)
}

fn playlists(presentation: &mut Presentation) -> Vec<m3u8_rs::MediaPlaylist> {
    [video("source"), video("low"), Track::Audio]
        .iter()
        .map(|track| parsed(presentation.media_playlist(track, NOON_MS).unwrap()))
        .collect()
}

#[test]
fn numbers_go_on_where_another_engine_ended() {
    let mut before = live();
    before.resume(NOON_MS);
    add(&mut before, "source", 12_000, 14_000);
    add(&mut before, "low", 12_000, 14_000);
    before.add_segment(&Track::Audio, segment(12_000, 14_000));
    let last: Vec<u64> =
        playlists(&mut before).iter().map(|list| list.media_sequence + list.segments.len() as u64).collect();

    let mut after = restarted(&before);
    assert_eq!(after.id(), before.id());
    assert_eq!((after.variants(), after.ladder_revision()), (before.variants(), before.ladder_revision()));
    let names =
        |text: Option<String>| text.unwrap().lines().filter(|line| !line.contains("BANDWIDTH")).collect::<String>();
    assert_eq!(names(after.multivariant()), names(before.multivariant()));
    for (list, last) in playlists(&mut after).iter().zip(&last) {
        assert!(list.media_sequence > *last && !list.end_list, "{list:?}");
        assert_eq!((list.discontinuity_sequence, list.segments.len()), (1, 1));
        assert!(list.segments[0].uri.starts_with("gap-"), "{list:?}");
    }

    after.resume(NOON_MS + 90_000);
    start(&mut after, "source", 40, 720);
    let uri = add(&mut after, "source", 20_000, 22_000).unwrap();
    assert!(before.held().all(|held| *held != uri), "{uri} meant something else before");
    assert_eq!(after.ladder_revision(), before.ladder_revision() + 1);
    add(&mut after, "source", 22_000, 24_000);
    assert_eq!(after.ladder_revision(), before.ladder_revision() + 1);
    let list = &playlists(&mut after)[0];
    assert_eq!((list.discontinuity_sequence, list.segments.len()), (1, 3));
    assert!(list.segments[1].discontinuity && !list.segments[2].discontinuity);
}

#[test]
fn restart_after_restart_uses_no_number_twice() {
    let mut before = live();
    let mut last = 0;
    for _restart in 0..4 {
        before = restarted(&before);
        let first = playlists(&mut before)[0].media_sequence;
        assert!(first > last);
        last = first;
    }
}

#[test]
fn a_rung_that_was_removed_comes_back_with_fresh_numbers() {
    let mut before = live();
    declare(&mut before, &[("source", 0)]);
    let mut after = restarted(&before);
    assert_eq!(after.variants().len(), 1);
    after.resume(NOON_MS);
    declare(&mut after, &[("source", 0), ("low", 150_000)]);
    start(&mut after, "low", 40, 144);
    let uri = add(&mut after, "low", 20_000, 22_000).unwrap();
    assert!(before.held().all(|held| *held != uri), "{uri} meant something else before");
}

#[test]
fn what_nobody_could_play_is_not_remembered() {
    assert_eq!(presentation(1, &[("source", 0)]).remember(), None);
    let mut over = live();
    over.end();
    assert_eq!(over.remember(), None);
}
