//! Time from the write of a settings file to convergence, over random valid changes of every effect while one
//! publishes and ten watch; and what those eleven notice, which is nothing.

use std::collections::BTreeMap;
use std::time::Duration;

use nixcast_schema::Effect;
use nixcast_tests::changes::{self, Run, Took};

use crate::table::{Aim, Row, percentile};

/// Changes that wait for a segment boundary take a hundred times as long as the others.
const CHANGES: [(Effect, usize); 4] =
    [(Effect::Live, 600), (Effect::Session, 150), (Effect::Rebind, 100), (Effect::Segment, 200)];
const SEED: u64 = 20_261_123;

pub(crate) fn measure() -> Vec<Row> {
    let run = changes::run(&CHANGES, SEED);
    eprintln!("{}", slowest(&run));
    let mut rows = Vec::new();
    for (effect, _) in CHANGES {
        let took = run.took.get(&effect).map_or(&[][..], Vec::as_slice);
        let name = format!("{effect:?}").to_lowercase();
        if effect == Effect::Segment {
            let told = ms(took.iter().map(|took| took.told));
            rows.extend(pair(
                &format!("file written to accepted and told, {} {name} changes", told.len()),
                &told,
                100.0,
            ));
            let cut = ms(took.iter().filter(|took| took.waited).map(|took| took.converged));
            let what = format!("file written to cut over, the {} of them that waited for a boundary", cut.len());
            // A keyframe every two seconds, segments of one or two, a look every 0.2 s.
            rows.extend(pair(&what, &cut, 6000.0));
        } else {
            let all = ms(took.iter().map(|took| took.converged));
            rows.extend(pair(&format!("file written to converged, {} {name} changes", all.len()), &all, 100.0));
        }
    }
    rows.extend(nobody_noticed(&run));
    rows
}

fn ms(durations: impl Iterator<Item = Duration>) -> Vec<f64> {
    durations.map(|took| took.as_secs_f64() * 1000.0).collect()
}

fn pair(what: &str, took: &[f64], most: f64) -> [Row; 2] {
    [50, 99].map(|percent| Row {
        what: format!("{what}, p{percent}"),
        ours: percentile(took, percent),
        theirs: None,
        unit: "ms",
        spread: "-".to_owned(),
        aim: Aim::AtMost(most),
    })
}

fn nobody_noticed(run: &Run) -> [Row; 4] {
    let watched = &run.watched;
    for problem in watched.gaps.iter().chain(&watched.errors) {
        eprintln!("  {problem}");
    }
    let seen = format!("ten viewers, {} requests, {} segments", watched.requests, watched.segments);
    [
        ("publisher reconnects".to_owned(), run.publisher_reconnects + run.engine_restarts),
        (format!("gaps in media sequences, {seen}"), watched.gaps.len() as u64),
        (format!("HTTP errors, {seen}"), watched.errors.len() as u64),
        ("viewers' connections that were lost".to_owned(), watched.reconnects),
    ]
    .map(|(what, count)| Row::alone(what, count as f64, "", Aim::AtMost(0.0)))
}

/// For whoever wonders what the figures are made of: the leaves changed, and the slowest change of each effect.
fn slowest(run: &Run) -> String {
    let mut leaves: BTreeMap<&str, usize> = BTreeMap::new();
    for took in run.took.values().flatten() {
        *leaves.entry(&took.pattern).or_default() += 1;
    }
    let mut text = format!("  {} leaves changed", leaves.len());
    for (effect, all) in &run.took {
        if let Some(Took { pattern, converged, .. }) = all.iter().max_by_key(|took| took.converged) {
            text.push_str(&format!("\n  slowest {effect:?}: {pattern}, {converged:.1?}"));
        }
    }
    text
}
