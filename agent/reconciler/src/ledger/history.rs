//! What was accepted, what was refused and what became of it: plain data for `nixcast history`.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::Entry;
use super::journal::{Journal, Progress};
use crate::report::{ProblemReport, Refusal, RefusalReason};

/// Longest text kept of a reason, characters.
const MAX_REASON_CHARS: usize = 300;
/// Held objects kept of one generation. The largest documents declare a few dozen objects.
const MAX_HELD: usize = 64;

/// Something that happened to a document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "event")]
pub enum HistoryEvent {
    Accepted {
        #[serde(flatten)]
        entry: Entry,
        outcome: GenerationOutcome,
    },
    Refused(RefusedDocument),
    /// A generation whose file is damaged; it will never be run.
    Damaged {
        generation: u64,
        reason: String,
    },
}

/// What became of an accepted generation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "state")]
pub enum GenerationOutcome {
    /// The newest one, and the engine was not yet seen to run it.
    Applying,
    /// The engine was first seen to run all of it at this moment, seconds since 1970.
    Converged {
        #[serde(with = "crate::moment")]
        at: i64,
    },
    /// The newest one: the engine runs all of it but for these objects.
    Held {
        #[serde(with = "crate::moment")]
        since: i64,
        objects: Vec<HeldObject>,
    },
    /// Replaced by the next generation before the engine was seen to run all of it.
    Superseded { by: u64, objects: Vec<HeldObject> },
    /// It was replaced, and what became of it was not written down or is lost.
    Unknown,
}

/// An object that could not be had.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HeldObject {
    /// The NixOS option that declares it.
    pub option: String,
    pub reason: String,
}

/// A document that was not accepted: it has no generation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RefusedDocument {
    /// Seconds since 1970, like `last_at`; RFC 3339 in JSON.
    #[serde(with = "crate::moment")]
    pub first_at: i64,
    #[serde(with = "crate::moment")]
    pub last_at: i64,
    /// How often the same document was refused in a row.
    pub times: u64,
    /// The generation that went on running; 0: none.
    pub kept_generation: u64,
    pub path: Option<PathBuf>,
    pub store_path: Option<PathBuf>,
    pub is_handed_in: bool,
    pub reason: RefusalReason,
    pub message: String,
    pub first_problem: Option<ProblemReport>,
    pub problems: usize,
}

impl HeldObject {
    /// The objects as they are kept.
    pub(crate) fn all<'a>(held: impl Iterator<Item = (String, &'a str)>) -> Vec<Self> {
        held.take(MAX_HELD).map(|(option, reason)| Self { option, reason: shortened(reason) }).collect()
    }
}

impl RefusedDocument {
    pub(crate) fn new(refusal: &Refusal, origin: &super::Origin, kept_generation: u64, now: i64) -> Self {
        let Refusal { reason, message, problems } = refusal;
        let first_problem = problems.first().map(|problem| ProblemReport {
            option: shortened(&problem.option),
            message: shortened(&problem.message),
            hint: shortened(&problem.hint),
        });
        Self {
            first_at: now,
            last_at: now,
            times: 1,
            kept_generation,
            path: origin.path.clone(),
            store_path: origin.store_path.clone(),
            is_handed_in: origin.is_handed_in,
            reason: *reason,
            message: shortened(message),
            first_problem,
            problems: problems.len(),
        }
    }

    /// Whether both are the same refusal at different times.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        let timeless = |one: &Self| Self { first_at: 0, last_at: 0, times: 0, ..one.clone() };
        timeless(self) == timeless(other)
    }
}

fn shortened(text: &str) -> String {
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match words.char_indices().nth(MAX_REASON_CHARS) {
        Some((end, _)) => format!("{}…", &words[..end]),
        None => words,
    }
}

/// Joins generations (ascending) and refusals to one story, oldest first.
pub(super) fn told(generations: Vec<(u64, Result<Entry, String>)>, journal: &Journal) -> Vec<HistoryEvent> {
    let numbers: Vec<u64> = generations.iter().map(|(generation, _)| *generation).collect();
    let mut refusals = journal.refusals.iter().peekable();
    let mut events = Vec::new();
    for (index, (generation, entry)) in generations.into_iter().enumerate() {
        while let Some(refused) = refusals.next_if(|refused| refused.kept_generation < generation) {
            events.push(HistoryEvent::Refused(refused.clone()));
        }
        events.push(match entry {
            Ok(entry) => {
                let outcome = outcome(generation, numbers.get(index + 1).copied(), journal);
                HistoryEvent::Accepted { entry, outcome }
            }
            Err(reason) => HistoryEvent::Damaged { generation, reason },
        });
    }
    events.extend(refusals.cloned().map(HistoryEvent::Refused));
    events
}

fn outcome(generation: u64, next: Option<u64>, journal: &Journal) -> GenerationOutcome {
    match (journal.progress.get(&generation).cloned(), next) {
        (Some(Progress::Converged { at, .. }), _) => GenerationOutcome::Converged { at },
        (Some(Progress::Held { since, objects }), None) => GenerationOutcome::Held { since, objects },
        (Some(Progress::Held { objects, .. }), Some(by)) => GenerationOutcome::Superseded { by, objects },
        (None, None) => GenerationOutcome::Applying,
        (None, Some(_)) if generation < journal.begins_with => GenerationOutcome::Unknown,
        (None, Some(by)) => GenerationOutcome::Superseded { by, objects: Vec::new() },
    }
}
