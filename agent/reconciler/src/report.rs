//! What the agent tells operators: refusals, plans, applies and the status. Plain data, the same for text and JSON.
//! Holds no secret.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use nixcast_core::control::{BroadcastFacts, Condition as EngineCondition, Listener, ObjectId};
use nixcast_core::plan::{Change, FieldChange, Held};
use nixcast_schema::{Problem, Problems};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::ledger::Origin;

/// Why a document was not accepted. Nothing changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Refusal {
    pub reason: RefusalReason,
    /// What happened, for people; for an evaluation Nix's own words.
    pub message: String,
    /// What to mend, in the document's order.
    pub problems: Vec<ProblemReport>,
}

/// Which step a document failed at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum RefusalReason {
    /// The file is missing or cannot be read.
    Unreadable,
    /// Nix could not evaluate the file.
    EvaluationFailed,
    /// The document has problems.
    Invalid,
    /// The document is good but could not be written to the ledger; it will be tried again.
    NotDurable,
}

/// One thing to mend.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ProblemReport {
    pub option: String,
    pub message: String,
    pub hint: String,
}

impl From<Problem> for ProblemReport {
    fn from(problem: Problem) -> Self {
        let Problem { option, message, hint } = problem;
        Self { option, message, hint }
    }
}

impl Refusal {
    /// What `Settings::parse` found.
    #[must_use]
    pub fn of_problems(problems: Problems) -> Self {
        let problems: Vec<ProblemReport> = problems.into_iter().map(ProblemReport::from).collect();
        let plural = if problems.len() == 1 { "" } else { "s" };
        let message = format!("the settings have {} problem{plural}", problems.len());
        Self { reason: RefusalReason::Invalid, message, problems }
    }

    pub(crate) fn of_evaluation(error: &dyn std::error::Error) -> Self {
        Self { reason: RefusalReason::EvaluationFailed, message: chain(error), problems: Vec::new() }
    }

    pub(crate) fn unreadable(path: &Path, cause: &str) -> Self {
        let message = format!("could not read {}: {cause}", path.display());
        Self { reason: RefusalReason::Unreadable, message, problems: Vec::new() }
    }

    pub(crate) fn not_durable(error: &dyn std::error::Error) -> Self {
        Self { reason: RefusalReason::NotDurable, message: chain(error), problems: Vec::new() }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        for ProblemReport { option, message, hint } in &self.problems {
            write!(f, "\n  {option}: {message}; {hint}")?;
        }
        Ok(())
    }
}

/// An error and its causes on one line, for logs.
#[must_use]
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

/// A held object in a sentence. Many reasons name the very option inside the object, which says more than the object.
#[must_use]
pub fn held_sentence(object: &str, reason: &str) -> String {
    if reason.contains(object) { reason.to_owned() } else { format!("{object}: {reason}") }
}

/// What runs otherwise than declared: a sentence for each option, or one for an object that is not there or should not
/// be.
#[must_use]
pub fn drift_sentences(object: &str, fields: &[FieldChange]) -> Vec<String> {
    if fields.iter().all(|field| field.before.is_none()) {
        return vec![format!("{object} does not run")];
    }
    if fields.iter().all(|field| field.after.is_none()) {
        return vec![format!("{object} runs, but is not declared")];
    }
    let shown = |value: &Option<Value>| value.as_ref().map_or_else(|| "nothing".to_owned(), Value::to_string);
    let told = |FieldChange { option, before, after }: &FieldChange| {
        format!("{option} runs {}, declared {}", shown(before), shown(after))
    };
    fields.iter().map(told).collect()
}

/// What an apply would change.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PlanReport {
    /// Digest of the document planned for.
    pub digest: String,
    pub changes: Vec<Change>,
    pub held: Vec<Held>,
}

/// How an apply went.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ApplyReport {
    pub verdict: ApplyVerdict,
    pub status: Status,
}

/// An apply in one word; each has its exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ApplyVerdict {
    Converged,
    /// Accepted, but something is held or took longer than was waited for.
    NotConverged,
    EngineUnreachable,
}

/// The agent's view of everything. `generation` is what was accepted, `observed_generation` what the engine was last
/// told; they differ while an apply is under way or the engine is away.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    pub agent_version: String,
    /// Accepted; none before the first acceptance.
    pub accepted: Option<Accepted>,
    /// As the engine reports it; 0: never told anything.
    pub observed_generation: u64,
    /// Where the agent looks for new settings.
    pub source: SourceStatus,
    pub conditions: Vec<Condition>,
    pub objects: Vec<ObjectStatus>,
    pub drift: DriftCounts,
    pub engine: Option<EngineStatus>,
    pub broadcast: Option<BroadcastFacts>,
    /// What is wrong with the ledger of accepted documents, in sentences.
    pub ledger_troubles: Vec<String>,
    /// Comparisons made since the agent started.
    pub passes: u64,
    /// What the current document asks for, not what could be bound.
    pub timeout_seconds: u32,
}

/// The accepted document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Accepted {
    pub generation: u64,
    pub digest: String,
    /// RFC 3339.
    pub accepted_at: String,
    pub origin: Origin,
}

/// Where settings are read from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SourceStatus {
    pub path: PathBuf,
    pub store_path: Option<PathBuf>,
    /// A Nix evaluation is under way.
    pub is_evaluating: bool,
    /// Why the source's current content is not what runs.
    pub refusal: Option<Refusal>,
}

/// A named truth about the agent's work, in the manner of Kubernetes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Condition {
    pub kind: ConditionKind,
    pub is_true: bool,
    /// CamelCase, steady.
    pub reason: String,
    pub message: String,
    /// RFC 3339; when `is_true` last flipped.
    pub last_transition_time: String,
}

/// The four questions an operator asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ConditionKind {
    /// The source's current content is the accepted document.
    Accepted,
    /// The engine runs all of the accepted document.
    Converged,
    /// Something declared cannot be had right now.
    Degraded,
    /// The engine runs something else than it was last seen to run, though nothing was changed.
    Drifted,
}

/// One object and how it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ObjectStatus {
    pub object: ObjectId,
    pub option: String,
    #[serde(flatten)]
    pub state: ObjectState,
}

/// How an object stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "state")]
pub enum ObjectState {
    Converged,
    /// Taken, in force at the next segment boundary.
    Pending,
    /// Not possible right now, tried again.
    Held {
        reason: String,
    },
    /// Runs otherwise, and `reconcile.onDrift` is "report". `before` is what runs, `after` what is declared.
    Drifted {
        fields: Vec<FieldChange>,
    },
    /// Not told yet.
    Waiting {
        reason: String,
    },
}

/// Drift since the agent started.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DriftCounts {
    pub found: u64,
    pub healed: u64,
}

/// The engine as last observed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EngineStatus {
    pub pid: u32,
    pub version: String,
    /// Addresses it listens on.
    pub listeners: BTreeMap<Listener, std::net::SocketAddr>,
    /// Who may publish, by name of the key.
    pub stream_keys: BTreeMap<String, StreamKeyStatus>,
    pub conditions: Vec<EngineCondition>,
}

/// A stream key that the engine knows, without anything it could be known by.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StreamKeyStatus {
    pub comment: String,
    pub is_enabled: bool,
    /// RFC 3339; none: never.
    pub expires: Option<String>,
}

impl Status {
    /// Whether the condition holds.
    #[must_use]
    pub fn is(&self, kind: ConditionKind) -> bool {
        self.conditions.iter().any(|condition| condition.kind == kind && condition.is_true)
    }

    /// The reason of a condition.
    #[must_use]
    pub fn reason(&self, kind: ConditionKind) -> Option<&str> {
        self.conditions.iter().find(|condition| condition.kind == kind).map(|condition| condition.reason.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drift_is_told_by_option_or_as_a_whole() {
        let field = |before: Option<u64>, after: Option<u64>| FieldChange {
            option: "x.port".to_owned(),
            before: before.map(Value::from),
            after: after.map(Value::from),
        };
        assert_eq!(drift_sentences("x", &[field(Some(1), Some(2))]), ["x.port runs 1, declared 2"]);
        assert_eq!(drift_sentences("x", &[field(None, Some(2))]), ["x does not run"]);
        assert_eq!(drift_sentences("x", &[field(Some(1), None)]), ["x runs, but is not declared"]);
    }

    #[test]
    fn a_held_object_is_named_once() {
        assert_eq!(held_sentence("a.http", "port 80 is taken"), "a.http: port 80 is taken");
        assert_eq!(
            held_sentence("a.keys.x", "a.keys.x.keyFile: /y does not exist"),
            "a.keys.x.keyFile: /y does not exist"
        );
    }
}
