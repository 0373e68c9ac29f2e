//! Ways in which a test lets the worker fail, to see that nobody but its own rungs notices.
//!
//! A debug build looks into the file that `NIXCAST_WORKER_FAULT` names before it locks itself in, and does what stands
//! there: one of the words below, or `die` and a rung's name. With `once` before it the file is removed, so that the
//! next worker is a good one. A release build knows neither the variable nor the words.

use std::io::Write;
use std::os::unix::net::UnixStream;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use bytes::{Bytes, BytesMut};

use crate::FAULT_VARIABLE;
use crate::protocol::{EncoderSpec, FromWorker, MediaUnit, WorkerReport};

/// Pictures that go well before anything is done: a second and a half at 30 fps.
const GOOD_UNITS: u32 = 45;

static WISH: OnceLock<String> = OnceLock::new();
static UNITS: AtomicU32 = AtomicU32::new(0);
/// Whether the rung that the worker is to die with is declared.
static IS_DOOMED: AtomicBool = AtomicBool::new(false);

/// Reads the file. To be called while files can be read.
pub(super) fn arm() {
    let Some(file) = std::env::var_os(FAULT_VARIABLE) else { return };
    let Ok(wish) = std::fs::read_to_string(&file) else { return };
    let wish = wish.trim();
    let rest = wish.strip_prefix("once ");
    if rest.is_some() && std::fs::remove_file(&file).is_err() {
        return;
    }
    WISH.get_or_init(|| rest.unwrap_or(wish).to_owned());
}

pub(super) fn declared(encoders: &[EncoderSpec]) {
    let rung = WISH.get().and_then(|wish| wish.strip_prefix("die "));
    let is_doomed = rung.is_some_and(|rung| encoders.iter().any(|encoder| rung == "any" || encoder.name == rung));
    IS_DOOMED.store(is_doomed, Ordering::Relaxed);
}

/// Called with each unit that is read.
pub(super) fn before_unit(socket: &UnixStream) {
    let Some(wish) = WISH.get() else { return };
    if UNITS.fetch_add(1, Ordering::Relaxed) < GOOD_UNITS {
        return;
    }
    match wish.as_str() {
        "hang" => loop {
            std::thread::sleep(Duration::from_secs(3600));
        },
        "spin" => loop {
            std::hint::spin_loop();
        },
        "slow" => std::thread::sleep(Duration::from_millis(150)),
        "nonsense" => send(socket, &[0xa5; 4096]),
        "timeless" => {
            let data = Bytes::from_static(&[0, 0, 0, 1, 0x65]);
            tell(socket, &FromWorker::Video(MediaUnit { track: 1, is_sync: true, dts: i64::MAX, pts: i64::MAX, data }));
        }
        "rateless" => {
            let asc_hex = "1190".to_owned();
            let report = WorkerReport::AudioStarted { id: 1, asc_hex, sample_rate: 0, channels: 2 };
            tell(socket, &FromWorker::Report(report));
        }
        "allocate" => allocate(),
        _ if IS_DOOMED.load(Ordering::Relaxed) => std::process::abort(),
        _ => (),
    }
}

fn tell(socket: &UnixStream, message: &FromWorker) {
    let mut frame = BytesMut::new();
    if message.encode(&mut frame).is_ok() {
        send(socket, &frame);
    }
}

fn send(mut socket: &UnixStream, bytes: &[u8]) {
    if socket.write_all(bytes).is_err() {
        std::process::abort();
    }
}

/// Until there is no more, which ends the process.
fn allocate() {
    let mut taken = Vec::new();
    loop {
        taken.push(vec![0_u8; 1 << 28]);
        std::hint::black_box(&taken);
    }
}
