//! Whether the machine keeps up: rungs, their encoders, the queues before them.

use super::{Finding, Kind, Level, Situation};
use crate::facts::{QueueFacts, RungFacts, RungState};
use crate::overload::Verdict;

/// Share of a queue beyond which it is about to overflow.
const FULL: f64 = 0.75;

/// What an operator can do about a slow machine.
const REMEDY: &str = "choose a faster preset, smaller or fewer rungs in services.nixcast.video.variants";

pub(super) fn judge(situation: &Situation<'_>) -> Vec<Finding> {
    let checks = [left_out(situation.overload), too_slow(situation), failed(situation.rungs), queues(situation.queues)];
    checks.into_iter().flatten().collect()
}

fn left_out(overload: Option<&Verdict>) -> Option<Finding> {
    let Verdict { speed, shed, .. } = overload.filter(|verdict| !verdict.shed.is_empty())?;
    let sentence = format!(
        "this machine encoded at {speed:.2} of real time, so {} left out for now; {REMEDY}",
        listed(shed.iter().map(String::as_str))
    );
    Some(Finding::new(Kind::RungsLeftOut, Level::Fair, sentence))
}

fn too_slow(situation: &Situation<'_>) -> Option<Finding> {
    let cause = match situation.overload.filter(|verdict| verdict.is_losing) {
        Some(verdict) => format!("this machine encodes at {:.2} of real time", verdict.speed),
        None if situation.is_dropping => "the worker cannot keep up with the stream".to_owned(),
        None => return None,
    };
    let sentence = format!("{cause}, so pictures of encoded rungs are lost; {REMEDY}");
    Some(Finding::new(Kind::TooSlow, Level::Bad, sentence))
}

fn failed(rungs: &[RungFacts]) -> Option<Finding> {
    let failed: Vec<&str> =
        rungs.iter().filter(|rung| rung.state == RungState::Failed).map(|rung| rung.name.as_str()).collect();
    (!failed.is_empty()).then(|| {
        let sentence = format!("{} not encoded; the conditions of status say why", listed(failed.into_iter()));
        Finding::new(Kind::RungFailed, Level::Bad, sentence)
    })
}

fn queues(queues: QueueFacts) -> Option<Finding> {
    let QueueFacts { inbox, inbox_most, worker, worker_most } = queues;
    let is_full = |queued: u32, most: u32| f64::from(queued) > f64::from(most) * FULL;
    let which = match (is_full(worker, worker_most), is_full(inbox, inbox_most)) {
        (true, _) => format!("{worker} of {worker_most} units wait for the worker"),
        (_, true) => format!("{inbox} of {inbox_most} units wait to be packaged"),
        _ => return None,
    };
    Some(Finding::new(Kind::QueueFull, Level::Fair, format!("{which}: this machine is about to fall behind")))
}

fn listed<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<&str> = names.collect();
    let verb = if names.len() == 1 { "is" } else { "are" };
    format!("{} {verb}", names.join(", "))
}
