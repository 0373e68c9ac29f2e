//! The status, put together from what the loop's parts know.

use nixcast_core::control::{KeyGrant, Observed};

use super::acceptance::Acceptance;
use super::pass::Comparer;
use super::reading::Reading;
use crate::ledger::Entry;
use crate::moment;
use crate::report::{
    Accepted, ConditionKind, DriftCounts, EngineStatus, ObjectState, ObjectStatus, SourceStatus, Status,
    StreamKeyStatus, drift_sentences, held_sentence,
};

/// `reconcile.timeoutSeconds` before there is a document.
const FIRST_TIMEOUT_SECONDS: u32 = 60;

const NOTHING_ACCEPTED: &str = "NothingAccepted";

/// Reason of `Converged` while the engine is away.
pub(crate) const ENGINE_UNREACHABLE: &str = "EngineUnreachable";

pub(super) fn of(acceptance: &Acceptance, comparer: &mut Comparer, reading: &Reading) -> Status {
    let now = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    set_accepted(acceptance, comparer, &now);
    set_converged(acceptance, comparer, &now);
    set_degraded(acceptance, comparer, &now);
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
        ledger_troubles: acceptance.ledger_troubles(),
        passes: comparer.passes,
        timeout_seconds: acceptance
            .accepted()
            .map_or(FIRST_TIMEOUT_SECONDS, |(_, document)| document.settings.reconcile.timeout_seconds),
    }
}

fn accepted(entry: &Entry) -> Accepted {
    let Entry { generation, accepted_at, digest, origin, same_as: _ } = entry.clone();
    Accepted { generation, digest, accepted_at: moment::text(accepted_at), origin }
}

fn engine(observed: &Observed) -> EngineStatus {
    EngineStatus {
        pid: observed.engine_pid,
        version: observed.engine_version.clone(),
        listeners: observed.listeners.clone(),
        stream_keys: observed.stream_keys.iter().map(|(name, grant)| (name.clone(), stream_key(grant))).collect(),
        conditions: observed.conditions.clone(),
    }
}

fn stream_key(grant: &KeyGrant) -> StreamKeyStatus {
    let KeyGrant { salt: _, hash: _, comment, enabled, expires_at } = grant;
    StreamKeyStatus { comment: comment.clone(), is_enabled: *enabled, expires: expires_at.map(moment::text) }
}

fn set_accepted(acceptance: &Acceptance, comparer: &mut Comparer, now: &str) {
    let (is_true, reason, message) = match (acceptance.refusal(), acceptance.accepted()) {
        (Some(refusal), kept) => {
            let meanwhile = kept.map_or_else(
                || "nothing was ever accepted, so nothing is open".to_owned(),
                |(entry, _)| format!("generation {}, the last good one, stays in force", entry.generation),
            );
            (false, format!("{:?}", refusal.reason), format!("{meanwhile}; {refusal}"))
        }
        (None, Some((entry, _))) if entry.origin.is_handed_in => {
            (true, "HandedIn".to_owned(), "handed in by a command; stands until the source changes".to_owned())
        }
        (None, Some(_)) => (true, "SourceAccepted".to_owned(), String::new()),
        (None, None) => (false, NOTHING_ACCEPTED.to_owned(), "no settings were accepted yet".to_owned()),
    };
    comparer.conditions.set(ConditionKind::Accepted, is_true, &reason, message, now);
}

fn set_converged(acceptance: &Acceptance, comparer: &mut Comparer, now: &str) {
    let named = |is: fn(&ObjectState) -> bool| {
        let options: Vec<String> =
            comparer.objects.iter().filter(|(_, state)| is(state)).map(|(object, _)| object.to_string()).collect();
        (!options.is_empty()).then(|| listed(&options))
    };
    // In this order: what settles by itself comes before what an operator has to look at.
    let left = [
        ("Applying", "being changed", named(|state| matches!(state, ObjectState::Waiting { .. }))),
        ("Held", "held", named(|state| matches!(state, ObjectState::Held { .. }))),
        ("Pending", "waiting for a segment boundary", named(|state| matches!(state, ObjectState::Pending))),
        ("Drifted", "drifted", named(|state| matches!(state, ObjectState::Drifted { .. }))),
    ];
    let left = left.into_iter().find_map(|(reason, what, options)| Some((reason, format!("{what}: {}", options?))));
    let (is_true, reason, message) = match (&comparer.unreachable, acceptance.accepted(), left) {
        (_, None, _) => (false, NOTHING_ACCEPTED, "no settings were accepted yet".to_owned()),
        (Some(why), Some(_), _) => (false, ENGINE_UNREACHABLE, why.clone()),
        (None, Some((entry, _)), _) if !comparer.has_judged(entry.generation) => {
            (false, "Applying", "not compared with the engine yet".to_owned())
        }
        (None, Some(_), Some((reason, message))) => (false, reason, message),
        (None, Some(_), None) => (true, "EngineRunsSettings", String::new()),
    };
    comparer.conditions.set(ConditionKind::Converged, is_true, reason, message, now);
}

fn set_degraded(acceptance: &Acceptance, comparer: &mut Comparer, now: &str) {
    let held = comparer.objects.iter().filter_map(|(object, state)| match state {
        ObjectState::Held { reason } => Some(held_sentence(&object.to_string(), reason)),
        _ => None,
    });
    let engine = comparer.observed.iter().flat_map(|observed| &observed.conditions);
    let engine = engine.map(|condition| condition.message.clone());
    let causes: [(&str, Vec<String>); 3] = [
        ("SomethingHeld", held.collect()),
        ("EngineTroubled", engine.collect()),
        ("LedgerTroubled", acceptance.ledger_troubles()),
    ];
    let reason = causes.iter().find(|(_, messages)| !messages.is_empty()).map(|(reason, _)| *reason);
    let messages: Vec<String> = causes.into_iter().flat_map(|(_, messages)| messages).collect();
    let is_true = reason.is_some();
    comparer.conditions.set(
        ConditionKind::Degraded,
        is_true,
        reason.unwrap_or("AllPossible"),
        messages.join("; "),
        now,
    );
}

fn set_drifted(comparer: &mut Comparer, now: &str) {
    let drifting = comparer.objects.iter().filter_map(|(object, state)| match state {
        ObjectState::Drifted { fields } => Some(drift_sentences(&object.to_string(), fields)),
        _ => None,
    });
    let drifting: Vec<String> = drifting.flatten().collect();
    let DriftCounts { found, healed: _ } = comparer.drift;
    let (is_true, reason, message) = if !drifting.is_empty() {
        (true, "ReportOnly", drifting.join("; "))
    } else if comparer.unreachable.is_some() {
        (false, ENGINE_UNREACHABLE, String::new())
    } else if found > 0 {
        (false, "PutRight", format!("found and put right since the agent started: {found}"))
    } else {
        (false, "NoDrift", String::new())
    };
    comparer.conditions.set(ConditionKind::Drifted, is_true, reason, message, now);
}

/// Some names, and how many more there are.
fn listed(options: &[String]) -> String {
    const MOST_NAMED: usize = 4;
    let named = options.iter().take(MOST_NAMED).cloned().collect::<Vec<_>>().join(", ");
    match options.len().saturating_sub(MOST_NAMED) {
        0 => named,
        more => format!("{named} and {more} more"),
    }
}
