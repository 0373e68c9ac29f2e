//! Bits flipped in a recorded stream: whatever comes of them, the worker goes on or dies alone, and soon enough.

use std::io::{ErrorKind, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use nixcast_media::hex;
use nixcast_media::protocol::{AudioSpec, FrameReader, FromWorker, ToWorker, WorkerControl, WorkerReport};

use crate::engine::{ladder, spec};
use crate::source::Source;

/// Seeds of one run, and of one that has time (`NIXCAST_SLOW`).
const SEEDS: u64 = 60;
const ALL_SEEDS: u64 = 1000;

/// Seeds that one worker gets one after the other.
const SEEDS_EACH: u64 = 20;

/// Media of one seed: the first second is damaged, the second is whole.
const SEED_MS: i64 = 2000;

/// Longest that a worker may say nothing, on a machine that has other things to do.
const SILENCE: Duration = Duration::from_secs(60);

struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % bound
    }

    /// Flips so many bits.
    fn flip(&mut self, data: &mut [u8], bits: usize) {
        for _ in 0..bits {
            if !data.is_empty() {
                data[self.below(data.len())] ^= 1 << self.below(8);
            }
        }
    }
}

pub(crate) fn flipped_bits() {
    let seeds = if std::env::var_os("NIXCAST_SLOW").is_some() { ALL_SEEDS } else { SEEDS };
    let source = Source::test_picture("320x180", 15, 2);
    let began = Instant::now();
    let mut dead = Vec::new();
    for first in (0..seeds).step_by(SEEDS_EACH as usize) {
        let range = first..(first + SEEDS_EACH).min(seeds);
        if let Err(how) = play(&source, range.clone()) {
            println!("the worker died with one of the seeds {range:?}: {how}");
            dead.push(range);
        }
    }
    println!("{seeds} seeds in {:?}, {} workers died", began.elapsed(), dead.len());
    // A worker may die of what it is given; one that always does is no worker.
    assert!(dead.len() * 10 <= (seeds / SEEDS_EACH) as usize, "died: {dead:?}");
}

/// Plays a range of seeds to one worker, and checks that it encodes what is whole after each. Says how it died, if so.
fn play(source: &Source, seeds: std::ops::Range<u64>) -> Result<(), String> {
    let (mut socket, mut child) = worker();
    let sound = Some(AudioSpec { id: 9, bitrate_kbps: 64 });
    let mut messages = vec![ladder(1000, &[spec(1, 180, 300), spec(2, 90, 100)], sound)];
    for (at, seed) in seeds.clone().enumerate() {
        messages.extend(damaged(&source.clone().later(at as i64 * SEED_MS), seed));
    }
    messages.push(ToWorker::Control(WorkerControl::End));
    let mut bytes = BytesMut::new();
    messages.iter().for_each(|message| message.encode(&mut bytes).unwrap());
    let mut writing = socket.try_clone().unwrap();
    // A worker that died takes no more of it.
    let writer = std::thread::spawn(move || writing.write_all(&bytes).is_ok());
    let whole = pictures(&mut socket);
    socket.shutdown(std::net::Shutdown::Both).ok();
    let is_taken = writer.join().unwrap();
    let status = child.wait().unwrap();
    let (times, complaints) = whole.unwrap_or_else(|silence| panic!("seeds {seeds:?}: {silence}"));
    if !status.success() || !is_taken {
        return Err(status.to_string());
    }
    assert!(complaints > 0, "seeds {seeds:?} damaged nothing");
    for (at, seed) in seeds.enumerate() {
        let from = (at as i64 * SEED_MS + SEED_MS / 2) * 90;
        for track in [1, 2] {
            let encoded =
                times.iter().filter(|(id, pts)| *id == track && (from..from + SEED_MS / 2 * 90).contains(pts)).count();
            assert!(encoded > 0, "seed {seed}: none of 15 whole pictures in rung {track}");
        }
    }
    Ok(())
}

/// The first second of the source, its codec record too in every tenth seed, with 1 to 256 bits flipped; then the rest.
fn damaged(source: &Source, seed: u64) -> Vec<ToWorker> {
    let mut chance = Chance(seed);
    let first = source.times()[0];
    let damage = |dts: i64, rate: i64| dts < first / 90_000 * rate + rate * SEED_MS / 2000;
    let (mut out, mut is_restored) = (Vec::new(), true);
    let mut record = None;
    for mut message in source.messages.clone() {
        match &mut message {
            ToWorker::Control(WorkerControl::VideoSource { avcc_hex }) => {
                record = Some(avcc_hex.clone());
                if seed % 10 == 9 {
                    let mut bytes = hex::decode(avcc_hex).unwrap();
                    chance.flip(&mut bytes, 3);
                    *avcc_hex = hex::encode(&bytes);
                    is_restored = false;
                }
            }
            ToWorker::Video(unit) if damage(unit.dts, 90_000) => {
                unit.data = flipped(&unit.data, &mut chance);
            }
            ToWorker::Audio(unit) if damage(unit.dts, i64::from(source.audio_rate)) => {
                unit.data = flipped(&unit.data, &mut chance);
            }
            // As a publisher that starts over says its parameters again.
            ToWorker::Video(unit) if !is_restored && unit.is_sync => {
                is_restored = true;
                let avcc_hex = record.clone().unwrap();
                out.push(ToWorker::Control(WorkerControl::VideoSource { avcc_hex }));
            }
            _ => (),
        }
        out.push(message);
    }
    out
}

/// One unit in three, so that damage meets what is whole.
fn flipped(data: &Bytes, chance: &mut Chance) -> Bytes {
    let mut data = data.to_vec();
    if chance.below(3) == 0 {
        let bits = 1 << chance.below(9);
        chance.flip(&mut data, bits);
    }
    data.into()
}

/// Track and time of every picture that comes back until the worker closes its end, and how often it complained.
fn pictures(socket: &mut UnixStream) -> Result<(Vec<(u32, i64)>, u32), String> {
    socket.set_read_timeout(Some(SILENCE)).unwrap();
    let (mut reader, mut bytes, mut times, mut complaints) = (FrameReader::new(), vec![0; 1 << 16], Vec::new(), 0);
    loop {
        match socket.read(&mut bytes) {
            Ok(0) => return Ok((times, complaints)),
            Ok(count) => reader.feed(&bytes[..count]),
            Err(error) if error.kind() == ErrorKind::ConnectionReset => return Ok((times, complaints)),
            Err(error) => return Err(format!("the worker says nothing: {error}")),
        }
        while let Some(frame) = reader.next_frame().unwrap() {
            match FromWorker::decode(frame).unwrap() {
                FromWorker::Video(unit) => times.push((unit.track, unit.pts)),
                FromWorker::Report(WorkerReport::Corrupt { .. }) => complaints += 1,
                _ => (),
            }
        }
    }
}

/// A real worker, sandbox and all.
fn worker() -> (UnixStream, Child) {
    let (ours, theirs) = UnixStream::pair().unwrap();
    let mut command = Command::new(std::env::current_exe().unwrap());
    let child = command.args(["room", "worker"]).stdin(OwnedFd::from(theirs)).spawn().unwrap();
    (ours, child)
}
