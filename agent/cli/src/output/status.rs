//! The status as people read it.

use std::fmt::Write as _;

use nixcast_core::control::{BroadcastFacts, Reconnecting};
use nixcast_core::plan::{Colour, FieldChange};
use nixcast_reconciler::{ConditionKind, ObjectState, Status, StreamKeyStatus, drift_sentences, held_sentence};

use super::{render_refusal, stream};

/// One line for `systemctl status` and the like.
pub(crate) fn summary(status: &Status) -> String {
    let generation = status.accepted.as_ref().map_or(0, |accepted| accepted.generation);
    let mut line = if generation == 0 {
        "no settings accepted yet".to_owned()
    } else if status.is(ConditionKind::Converged) {
        format!("generation {generation} runs")
    } else {
        let why = message(status, ConditionKind::Converged);
        format!("generation {generation} accepted, not all of it runs ({why})")
    };
    if status.source.refusal.is_some() {
        line.push_str("; the source is refused");
        line.push_str(if generation == 0 { ", so nothing is open" } else { ", so the last good settings stay" });
    }
    line
}

/// The whole status.
pub(crate) fn render(status: &Status, colour: Colour) -> String {
    let mut text = String::new();
    let is_good = status.is(ConditionKind::Converged) && status.is(ConditionKind::Accepted);
    let (style, mark) = if is_good { ("32", "●") } else { ("33", "●") };
    line(&mut text, &format!("{} {}", colour.paint(style, mark), summary(status)));
    if let Some(accepted) = &status.accepted {
        let digest: String = accepted.digest.chars().take(12).collect();
        line(&mut text, &format!("  accepted   {} (digest {digest})", accepted.accepted_at));
        line(&mut text, &format!("  observed   generation {}", status.observed_generation));
        let origin = accepted.origin.store_path.as_ref().or(accepted.origin.path.as_ref());
        if let Some(origin) = origin {
            line(&mut text, &format!("  from       {}", origin.display()));
        }
    }
    let evaluating = if status.source.is_evaluating { " (being evaluated)" } else { "" };
    line(&mut text, &format!("  source     {}{evaluating}", status.source.path.display()));
    if let Some(engine) = &status.engine {
        line(&mut text, &format!("  engine     pid {}, version {}", engine.pid, engine.version));
        for (listener, address) in &engine.listeners {
            line(&mut text, &format!("  {:<10} {address}", listener.to_string()));
        }
        for (name, key) in &engine.stream_keys {
            line(&mut text, &format!("  key        {}", stream_key(name, key)));
        }
    }
    line(&mut text, &format!("  drift      {} found, {} healed", status.drift.found, status.drift.healed));
    line(&mut text, &format!("  broadcast  {}", broadcast(status.broadcast.as_ref())));
    for said in status.broadcast.iter().flat_map(|facts| stream::lines(facts, colour)) {
        line(&mut text, &said);
    }
    objects(&mut text, status, colour);
    for condition in status.engine.iter().flat_map(|engine| &engine.conditions) {
        line(&mut text, &format!("  {} {}: {}", colour.paint("33", "!"), condition.kind, condition.message));
    }
    for trouble in &status.ledger_troubles {
        line(&mut text, &format!("  {} {trouble}", colour.paint("33", "!")));
    }
    if let Some(refusal) = &status.source.refusal {
        text.push('\n');
        text.push_str(&render_refusal(refusal, colour));
    }
    text
}

fn objects(text: &mut String, status: &Status, colour: Colour) {
    for object in &status.objects {
        let option = &object.option;
        let (mark, said) = match &object.state {
            ObjectState::Converged => continue,
            ObjectState::Pending => ("~", format!("{option}  waits for the next segment boundary")),
            ObjectState::Held { reason } => ("!", format!("held: {}", held_sentence(option, reason))),
            ObjectState::Drifted { fields } => {
                drifted(text, option, fields, colour);
                continue;
            }
            // Without an engine all of them wait, for the reason that the first line states.
            ObjectState::Waiting { .. } if status.engine.is_none() => continue,
            ObjectState::Waiting { reason } => ("~", format!("{option}  waits: {reason}")),
        };
        line(text, &format!("  {} {said}", colour.paint("33", mark)));
    }
}

fn stream_key(name: &str, key: &StreamKeyStatus) -> String {
    let StreamKeyStatus { comment, is_enabled, expires } = key;
    let mut text = name.to_owned();
    if !comment.is_empty() {
        write!(text, " ({comment})").expect("writing to a String cannot fail");
    }
    if let Some(expires) = expires {
        write!(text, ", until {expires}").expect("writing to a String cannot fail");
    }
    if !is_enabled {
        text.push_str(", disabled");
    }
    text
}

/// Each option that runs otherwise.
fn drifted(text: &mut String, object: &str, fields: &[FieldChange], colour: Colour) {
    for sentence in drift_sentences(object, fields) {
        line(text, &format!("  {} drifted: {sentence}", colour.paint("33", "!")));
    }
    line(
        text,
        "    only reported, because services.nixcast.reconcile.onDrift is \"report\"; nixcast apply puts it right",
    );
}

fn broadcast(facts: Option<&BroadcastFacts>) -> String {
    let Some(facts) = facts else { return "none".to_owned() };
    let BroadcastFacts { reconnecting, stream_key, width, height, variants, dropped_units, started_at, .. } = facts;
    let since = moment(*started_at);
    let mut text = match reconnecting {
        None => String::new(),
        Some(Reconnecting { since, until: None }) => format!("reconnecting since {}, ", moment(*since)),
        Some(Reconnecting { since, until: Some(until) }) => {
            format!("reconnecting since {} until {}, ", moment(*since), moment(*until))
        }
    };
    write!(text, "{width}x{height} by \"{stream_key}\" since {since}, variants {}", variants.join(", "))
        .expect("writing to a String cannot fail");
    if *dropped_units > 0 {
        write!(text, ", {dropped_units} units dropped").expect("writing to a String cannot fail");
    }
    text
}

/// RFC 3339, UTC; empty for a moment outside the calendar.
fn moment(unix_seconds: i64) -> String {
    jiff::Timestamp::from_second(unix_seconds).map_or_else(|_| String::new(), |moment| moment.to_string())
}

fn message(status: &Status, kind: ConditionKind) -> String {
    let condition = status.conditions.iter().find(|condition| condition.kind == kind);
    condition.map_or_else(String::new, |condition| condition.message.clone())
}

fn line(text: &mut String, line: &str) {
    text.push_str(line);
    text.push('\n');
}

#[cfg(test)]
mod tests {
    use nixcast_reconciler::{Condition, ObjectStatus, Refusal, RefusalReason};

    use super::*;
    use nixcast_core::control::{Listener, ObjectId};

    fn condition(kind: ConditionKind, is_true: bool, message: &str) -> Condition {
        let message = message.to_owned();
        Condition { kind, is_true, reason: String::new(), message, last_transition_time: String::new() }
    }

    #[test]
    fn what_is_not_as_declared_is_named_with_its_reason() {
        let http = ObjectId::Listener(Listener::Http);
        let status = Status {
            conditions: vec![condition(ConditionKind::Converged, false, "held: 1")],
            objects: vec![ObjectStatus {
                option: http.to_string(),
                object: http,
                state: ObjectState::Held { reason: "port 80 is taken".to_owned() },
            }],
            source: nixcast_reconciler::SourceStatus {
                refusal: Some(Refusal {
                    reason: RefusalReason::Unreadable,
                    message: "could not read x".to_owned(),
                    problems: Vec::new(),
                }),
                ..nixcast_reconciler::SourceStatus::default()
            },
            ..Status::default()
        };
        let text = render(&status, Colour::Plain);
        assert!(text.contains("! held: services.nixcast.http: port 80 is taken"), "{text}");
        assert!(text.contains("Refused: could not read x"), "{text}");
        assert!(text.starts_with("● no settings accepted yet; the source is refused, so nothing is open\n"), "{text}");
    }
}
