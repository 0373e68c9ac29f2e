//! Parts, what players may wait for, and what a change of the ladder does to segments that are still growing.

use super::listing::Listing;
use super::*;

fn grow(presentation: &mut Presentation, name: &str, from_ms: i64, to_ms: i64) -> Option<Uri> {
    presentation.add_segment(&video(name), in_parts(from_ms, to_ms, 500, false))
}

fn finish(presentation: &mut Presentation, name: &str, from_ms: i64, to_ms: i64) -> Option<Uri> {
    presentation.add_segment(&video(name), in_parts(from_ms, to_ms, 500, true))
}

fn listing(presentation: &mut Presentation, name: &str) -> Listing {
    Listing::of(&text(presentation, name))
}

/// Addresses of the newest segment's parts.
fn newest_parts(presentation: &mut Presentation, name: &str) -> Vec<String> {
    let newest = listing(presentation, name).blocks.pop().unwrap();
    newest.parts.into_iter().map(|(uri, _)| uri).collect()
}

fn hint(presentation: &mut Presentation, name: &str) -> String {
    listing(presentation, name).attribute("#EXT-X-PRELOAD-HINT", "URI").unwrap()
}

fn ladder(level: u8, names: &[&'static str]) -> Presentation {
    let rungs: Vec<_> = (1..).zip(names).map(|(place, name)| (*name, 4_000_000 / place)).collect();
    let mut presentation = presentation(level, &rungs);
    for (id, name) in (1..).zip(names) {
        start(&mut presentation, name, id, 720);
    }
    presentation
}

#[test]
fn a_segment_keeps_its_address_from_its_first_part_to_the_end() {
    let mut presentation = ladder(2, &["720p"]);
    finish(&mut presentation, "720p", 0, 3000);
    let first = grow(&mut presentation, "720p", 3000, 3500).unwrap();
    assert_eq!(first.as_str(), "video/720p/0badcafe-2.m4s");
    assert_eq!(newest_parts(&mut presentation, "720p"), ["0badcafe-2.0.m4s"]);
    assert_eq!(hint(&mut presentation, "720p"), "0badcafe-2.1.m4s");
    assert!(presentation.is_hinted("video/720p/0badcafe-2.1.m4s"));
    assert!(!presentation.is_hinted("video/720p/0badcafe-2.2.m4s"));
    assert_eq!(grow(&mut presentation, "720p", 3000, 5000).as_ref(), Some(&first));
    assert_eq!(finish(&mut presentation, "720p", 3000, 6000).as_ref(), Some(&first));
    assert_eq!(newest_parts(&mut presentation, "720p").len(), 6);
    assert_eq!(hint(&mut presentation, "720p"), "0badcafe-3.0.m4s");
    assert!(presentation.held().any(|uri| *uri == first));
}

/// hls.js 1.7.4 takes a 0 for no number at all when it looks up where a part belongs, and then asks for the first
/// segment's parts without end.
#[test]
fn the_first_segment_of_a_broadcast_has_number_1() {
    let mut presentation = ladder(2, &["720p", "480p"]);
    start_sound(&mut presentation, 3);
    let tracks = [video("720p"), video("480p"), Track::Audio];
    for (to_ms, is_whole) in [(500, false), (3000, true)] {
        for track in &tracks {
            let uri = presentation.add_segment(track, in_parts(0, to_ms, 500, is_whole)).unwrap();
            assert!(uri.as_str().ends_with("/0badcafe-1.m4s"), "{uri}");
        }
    }
    for track in &tracks {
        let playlist = parsed(presentation.media_playlist(track, NOON_MS).unwrap());
        assert_eq!((playlist.media_sequence, playlist.segments[0].uri.as_str()), (1, "0badcafe-1.m4s"), "{track:?}");
    }
}

#[test]
fn parts_are_listed_for_three_target_durations() {
    let mut presentation = ladder(2, &["720p"]);
    for slot in 0..6 {
        finish(&mut presentation, "720p", slot * 3000, slot * 3000 + 3000);
    }
    let counts = |presentation: &mut Presentation| {
        let blocks = listing(presentation, "720p").blocks;
        blocks.iter().map(|block| block.parts.len()).collect::<Vec<_>>()
    };
    assert_eq!(counts(&mut presentation), [0, 0, 0, 6, 6, 6]);
    grow(&mut presentation, "720p", 18_000, 18_500);
    assert_eq!(counts(&mut presentation), [0, 0, 0, 0, 6, 6, 1]);
}

#[test]
fn the_first_part_alone_makes_nothing_playable() {
    let mut presentation = ladder(2, &["720p"]);
    grow(&mut presentation, "720p", 0, 500);
    assert_eq!(presentation.media_playlist(&video("720p"), NOON_MS), None);
    assert!(!presentation.is_playable() && presentation.variants().is_empty());
    finish(&mut presentation, "720p", 0, 3000);
    assert!(presentation.is_playable());
}

#[test]
fn a_long_segment_raises_the_target_duration_when_it_is_whole() {
    let mut presentation = ladder(2, &["720p"]);
    finish(&mut presentation, "720p", 0, 3000);
    grow(&mut presentation, "720p", 3000, 9500);
    assert_eq!(presentation.target_s(&video("720p")), Some(3));
    finish(&mut presentation, "720p", 3000, 11_000);
    assert_eq!(presentation.target_s(&video("720p")), Some(8));
    assert!(text(&mut presentation, "720p").contains("CAN-SKIP-UNTIL=48,HOLD-BACK=24,"));
}

#[test]
fn a_picture_that_stands_long_raises_the_part_target_while_it_is_listed() {
    let mut presentation = ladder(0, &["720p"]);
    presentation.add_segment(&video("720p"), in_parts(0, 1000, 800, true));
    assert!(text(&mut presentation, "720p").contains("PART-HOLD-BACK=2.4\n#EXT-X-PART-INF:PART-TARGET=0.8\n"));
    for slot in 1..5 {
        presentation.add_segment(&video("720p"), in_parts(slot * 1000, slot * 1000 + 1000, 200, true));
    }
    assert!(text(&mut presentation, "720p").contains("PART-HOLD-BACK=0.65\n#EXT-X-PART-INF:PART-TARGET=0.21\n"));
}

#[test]
fn a_new_level_names_its_parts_at_once_and_longer_ones_until_they_are_gone() {
    let mut presentation = ladder(2, &["720p"]);
    finish(&mut presentation, "720p", 0, 3000);
    presentation.set_latency(LatencyLevel::new(0));
    assert!(text(&mut presentation, "720p").contains("PART-HOLD-BACK=1.5\n#EXT-X-PART-INF:PART-TARGET=0.5\n"));
    for second in 3..13 {
        presentation.add_segment(&video("720p"), in_parts(second * 1000, second * 1000 + 1000, 200, true));
    }
    assert!(text(&mut presentation, "720p").contains("PART-HOLD-BACK=0.65\n#EXT-X-PART-INF:PART-TARGET=0.21\n"));
    presentation.set_latency(LatencyLevel::new(4));
    assert!(text(&mut presentation, "720p").contains("PART-HOLD-BACK=10.0\n#EXT-X-PART-INF:PART-TARGET=1.03\n"));
}

#[test]
fn one_text_serves_all_who_wait_for_the_same_moment() {
    let mut presentation = ladder(2, &["720p"]);
    finish(&mut presentation, "720p", 0, 3000);
    let reload = Reload { until: Some(Moment { msn: 2, part: Some(0) }), skips: false };
    let ask = |presentation: &mut Presentation| presentation.reload(&video("720p"), reload, NOON_MS);
    assert_eq!(ask(&mut presentation), Answer::Wait(Moment { msn: 2, part: Some(0) }));
    grow(&mut presentation, "720p", 3000, 3500);
    let (Answer::Now(one), Answer::Now(other)) = (ask(&mut presentation), ask(&mut presentation)) else {
        panic!("the part is there")
    };
    assert_eq!(one.as_ptr(), other.as_ptr());
    grow(&mut presentation, "720p", 3000, 4000);
    let Answer::Now(later) = ask(&mut presentation) else { panic!("the part is there") };
    assert_ne!(one, later);
}

#[test]
fn nobody_waits_after_the_end() {
    let mut presentation = ladder(2, &["720p"]);
    finish(&mut presentation, "720p", 0, 3000);
    finish(&mut presentation, "720p", 3000, 4000);
    presentation.end();
    let reload = Reload { until: Some(Moment { msn: 99, part: Some(9) }), skips: true };
    let Answer::Now(text) = presentation.reload(&video("720p"), reload, NOON_MS) else { panic!("it is over") };
    let text = std::str::from_utf8(&text).unwrap();
    assert!(text.ends_with("0badcafe-2.m4s\n#EXT-X-ENDLIST\n"), "{text}");
    assert!(!presentation.is_hinted("video/720p/0badcafe-3.0.m4s"));
}

#[test]
fn nobody_waits_while_the_publisher_is_away() {
    let mut presentation = ladder(2, &["720p"]);
    finish(&mut presentation, "720p", 0, 3000);
    let reload = Reload { until: Some(Moment { msn: 2, part: Some(0) }), skips: false };
    assert!(matches!(presentation.reload(&video("720p"), reload, NOON_MS), Answer::Wait(_)));
    presentation.pause();
    let Answer::Now(away) = presentation.reload(&video("720p"), reload, NOON_MS) else { panic!("it waits") };
    let away = std::str::from_utf8(&away).unwrap();
    assert!(away.contains("#EXT-X-SERVER-CONTROL:CAN-SKIP-UNTIL=18,") && !away.contains("HINT"), "{away}");
    assert!(presentation.edges().all(|(_, edge)| edge.has(Moment { msn: 2, part: None })));
    presentation.resume(NOON_MS + 60_000);
    assert!(matches!(presentation.reload(&video("720p"), reload, NOON_MS), Answer::Wait(_)));
    assert!(text(&mut presentation, "720p").contains("CAN-BLOCK-RELOAD=YES"));
}

#[test]
fn a_followed_rung_lists_its_feeders_parts_as_they_come() {
    let mut presentation = ladder(2, &["720p", "480p"]);
    for name in ["720p", "480p"] {
        finish(&mut presentation, name, 0, 3000);
    }
    declare(&mut presentation, &[("720p", 4_000_000)]);
    assert_eq!(hint(&mut presentation, "480p"), "../720p/0badcafe-2.0.m4s");
    grow(&mut presentation, "720p", 3000, 4000);
    assert_eq!(newest_parts(&mut presentation, "480p"), ["../720p/0badcafe-2.0.m4s", "../720p/0badcafe-2.1.m4s"]);
    assert_eq!(hint(&mut presentation, "480p"), "../720p/0badcafe-2.2.m4s");
    finish(&mut presentation, "720p", 3000, 6000);
    assert_eq!(listed(&mut presentation, "480p").1, ["0badcafe-1.m4s", "../720p/0badcafe-2.m4s"]);
}

#[test]
fn a_feeders_segment_is_followed_to_its_end_whoever_comes_meanwhile() {
    let mut presentation = ladder(2, &["720p", "480p", "240p"]);
    for name in ["720p", "480p", "240p"] {
        finish(&mut presentation, name, 0, 3000);
    }
    presentation.lose("480p");
    grow(&mut presentation, "720p", 3000, 4000);
    grow(&mut presentation, "240p", 3000, 4000);
    let fed = newest_parts(&mut presentation, "480p");
    let feeder = fed[0].strip_prefix("../").unwrap().split('/').next().unwrap().to_owned();
    let other = if feeder == "720p" { "240p" } else { "720p" };
    // The feeder goes as well, and the rung's own encoder is back before the segment is whole.
    presentation.lose(&feeder);
    assert_eq!(grow(&mut presentation, "480p", 3500, 4500), None);
    assert_eq!(newest_parts(&mut presentation, "480p"), fed);
    finish(&mut presentation, &feeder, 3000, 5000);
    assert_eq!(listed(&mut presentation, "480p").1[1], format!("../{feeder}/0badcafe-2.m4s"));
    // From here on it stands on its own again.
    finish(&mut presentation, other, 3000, 6000);
    finish(&mut presentation, "480p", 3500, 6000);
    assert_eq!(listed(&mut presentation, "480p").1[2], "0badcafe-3.m4s");
}

#[test]
fn an_own_segment_that_comes_too_early_is_listed_from_where_it_says_something_new() {
    let mut presentation = ladder(2, &["720p", "480p"]);
    for name in ["720p", "480p"] {
        finish(&mut presentation, name, 0, 3000);
    }
    presentation.lose("480p");
    finish(&mut presentation, "720p", 3000, 6000);
    for to_ms in [4500, 5000, 6000] {
        assert_eq!(grow(&mut presentation, "480p", 4000, to_ms), None, "its time is there until {to_ms}");
    }
    assert!(grow(&mut presentation, "480p", 4000, 6500).is_some());
    assert_eq!(newest_parts(&mut presentation, "480p").len(), 5);
}

#[test]
fn a_segment_that_nobody_finishes_becomes_a_gap() {
    let mut presentation = ladder(2, &["720p"]);
    finish(&mut presentation, "720p", 0, 3000);
    grow(&mut presentation, "720p", 3000, 4000);
    presentation.resume(NOON_MS + 60_000);
    grow(&mut presentation, "720p", 4000, 4500);
    assert_eq!(listed(&mut presentation, "720p").1[..2], ["0badcafe-1.m4s", "gap-2.m4s"]);
    assert_eq!(newest_parts(&mut presentation, "720p"), ["0badcafe-3.0.m4s"]);
    presentation.end();
    assert!(text(&mut presentation, "720p").ends_with("gap-3.m4s\n#EXT-X-ENDLIST\n"));
}
