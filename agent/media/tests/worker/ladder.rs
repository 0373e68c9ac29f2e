//! Rungs: each as declared, all on one grid, changed without touching the others.

use nixcast_media::WorkerOptions;
use nixcast_media::protocol::{EncoderSpec, MediaUnit, ToWorker, Tuning, WorkerReport};

use super::engine::{Answer, END, bitrate, exact, ladder, nal_units, play, spec};
use super::source::Source;

const IDR: u8 = 5;

/// No delay at all.
const SHORT: Tuning = Tuning { look_ahead: Some(0), b_frames: Some(0), frame_threads: None };

/// The options x264 really ran with, as it writes them into its first picture.
fn x264_options(answer: &Answer, track: u32) -> String {
    let first = &answer.video[&track][0].data;
    let sei = nal_units(first).find(|nal| nal[0] & 0x1f == 6).unwrap();
    let text = String::from_utf8_lossy(sei).into_owned();
    text.split_once("options: ").unwrap().1.to_owned()
}

fn check_options(answer: &Answer, track: u32, wanted: &[&str]) {
    let options = format!(" {}", x264_options(answer, track));
    for want in wanted {
        assert!(options.contains(&format!(" {want} ")), "rung {track}: {want} in {options}");
    }
}

/// What must hold for every rung: IDR pictures, real ones, at just these times.
fn check_grid(answer: &Answer, track: u32, grid: &[i64]) {
    assert_eq!(answer.sync_times(track), grid, "rung {track}");
    for unit in &answer.video[&track] {
        let has_idr = nal_units(&unit.data).any(|nal| nal[0] & 0x1f == IDR);
        assert_eq!(has_idr, unit.is_sync, "rung {track} at {}", unit.pts);
    }
}

#[test]
fn each_rung_is_encoded_as_declared_on_one_grid() {
    let source = Source::test_picture("640x360", 30, 8);
    let full = EncoderSpec { preset: "veryfast".to_owned(), height: None, ..spec(1, 0, 900) };
    let slow = EncoderSpec { preset: "medium".to_owned(), framerate: Some(15), ..spec(2, 180, 200) };
    let quick = EncoderSpec { width: Some(320), height: Some(240), tuning: SHORT, ..spec(3, 0, 450) };
    let mut messages = vec![ladder(2000, &[full, slow, quick], None)];
    messages.extend(source.messages.clone());
    messages.push(END);
    let answer = play(WorkerOptions { encoder_threads: None, ..exact() }, &messages);

    let size = |track| (answer.started(track).1, answer.started(track).2);
    assert_eq!([size(1), size(2), size(3)], [(640, 360), (320, 180), (320, 240)]);
    assert_eq!([answer.times(1), answer.times(3)], [source.times(), source.times()]);
    let half = answer.times(2).len();
    assert!((118..=122).contains(&half), "{half}");
    for (track, kbps) in [(1, 900.0), (2, 200.0), (3, 450.0)] {
        let ratio = answer.bitrate(track) / (kbps * 1000.0);
        assert!((0.75..1.2).contains(&ratio), "rung {track}: {ratio}");
    }
    check_options(
        &answer,
        1,
        &["subme=2", "bframes=3", "keyint=infinite", "scenecut=0", "bitrate=900", "vbv_maxrate=972", "vbv_bufsize=900"],
    );
    check_options(&answer, 2, &["subme=7", "bframes=3", "bitrate=200", "open_gop=0"]);
    check_options(&answer, 3, &["subme=0", "bframes=0", "rc_lookahead=0", "bitrate=450"]);
    // High is the most; ultrafast uses none of what would need more than Baseline.
    assert_eq!([1, 2, 3].map(|track| answer.started(track).0[1]), [100, 100, 66]);
    for track in 1..=3 {
        check_grid(&answer, track, &source.grid_times(2000));
        answer.check_decodes(track);
        assert!(answer.has_ended(track));
    }
    assert!(answer.video[&3].iter().all(|unit| unit.dts == unit.pts), "zero latency reorders nothing");
}

/// The source with ladder messages put before the first unit that is decoded after these times.
fn with_changes(source: &Source, changes: &[(i64, ToWorker)]) -> Vec<ToWorker> {
    let (mut messages, mut changes) = (Vec::new(), changes.iter().peekable());
    for message in &source.messages {
        if let ToWorker::Video(unit) = message {
            while let Some((_, change)) = changes.next_if(|(ms, _)| *ms * 90 <= unit.dts) {
                messages.push(change.clone());
            }
        }
        messages.push(message.clone());
    }
    messages.push(END);
    messages
}

#[test]
fn changing_the_ladder_leaves_the_other_rungs_as_they_were() {
    let source = Source::test_picture("640x360", 30, 12);
    let keep = EncoderSpec { preset: "veryfast".to_owned(), ..spec(1, 360, 800) };
    let (gone, added) = (spec(2, 240, 400), spec(3, 120, 150));
    let (rich, poor) = (spec(4, 180, 600), spec(4, 180, 150));
    let first = ladder(2000, &[keep.clone(), gone.clone(), rich.clone()], None);
    let quiet = play(exact(), &with_changes(&source, &[(0, first.clone())]));
    let changes = [
        (0, first),
        (3000, ladder(2000, &[keep.clone(), gone, rich, added.clone()], None)),
        (5000, ladder(2000, &[keep.clone(), poor.clone(), added], None)),
        (9000, ladder(2000, &[keep, poor], None)),
    ];
    let changed = play(exact(), &with_changes(&source, &changes));

    assert_eq!(changed.video[&1], quiet.video[&1], "the rung that stays is the same to the byte");
    let grid = source.grid_times(2000);
    check_grid(&changed, 1, &grid);
    check_grid(&changed, 2, &grid[..3]);
    check_grid(&changed, 3, &grid[2..5]);
    check_grid(&changed, 4, &grid);
    let between = |from: i64, to: i64| -> Vec<i64> {
        source.times().into_iter().filter(|pts| (from..to).contains(pts)).collect()
    };
    assert_eq!(changed.times(2), between(i64::MIN, grid[3]), "a removed rung loses none of its pictures");
    assert_eq!(changed.times(3), between(grid[2], grid[5]));
    assert!(changed.has_ended(2) && changed.has_ended(3));
    assert!(changed.reports.contains(&WorkerReport::BitrateChanged { id: 4, kbps: 150 }));
    let rate = |answer: &Answer, from, to| {
        let units: Vec<MediaUnit> =
            answer.video[&4].iter().filter(|unit| (from..to).contains(&unit.pts)).cloned().collect();
        bitrate(&units)
    };
    assert!(rate(&changed, grid[4], i64::MAX) < rate(&quiet, grid[4], i64::MAX) / 2.5);
    let first_of_4 = |answer: &Answer| answer.video[&4].iter().take(100).cloned().collect::<Vec<_>>();
    assert_eq!(first_of_4(&changed), first_of_4(&quiet), "until the change the bitrate is the old one");
    for track in 1..=4 {
        changed.check_decodes(track);
    }
}

#[test]
fn a_new_grid_counts_from_a_point_of_the_old_one() {
    let source = Source::test_picture("128x72", 30, 9);
    let rung = [spec(1, 72, 100)];
    let changes =
        [(0, ladder(2000, &rung, None)), (2500, ladder(1000, &rung, None)), (5200, ladder(3000, &rung, None))];
    let answer = play(exact(), &with_changes(&source, &changes));
    let ms: Vec<i64> = answer.sync_times(1).iter().map(|pts| pts / 90 / 100 * 100).collect();
    assert_eq!(ms, [0, 2000, 4000, 5000, 6000, 9000]);
}

#[test]
fn what_cannot_be_encoded_fails_alone() {
    let source = Source::test_picture("320x180", 30, 6);
    let good = spec(1, 180, 300);
    let bad = EncoderSpec { preset: "warp".to_owned(), ..spec(2, 180, 300) };
    let other = EncoderSpec { framerate: Some(10), ..spec(3, 90, 100) };
    let changes = [
        (0, ladder(1000, &[good.clone(), bad.clone(), spec(3, 90, 100)], None)),
        (2500, ladder(1000, &[good, bad, other], None)),
    ];
    let answer = play(exact(), &with_changes(&source, &changes));
    assert!(answer.failure(2).unwrap().contains("preset warp"), "{:?}", answer.failure(2));
    assert!(answer.failure(3).unwrap().contains("same id"));
    assert_eq!(answer.reports.iter().filter(|report| matches!(report, WorkerReport::Failed { .. })).count(), 2);
    assert_eq!(answer.times(1), source.times());
    answer.check_decodes(1);
    answer.check_decodes(3);
}

#[test]
fn a_publisher_that_changes_size_keeps_the_rungs() {
    let mut messages = vec![ladder(1000, &[spec(1, 180, 300)], None)];
    messages.extend(Source::test_picture("320x180", 30, 2).messages);
    messages.extend(Source::test_picture("640x480", 25, 2).later(2500).messages);
    messages.push(END);
    let answer = play(exact(), &messages);
    assert_eq!(answer.video[&1].len(), 60 + 50);
    answer.check_decodes(1);
}
