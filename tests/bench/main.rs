//! `make bench`: nixcast beside what it could be replaced with, on the same machine in the same minutes.
//!
//! CPU is user and system time from /proc, which holds under contention; wall clock times do not, so run it on a quiet
//! machine. `bench NAME...` runs some parts only: ladder, pass-through, quality, repackage, apply, memory, start,
//! first-picture, latency, chat, paint, and hour, which runs only when it is asked for. What is compared takes turns in three
//! rounds, or as many as NIXCAST_BENCH_ROUNDS says.
#![forbid(unsafe_code)]
#![allow(clippy::panic, clippy::unwrap_used, reason = "a benchmark that cannot go on says so by panicking")]

mod apply;
mod chat;
mod first_picture;
mod footprint;
mod hour;
mod ladder;
mod latency;
mod paint;
mod quality;
mod repackage;
mod table;

use std::env;

use table::Row;

/// The part that takes too long to run unasked.
const HOUR: &str = "hour";

/// How often what is compared takes turns.
fn rounds() -> usize {
    env::var("NIXCAST_BENCH_ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(3)
}

/// A name to ask for, and what it measures.
type Part = (&'static str, fn() -> Vec<Row>);

fn main() {
    let words: Vec<String> = env::args().skip(1).collect();
    if let Some((chat::crowd::NAME, arguments)) = words.split_first().map(|(first, rest)| (first.as_str(), rest)) {
        return chat::crowd::run(arguments);
    }
    let parts: [Part; 12] = [
        ("ladder", ladder::measure),
        ("pass-through", ladder::measure_with_source),
        ("quality", quality::measure),
        ("repackage", repackage::measure),
        ("apply", apply::measure),
        ("memory", footprint::memory),
        ("start", footprint::start),
        ("first-picture", first_picture::measure),
        ("latency", latency::measure),
        ("chat", chat::measure),
        ("paint", paint::measure),
        (HOUR, hour::measure),
    ];
    let wanted = words;
    if let Some(unknown) = wanted.iter().find(|name| !parts.iter().any(|(part, _)| part == name)) {
        eprintln!("there is no part {unknown:?}; there are {}", parts.map(|(name, _)| name).join(", "));
        std::process::exit(2);
    }
    let mut rows = Vec::new();
    for (name, measure) in parts {
        if (wanted.is_empty() && name != HOUR) || wanted.iter().any(|wanted| wanted == name) {
            eprintln!("measuring {name}");
            rows.extend(measure());
        }
    }
    table::print(&rows);
}
