//! Whole playlists, to be read.

use super::*;

fn check(actual: &str, expected: &str) {
    assert_eq!(actual, expected, "\n--- actual ---\n{actual}");
    if actual.contains("EXT-X-STREAM-INF") {
        m3u8_rs::parse_master_playlist_res(actual.as_bytes()).unwrap();
    } else {
        parsed(actual);
    }
}

#[test]
fn a_rung_is_listed_with_dates_durations_and_its_init_section() {
    let mut presentation = presentation(2, &[("720p", 1_000_000)]);
    start(&mut presentation, "720p", 1, 720);
    add(&mut presentation, "720p", 0, 3003);
    add(&mut presentation, "720p", 3003, 6006);
    check(
        &text(&mut presentation, "720p"),
        "#EXTM3U\n\
         #EXT-X-VERSION:7\n\
         #EXT-X-TARGETDURATION:3\n\
         #EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,CAN-SKIP-UNTIL=18,HOLD-BACK=9,PART-HOLD-BACK=2.0\n\
         #EXT-X-PART-INF:PART-TARGET=0.53\n\
         #EXT-X-MEDIA-SEQUENCE:1\n\
         #EXT-X-INDEPENDENT-SEGMENTS\n\
         #EXT-X-MAP:URI=\"0badcafe-i1.mp4\"\n\
         #EXT-X-PROGRAM-DATE-TIME:2026-11-22T12:00:00.000Z\n\
         #EXTINF:3.003000,\n\
         0badcafe-1.m4s\n\
         #EXT-X-PROGRAM-DATE-TIME:2026-11-22T12:00:03.003Z\n\
         #EXTINF:3.003000,\n\
         0badcafe-2.m4s\n\
         #EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"0badcafe-3.0.m4s\"\n",
    );
}

#[test]
fn a_removed_rung_continues_with_its_siblings_segments() {
    let mut presentation = presentation(2, &[("720p", 3_000_000), ("480p", 1_000_000)]);
    for (name, id, height) in [("720p", 1, 720), ("480p", 2, 480)] {
        start(&mut presentation, name, id, height);
        add(&mut presentation, name, 0, 3000);
    }
    declare(&mut presentation, &[("720p", 3_000_000)]);
    add(&mut presentation, "720p", 3000, 6000);
    presentation.end();
    check(
        &text(&mut presentation, "480p"),
        "#EXTM3U\n\
         #EXT-X-VERSION:7\n\
         #EXT-X-TARGETDURATION:3\n\
         #EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,CAN-SKIP-UNTIL=18,HOLD-BACK=9,PART-HOLD-BACK=2.0\n\
         #EXT-X-PART-INF:PART-TARGET=0.53\n\
         #EXT-X-MEDIA-SEQUENCE:1\n\
         #EXT-X-INDEPENDENT-SEGMENTS\n\
         #EXT-X-MAP:URI=\"0badcafe-i2.mp4\"\n\
         #EXT-X-PROGRAM-DATE-TIME:2026-11-22T12:00:00.000Z\n\
         #EXTINF:3.000000,\n\
         0badcafe-1.m4s\n\
         #EXT-X-MAP:URI=\"../720p/0badcafe-i1.mp4\"\n\
         #EXT-X-PROGRAM-DATE-TIME:2026-11-22T12:00:03.000Z\n\
         #EXTINF:3.000000,\n\
         ../720p/0badcafe-2.m4s\n\
         #EXT-X-ENDLIST\n",
    );
}

#[test]
fn a_hole_is_listed_as_a_gap_and_a_resumed_broadcast_as_a_discontinuity() {
    let mut presentation = presentation(0, &[("720p", 1_000_000)]);
    start(&mut presentation, "720p", 1, 720);
    add(&mut presentation, "720p", 0, 1000);
    start(&mut presentation, "720p", 2, 720);
    add(&mut presentation, "720p", 2500, 3500);
    presentation.resume(NOON_MS + 60_000);
    add(&mut presentation, "720p", 3500, 4500);
    check(
        &text(&mut presentation, "720p"),
        "#EXTM3U\n\
         #EXT-X-VERSION:8\n\
         #EXT-X-TARGETDURATION:1\n\
         #EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,CAN-SKIP-UNTIL=6,HOLD-BACK=3,PART-HOLD-BACK=0.65\n\
         #EXT-X-PART-INF:PART-TARGET=0.21\n\
         #EXT-X-MEDIA-SEQUENCE:1\n\
         #EXT-X-INDEPENDENT-SEGMENTS\n\
         #EXT-X-MAP:URI=\"0badcafe-i1.mp4\"\n\
         #EXT-X-PROGRAM-DATE-TIME:2026-11-22T12:00:00.000Z\n\
         #EXTINF:1.000000,\n\
         0badcafe-1.m4s\n\
         #EXT-X-GAP\n\
         #EXT-X-PROGRAM-DATE-TIME:2026-11-22T12:00:01.000Z\n\
         #EXTINF:0.750000,\n\
         gap-2.m4s\n\
         #EXT-X-GAP\n\
         #EXT-X-PROGRAM-DATE-TIME:2026-11-22T12:00:01.750Z\n\
         #EXTINF:0.750000,\n\
         gap-3.m4s\n\
         #EXT-X-MAP:URI=\"0badcafe-i2.mp4\"\n\
         #EXT-X-PROGRAM-DATE-TIME:2026-11-22T12:00:02.500Z\n\
         #EXTINF:1.000000,\n\
         0badcafe-4.m4s\n\
         #EXT-X-DISCONTINUITY\n\
         #EXT-X-PROGRAM-DATE-TIME:2026-11-22T12:01:03.500Z\n\
         #EXTINF:1.000000,\n\
         0badcafe-5.m4s\n\
         #EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"0badcafe-6.0.m4s\"\n",
    );
}

#[test]
fn parts_come_before_their_segment_and_tell_what_follows() {
    let mut presentation = presentation(1, &[("720p", 2_000_000), ("480p", 1_000_000)]);
    for (name, id, height) in [("720p", 1, 720), ("480p", 2, 480)] {
        start(&mut presentation, name, id, height);
        for slot in 0..9 {
            add(&mut presentation, name, slot * 2000, slot * 2000 + 2000);
        }
        presentation.add_segment(&video(name), in_parts(18_000, 20_000, 350, true));
    }
    start_sound(&mut presentation, 3);
    presentation.add_segment(&Track::Audio, in_parts(18_000, 20_000, 341, true));
    presentation.add_segment(&video("480p"), in_parts(20_000, 20_700, 350, false));
    presentation.add_segment(&video("720p"), in_parts(20_000, 20_350, 350, false));
    let reload = Reload { until: None, skips: true };
    let Answer::Now(delta) = presentation.reload(&video("480p"), reload, NOON_MS) else {
        panic!("there is a playlist")
    };
    check(
        std::str::from_utf8(&delta).unwrap(),
        "#EXTM3U\n\
         #EXT-X-VERSION:9\n\
         #EXT-X-TARGETDURATION:2\n\
         #EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,CAN-SKIP-UNTIL=12,HOLD-BACK=6,PART-HOLD-BACK=1.2\n\
         #EXT-X-PART-INF:PART-TARGET=0.35\n\
         #EXT-X-MEDIA-SEQUENCE:1\n\
         #EXT-X-INDEPENDENT-SEGMENTS\n\
         #EXT-X-SKIP:SKIPPED-SEGMENTS=3\n\
         #EXT-X-PROGRAM-DATE-TIME:2026-11-22T12:00:06.000Z\n\
         #EXTINF:2.000000,\n\
         0badcafe-4.m4s\n\
         #EXT-X-PROGRAM-DATE-TIME:2026-11-22T12:00:08.000Z\n\
         #EXTINF:2.000000,\n\
         0badcafe-5.m4s\n\
         #EXT-X-PROGRAM-DATE-TIME:2026-11-22T12:00:10.000Z\n\
         #EXTINF:2.000000,\n\
         0badcafe-6.m4s\n\
         #EXT-X-PROGRAM-DATE-TIME:2026-11-22T12:00:12.000Z\n\
         #EXTINF:2.000000,\n\
         0badcafe-7.m4s\n\
         #EXT-X-PROGRAM-DATE-TIME:2026-11-22T12:00:14.000Z\n\
         #EXTINF:2.000000,\n\
         0badcafe-8.m4s\n\
         #EXT-X-PROGRAM-DATE-TIME:2026-11-22T12:00:16.000Z\n\
         #EXTINF:2.000000,\n\
         0badcafe-9.m4s\n\
         #EXT-X-PROGRAM-DATE-TIME:2026-11-22T12:00:18.000Z\n\
         #EXT-X-PART:DURATION=0.35,URI=\"0badcafe-10.0.m4s\",INDEPENDENT=YES\n\
         #EXT-X-PART:DURATION=0.35,URI=\"0badcafe-10.1.m4s\"\n\
         #EXT-X-PART:DURATION=0.35,URI=\"0badcafe-10.2.m4s\"\n\
         #EXT-X-PART:DURATION=0.35,URI=\"0badcafe-10.3.m4s\"\n\
         #EXT-X-PART:DURATION=0.35,URI=\"0badcafe-10.4.m4s\"\n\
         #EXT-X-PART:DURATION=0.25,URI=\"0badcafe-10.5.m4s\"\n\
         #EXTINF:2.000000,\n\
         0badcafe-10.m4s\n\
         #EXT-X-PROGRAM-DATE-TIME:2026-11-22T12:00:20.000Z\n\
         #EXT-X-PART:DURATION=0.35,URI=\"0badcafe-11.0.m4s\",INDEPENDENT=YES\n\
         #EXT-X-PART:DURATION=0.35,URI=\"0badcafe-11.1.m4s\"\n\
         #EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"0badcafe-11.2.m4s\"\n\
         #EXT-X-RENDITION-REPORT:URI=\"../720p/stream.m3u8\",LAST-MSN=11,LAST-PART=0\n\
         #EXT-X-RENDITION-REPORT:URI=\"../../audio/stream.m3u8\",LAST-MSN=1,LAST-PART=5\n",
    );
}

#[test]
fn the_multivariant_playlist_lists_the_ladder_with_measured_bitrates() {
    let mut presentation = presentation(2, &[("source", 0), ("480p", 1_500_000), ("360p", 700_000)]);
    start_sound(&mut presentation, 9);
    start(&mut presentation, "480p", 2, 480);
    presentation.add_init(&video("source"), EncoderId(1), InitFacts { frame_rate: None, ..picture(1080) });
    add(&mut presentation, "480p", 0, 3000);
    presentation.add_segment(&video("source"), SegmentFacts { bytes: 3_000_000, ..segment(0, 4000) });
    presentation.add_segment(&video("source"), SegmentFacts { bytes: 2_000_000, ..segment(4000, 8000) });
    assert_eq!(presentation.multivariant(), None, "the sound has begun but cannot be heard yet");
    presentation.add_segment(&Track::Audio, SegmentFacts { bytes: 48_000, ..segment(0, 3000) });
    assert_eq!(presentation.multivariant(), None, "360p may still come");
    presentation.add_segment(&video("source"), SegmentFacts { bytes: 2_500_000, ..segment(8000, 12_000) });
    check(
        &presentation.multivariant().unwrap(),
        "#EXTM3U\n\
         #EXT-X-VERSION:7\n\
         #EXT-X-INDEPENDENT-SEGMENTS\n\
         #EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"audio\",NAME=\"Main\",DEFAULT=YES,AUTOSELECT=YES,URI=\"audio/stream.m3u8\"\n\
         #EXT-X-STREAM-INF:BANDWIDTH=6128000,AVERAGE-BANDWIDTH=5128000,CODECS=\"avc1.64001f,mp4a.40.2\",RESOLUTION=1920x1080,AUDIO=\"audio\"\n\
         video/source/stream.m3u8\n\
         #EXT-X-STREAM-INF:BANDWIDTH=1628000,AVERAGE-BANDWIDTH=1128000,CODECS=\"avc1.64001f,mp4a.40.2\",RESOLUTION=848x480,FRAME-RATE=30.000,AUDIO=\"audio\"\n\
         video/480p/stream.m3u8\n",
    );
}

#[test]
fn a_broadcast_of_sound_alone_has_one_variant() {
    let mut presentation = presentation(2, &[]);
    start_sound(&mut presentation, 1);
    presentation.add_segment(&Track::Audio, SegmentFacts { bytes: 60_000, ..segment(0, 3000) });
    check(
        &presentation.multivariant().unwrap(),
        "#EXTM3U\n\
         #EXT-X-VERSION:7\n\
         #EXT-X-INDEPENDENT-SEGMENTS\n\
         #EXT-X-STREAM-INF:BANDWIDTH=160000,AVERAGE-BANDWIDTH=160000,CODECS=\"mp4a.40.2\"\n\
         audio/stream.m3u8\n",
    );
}

#[test]
fn a_segment_that_needs_the_one_before_is_not_called_independent() {
    let mut presentation = presentation(2, &[("source", 0)]);
    start(&mut presentation, "source", 1, 720);
    add(&mut presentation, "source", 0, 16_000);
    presentation.add_segment(&video("source"), SegmentFacts { is_independent: false, ..segment(16_000, 32_000) });
    assert!(!text(&mut presentation, "source").contains("INDEPENDENT"));
    assert!(!presentation.multivariant().unwrap().contains("INDEPENDENT"));
    assert!(text(&mut presentation, "source").contains("#EXT-X-TARGETDURATION:16\n"));
}
