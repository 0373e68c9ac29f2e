//! How soon the page's shell is on the screen over a slow line, on a slow machine, in a real browser; beside a page of one
//! letter, than which nothing is sooner. Done by `tests/browser/paint.js`.

use std::path::Path;
use std::process::Command;

use nixcast_tests::server;
use serde_json::Value;

use crate::table::{Aim, Row};

const MOST_MS: f64 = 500.0;
/// Chromium calls 0.1 good; a line of text that moves is more than this.
const MOST_SHIFT: f64 = 0.01;

pub(crate) fn measure() -> Vec<Row> {
    let output = Command::new("node")
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("browser/paint.js"))
        .arg((3 * crate::rounds()).to_string())
        .env("NIXCAST_BIN", server::binary())
        .output()
        .expect("node can be started");
    assert!(output.status.success(), "tests/browser/paint.js failed: {}", String::from_utf8_lossy(&output.stderr));
    let seen: Value = serde_json::from_slice(&output.stdout).expect("one JSON object");
    eprintln!("  {seen}");
    let figure = |name: &str| seen[name].as_f64().unwrap_or(f64::NAN);
    let line = "1.6 Mbit/s, 150 ms, processor 4 times as slow";
    let figures =
        |name: &str| seen[name].as_array().into_iter().flatten().filter_map(Value::as_f64).collect::<Vec<_>>();
    let pairs: Vec<(f64, f64)> = figures("contentful").into_iter().zip(figures("floor")).collect();
    let what = format!("first paint of the shell: {line}");
    vec![
        Row::of_pairs(what, "a page of one letter", &pairs, "ms", Aim::AtMost(MOST_MS)),
        Row::alone(
            format!("layout shift until the chat is there: {line}"),
            figure("shift"),
            "",
            Aim::AtMost(MOST_SHIFT),
        ),
    ]
}
