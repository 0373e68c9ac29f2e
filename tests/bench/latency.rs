//! Glass-to-glass latency of our page at each latency level, in a real browser, against a clock burnt into the picture;
//! beside it nginx-rtmp's HLS of the same picture, played by hls.js as it comes. Done by `tests/browser/latency.js`.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use nixcast_tests::server::{self, free_port};
use serde_json::Value;

use crate::repackage::nginx;
use crate::table::{Aim, Row};

/// The case that plays nginx-rtmp's HLS.
const BESIDE: &str = "beside";

/// What level 0 promises, in seconds.
const LEVEL_0: f64 = 1.0;

pub(crate) fn measure() -> Vec<Row> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let port = free_port();
    let _nginx = nginx(folder.path(), port);
    let mut program = Command::new("node")
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("browser/latency.js"))
        .args(["--beside", &port.to_string()])
        .arg(folder.path().join("hls"))
        .env("NIXCAST_BIN", server::binary())
        .stdout(Stdio::piped())
        .spawn()
        .expect("node can be started");
    let output = BufReader::new(program.stdout.take().expect("its output is a pipe"));
    let mut cases = Vec::new();
    for line in output.lines() {
        let case: Value = serde_json::from_str(&line.expect("text")).expect("one JSON object a line");
        eprintln!("  {case}");
        cases.push(case);
    }
    assert!(program.wait().expect("it was started").success(), "tests/browser/latency.js failed");
    let is_beside = |case: &&Value| case["name"] == BESIDE;
    let theirs = cases.iter().find(is_beside).expect("the other server was measured");
    let (theirs, start) = (number(theirs, "median"), number(theirs, "start"));
    cases.iter().filter(|case| !is_beside(case)).flat_map(|case| rows(case, theirs, start)).collect()
}

fn rows(case: &Value, theirs: f64, their_start: f64) -> [Row; 3] {
    let name = case["name"].as_str().expect("a name").replace('-', " ");
    let aim = if name.starts_with("level 0") { Aim::AtMost(LEVEL_0) } else { Aim::Ratio(1.5) };
    let latency = Row {
        what: format!("glass to glass in Chromium, {name}, median"),
        ours: number(case, "median"),
        theirs: Some(("nginx-rtmp, hls.js defaults", theirs)),
        unit: "s",
        spread: format!("{:.2} to {:.2}", number(case, "min"), number(case, "max")),
        aim,
    };
    let start = Row {
        theirs: Some(("nginx-rtmp, hls.js defaults", their_start)),
        ..Row::alone(format!("page opened to moving picture, {name}"), number(case, "start"), "s", Aim::AtMost(2.0))
    };
    let stalls = format!("stalls in 25 s, {name}, {} of {} pictures dropped", case["dropped"], case["frames"]);
    [latency, start, Row::alone(stalls, number(case, "stalls"), "", Aim::AtMost(0.0))]
}

fn number(case: &Value, key: &str) -> f64 {
    case[key].as_f64().unwrap_or_else(|| panic!("no {key} in {case}"))
}
