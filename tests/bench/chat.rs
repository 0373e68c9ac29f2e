//! The chat with thousands of clients: what is delivered, how soon, and what it costs; beside a plain broadcast server
//! on npm's ws, which neither checks nor stores nor renders what it passes on.

pub(crate) mod crowd;
mod frames;

use std::env;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::thread;
use std::time::Duration;

use nixcast_schema::Network;
use nixcast_tests::process::{self, Process};
use nixcast_tests::server::{self, Scene};
use nixcast_tests::wait;
use serde_json::Value;

use crate::table::{Aim, Row};

/// The kinds of server that a crowd knows.
const OURS: &str = "nixcast";
const THEIRS: &str = "ws";

/// How much is said to how many.
#[derive(Clone, Copy)]
struct Load {
    clients: usize,
    /// Messages a second.
    rate: u32,
    seconds: u32,
}

const LECTURE: Load = Load { clients: 5_000, rate: 50, seconds: 20 };
/// 25,000 deliveries a second: on two cores that it shares with its clients, ws holds some 30,000.
const HELD_BY_WS: Load = Load { rate: 5, ..LECTURE };
/// What ws makes of the same: it delivers for a long time afterwards.
const TOO_MUCH_FOR_WS: Load = Load { seconds: 5, ..LECTURE };
const MOST: Load = Load { clients: 10_000, rate: 20, seconds: 10 };

/// Memory is read so long after the last thing that happened.
const SETTLED: Duration = Duration::from_secs(3);

const MOST_P99_MS: f64 = 300.0;
const MOST_IDLE_KB: f64 = 10.0;

pub(crate) fn measure() -> Vec<Row> {
    let ours = of_nixcast(&[LECTURE, HELD_BY_WS]);
    let theirs = of_ws(&[HELD_BY_WS, TOO_MUCH_FOR_WS]);
    let many = of_nixcast(&[MOST]);
    let ([lecture, quiet], [held, late], [most]) = (&ours.talks[..], &theirs.talks[..], &many.talks[..]) else {
        panic!("each load is one talk");
    };
    let beside = |talk: &Talk, what, figure, theirs, unit| Row {
        theirs: Some((THEIRS, theirs)),
        ..talk.row(what, figure, unit, Aim::Ratio(1.0))
    };
    let mut rows = lecture.rows(MOST_P99_MS);
    rows.extend([
        Row {
            theirs: Some((THEIRS, late.rate)),
            ..lecture.row("deliveries", lecture.rate, "/s", Aim::AtLeastRatio(1.0))
        },
        beside(lecture, "server CPU for each delivery", lecture.cpu_us, late.cpu_us, "us"),
        beside(quiet, "server CPU for each delivery", quiet.cpu_us, held.cpu_us, "us"),
        beside(quiet, "delivered after, p99", quiet.p99_ms, held.p99_ms, "ms"),
    ]);
    rows.extend(most.rows(2.0 * MOST_P99_MS));
    for (crowded, load) in [(&ours, LECTURE), (&many, MOST)] {
        let what = format!("memory for each of {} idle clients", load.clients);
        let row = Row::alone(what, crowded.idle_kb, "kB", Aim::AtMost(MOST_IDLE_KB));
        rows.push(Row { theirs: (load.clients == LECTURE.clients).then_some((THEIRS, theirs.idle_kb)), ..row });
    }
    rows
}

/// A server with a crowd in it.
struct Crowded {
    /// 1000 bytes of the server's memory for each client, before anybody has said anything.
    idle_kb: f64,
    talks: Vec<Talk>,
}

/// What became of what was said.
struct Talk {
    load: Load,
    /// Deliveries a second, from the first message to the last delivery.
    rate: f64,
    /// Deliveries that were not made, or made twice.
    wrong: f64,
    p50_ms: f64,
    p99_ms: f64,
    /// Microseconds of the server's CPU for each delivery.
    cpu_us: f64,
}

impl Talk {
    fn rows(&self, most_p99_ms: f64) -> Vec<Row> {
        vec![
            self.row("lost or doubled", self.wrong, "deliveries", Aim::AtMost(0.0)),
            self.row("delivered after, p50", self.p50_ms, "ms", Aim::AtMost(most_p99_ms)),
            self.row("delivered after, p99", self.p99_ms, "ms", Aim::AtMost(most_p99_ms)),
        ]
    }

    fn row(&self, what: &str, figure: f64, unit: &'static str, aim: Aim) -> Row {
        let Load { clients, rate, .. } = self.load;
        Row::alone(format!("{what}: {clients} clients, {rate} messages a second"), figure, unit, aim)
    }
}

fn of_nixcast(loads: &[Load]) -> Crowded {
    let mut scene = Scene::new();
    // Everybody has an address of their own, as the proxy says: one address may not say fifty things a second.
    scene.settings.http.trusted_proxies = vec![Network("127.0.0.1".to_owned())];
    let server = scene.start();
    let pid = server.pid_of("engine").unwrap();
    crowded(OURS, pid, server.http_port(), loads)
}

fn of_ws(loads: &[Load]) -> Crowded {
    let folder = tempfile::tempdir().unwrap();
    let port = server::free_port();
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("bench/peer/broadcast.js");
    let mut command = Command::new("node");
    command.arg(program).arg(port.to_string());
    let server = Process::spawn("the ws server", &mut command, &folder.path().join("log"));
    wait::until("the ws server", Duration::from_secs(20), || TcpStream::connect(("127.0.0.1", port)).ok());
    crowded(THEIRS, server.id(), port, loads)
}

fn crowded(kind: &'static str, pid: u32, port: u16, loads: &[Load]) -> Crowded {
    let clients = loads[0].clients;
    thread::sleep(SETTLED);
    let empty = process::resident_bytes(pid);
    let each = || process::resident_bytes(pid).saturating_sub(empty) as f64 / clients as f64 / 1000.0;
    let mut crowd = Crowd::enter(kind, port, clients);
    thread::sleep(SETTLED);
    let idle_kb = each();
    let talks = loads.iter().map(|load| crowd.talk(pid, *load)).collect();
    eprintln!("{kind}: {clients} clients, {idle_kb:.2} kB each while idle, {:.2} kB after their talks", each());
    Crowded { idle_kb, talks }
}

/// A process of many clients.
struct Crowd {
    kind: &'static str,
    process: Child,
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Crowd {
    fn enter(kind: &'static str, port: u16, clients: usize) -> Self {
        let mut process = Command::new(env::current_exe().unwrap())
            .args([crowd::NAME, &port.to_string(), kind, &clients.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (orders, answers) = (process.stdin.take().unwrap(), process.stdout.take().unwrap());
        let mut crowd = Self { kind, process, orders, answers: BufReader::new(answers) };
        assert_eq!(crowd.answer(), crowd::IN);
        crowd
    }

    fn answer(&mut self) -> String {
        let mut line = String::new();
        self.answers.read_line(&mut line).unwrap();
        line.trim().to_owned()
    }

    fn talk(&mut self, pid: u32, load: Load) -> Talk {
        let own = self.process.id();
        let before = (process::cpu_seconds(pid), process::cpu_seconds(own));
        writeln!(self.orders, "{} {}", load.rate, load.seconds).unwrap();
        let answer = self.answer();
        let cpu = process::cpu_seconds(pid) - before.0;
        let own_cpu = process::cpu_seconds(own) - before.1;
        let heard: Value = serde_json::from_str(&answer).unwrap();
        eprintln!("{}: {heard}, {cpu:.2} s of CPU, the clients {own_cpu:.2} s", self.kind);
        let figure = |name: &str| heard[name].as_f64().unwrap_or(f64::NAN);
        Talk {
            load,
            rate: figure("delivered") / figure("seconds"),
            wrong: figure("lost") + figure("doubled"),
            p50_ms: figure("p50_us") / 1000.0,
            p99_ms: figure("p99_us") / 1000.0,
            cpu_us: cpu * 1e6 / figure("delivered"),
        }
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}
