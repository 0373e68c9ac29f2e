//! The status, put together from what the loop's parts know.

use nixcast_core::control::Observed;

use super::acceptance::Acceptance;
use super::pass::Comparer;
use super::reading::Reading;
use crate::ledger::Entry;
use crate::report::{Accepted, ConditionKind, EngineStatus, ObjectState, ObjectStatus, SourceStatus, Status};

/// `reconcile.timeoutSeconds` before there is a document.
const FIRST_TIMEOUT_SECONDS: u32 = 60;

/// Reason of `Converged` while the engine is away.
pub(crate) const ENGINE_UNREACHABLE: &str = "EngineUnreachable";

pub(super) fn of(acceptance: &Acceptance, comparer: &mut Comparer, reading: &Reading) -> Status {
    let now = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    set_accepted(acceptance, comparer, &now);
    set_converged(acceptance, comparer, &now);
    set_degraded(comparer, &now);
    set_drifted(comparer, &now);
    let observed = comparer.observed.as_ref();
    Status {
        agent_version: env!("CARGO_PKG_VERSION").to_owned(),
        accepted: acceptance.accepted().map(|(entry, _)| accepted(entry)),
        observed_generation: observed.map_or(0, |observed| observed.generation),
        source: SourceStatus {
            path: reading.source().path().to_owned(),
            store_path: reading.source().store_path(),
            is_evaluating: reading.is_evaluating(),
            refusal: acceptance.refusal().cloned(),
        },
        conditions: comparer.conditions.to_vec(),
        objects: comparer
            .objects
            .iter()
            .map(|(object, state)| ObjectStatus {
                option: object.to_string(),
                object: object.clone(),
                state: state.clone(),
            })
            .collect(),
        drift: comparer.drift.clone(),
        engine: observed.map(engine),
        broadcast: observed.and_then(|observed| observed.broadcast.clone()),
        passes: comparer.passes,
        timeout_seconds: acceptance
            .accepted()
            .map_or(FIRST_TIMEOUT_SECONDS, |(_, document)| document.settings.reconcile.timeout_seconds),
    }
}

fn accepted(entry: &Entry) -> Accepted {
    let Entry { generation, accepted_at, digest, origin } = entry.clone();
    Accepted { generation, digest, accepted_at: moment(accepted_at), origin }
}

/// RFC 3339, UTC.
fn moment(seconds: i64) -> String {
    jiff::Timestamp::from_second(seconds).map_or_else(|_| seconds.to_string(), |moment| moment.to_string())
}

fn engine(observed: &Observed) -> EngineStatus {
    EngineStatus {
        pid: observed.engine_pid,
        version: observed.engine_version.clone(),
        listeners: observed.listeners.clone(),
        conditions: observed.conditions.clone(),
    }
}

fn set_accepted(acceptance: &Acceptance, comparer: &mut Comparer, now: &str) {
    let (is_true, reason, message) = match (acceptance.refusal(), acceptance.accepted()) {
        (Some(refusal), _) => (false, format!("{:?}", refusal.reason), refusal.to_string()),
        (None, Some((entry, _))) if entry.origin.is_handed_in => {
            (true, "HandedIn".to_owned(), "handed in by a command; stands until the source changes".to_owned())
        }
        (None, Some(_)) => (true, "SourceAccepted".to_owned(), String::new()),
        (None, None) => (false, "NothingAccepted".to_owned(), "no settings were accepted yet".to_owned()),
    };
    comparer.conditions.set(ConditionKind::Accepted, is_true, &reason, message, now);
}

fn set_converged(acceptance: &Acceptance, comparer: &mut Comparer, now: &str) {
    let count = |is: fn(&ObjectState) -> bool| comparer.objects.values().filter(|state| is(state)).count();
    let held = count(|state| matches!(state, ObjectState::Held { .. }));
    let pending = count(|state| matches!(state, ObjectState::Pending));
    let drifted = count(|state| matches!(state, ObjectState::Drifted));
    let waiting = count(|state| matches!(state, ObjectState::Waiting { .. }));
    let (is_true, reason, message) = match (&comparer.unreachable, acceptance.accepted()) {
        (_, None) => (false, "NothingAccepted", "no settings were accepted yet".to_owned()),
        (Some(why), Some(_)) => (false, ENGINE_UNREACHABLE, why.clone()),
        (None, Some(_)) if waiting > 0 => (false, "Applying", format!("being changed: {waiting}")),
        (None, Some(_)) if held > 0 => (false, "Held", format!("held: {held}")),
        (None, Some(_)) if pending > 0 => (false, "Pending", format!("waiting for a segment boundary: {pending}")),
        (None, Some(_)) if drifted > 0 => (false, "Drifted", format!("drifted: {drifted}")),
        (None, Some(_)) => (true, "EngineRunsSettings", String::new()),
    };
    comparer.conditions.set(ConditionKind::Converged, is_true, reason, message, now);
}

fn set_degraded(comparer: &mut Comparer, now: &str) {
    let mut reasons: Vec<String> = comparer
        .objects
        .iter()
        .filter_map(|(object, state)| match state {
            ObjectState::Held { reason } => Some(format!("{object}: {reason}")),
            _ => None,
        })
        .collect();
    if let Some(observed) = &comparer.observed {
        reasons.extend(observed.conditions.iter().map(|condition| condition.message.clone()));
    }
    let (is_true, reason) = if reasons.is_empty() { (false, "AllPossible") } else { (true, "SomethingHeld") };
    comparer.conditions.set(ConditionKind::Degraded, is_true, reason, reasons.join("; "), now);
}

fn set_drifted(comparer: &mut Comparer, now: &str) {
    let drifting = comparer.drifting();
    let reason = if drifting.is_empty() { "AsLeft" } else { "ReportOnly" };
    comparer.conditions.set(ConditionKind::Drifted, !drifting.is_empty(), reason, drifting.join(", "), now);
}
