//! Bad input, a slow engine, an engine that leaves.

use std::io::Write;
use std::time::{Duration, Instant};

use bytes::Bytes;
use nixcast_media::protocol::{AudioSpec, MediaUnit, ToWorker, WorkerControl};
use nixcast_media::{WorkerError, WorkerOptions};

use super::engine::{Answer, END, Worker, encoded, exact, ladder, play, spec};
use super::source::Source;

const SOUND: Option<AudioSpec> = Some(AudioSpec { id: 9, bitrate_kbps: 96 });

/// Reproducible noise.
fn noise(seed: &mut u64) -> u8 {
    *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    (*seed >> 56) as u8
}

#[test]
fn corrupt_units_are_skipped_and_reported() {
    let source = Source::test_picture("320x180", 30, 6);
    let (mut seed, mut count) = (7, 0);
    let mut messages = vec![ladder(1000, &[spec(1, 180, 300)], SOUND)];
    for mut message in source.messages.clone() {
        count += 1;
        if let ToWorker::Video(unit) | ToWorker::Audio(unit) = &mut message {
            let mut data = unit.data.to_vec();
            match count % 40 {
                3 => data.iter_mut().step_by(9).for_each(|byte| *byte = noise(&mut seed)),
                11 => data.truncate(data.len() / 2),
                19 => data.clear(),
                23 => data.iter_mut().for_each(|byte| *byte = noise(&mut seed)),
                29 => unit.pts = i64::MAX,
                31 => (unit.dts, unit.pts) = (i64::MIN, i64::MIN),
                _ => {}
            }
            unit.data = Bytes::from(data);
        }
        messages.push(message);
    }
    for bad in ["", "zz", "01", "0164001fffe1ffff"] {
        messages.push(ToWorker::Control(WorkerControl::AudioSource { asc_hex: bad.to_owned() }));
        messages.push(ToWorker::Control(WorkerControl::VideoSource { avcc_hex: bad.to_owned() }));
    }
    messages.extend(source.later(7000).messages);
    messages.push(END);
    let began = Instant::now();
    let answer = play(exact(), &messages);
    let most = 2 * (1 + began.elapsed().as_secs() as usize);
    assert!((1..=most).contains(&answer.corrupt()), "{} reports, at most {most}", answer.corrupt());
    assert!(answer.has_ended(1) && answer.has_ended(9));
    let after = answer.video[&1].iter().filter(|unit| unit.pts >= 7000 * 90).count();
    assert_eq!(after, 180, "what is whole is encoded");
    answer.check_decodes(1);
}

#[test]
fn an_engine_that_leaves_ends_the_worker_quietly() {
    let source = Source::test_picture("320x180", 30, 4);
    let mut messages = vec![ladder(1000, &[spec(1, 180, 300), spec(2, 90, 100)], SOUND)];
    messages.extend(source.messages);
    let worker = Worker::start(exact());
    let bytes = encoded(&messages);
    let mut socket = worker.socket;
    // The worker may be gone in the middle of this: nothing reads what it writes.
    socket.set_write_timeout(Some(Duration::from_secs(2))).unwrap();
    let (whole, rest) = bytes.split_at(bytes.len() / 2);
    let sent = socket.write_all(whole).and_then(|()| socket.write_all(&rest[..rest.len() / 2]));
    drop(sent);
    drop(socket);
    worker.thread.join().unwrap().unwrap();
}

#[test]
fn an_engine_that_only_stops_sending_ends_the_worker_too() {
    let worker = Worker::start(exact());
    let mut socket = worker.socket;
    socket.write_all(&encoded(&[ladder(1000, &[spec(1, 180, 300)], None)])).unwrap();
    socket.shutdown(std::net::Shutdown::Write).unwrap();
    worker.thread.join().unwrap().unwrap();
    assert!(Answer::read(&socket).video.is_empty());
}

#[test]
fn what_is_no_frame_is_an_error() {
    let worker = Worker::start(exact());
    let mut socket = worker.socket;
    socket.write_all(&[0, 0, 0, 1, 0x55]).unwrap();
    assert!(matches!(worker.thread.join().unwrap(), Err(WorkerError::Protocol(_))));
}

#[test]
fn rungs_skip_to_a_grid_point_when_the_engine_reads_slowly() {
    let source = Source::test_picture("320x180", 30, 20);
    let mut messages = vec![ladder(1000, &[spec(1, 180, 5000), spec(2, 180, 5000)], None)];
    messages.extend(source.messages.clone());
    messages.push(END);
    let impatient = WorkerOptions { patience: Duration::ZERO, ..exact() };
    let worker = Worker::start(impatient);
    let mut writing = worker.socket.try_clone().unwrap();
    // Nothing is read before everything is sent: that this returns shows that the worker goes on reading.
    writing.write_all(&encoded(&messages)).unwrap();
    let answer = Answer::read(&worker.socket);
    worker.thread.join().unwrap().unwrap();
    let grid = source.grid_times(1000);
    for track in [1, 2] {
        let units: &[MediaUnit] = &answer.video[&track];
        assert!(units.len() < 600, "rung {track} lost nothing: {}", units.len());
        assert!(answer.sync_times(track).iter().all(|pts| grid.contains(pts)));
        assert!(answer.has_ended(track));
        answer.check_decodes(track);
    }
}
