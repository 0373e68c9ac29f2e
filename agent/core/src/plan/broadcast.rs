//! What holds for a broadcast as a whole: how it is encoded, and how it waits for its publisher.

use serde_json::{Value, json};

use super::change::{Change, Fields};
use super::{Desired, Plan};
use crate::control::{Action, BroadcastRules, ObjectId, Observed, Phase};

pub(super) fn plan(desired: &Desired, observed: &Observed, plan: &mut Plan) {
    let encoder = desired.encoder;
    let had = observed.encoder.map(|had| json!(had));
    one(plan, ObjectId::Encoder, had, json!(encoder), Action::SetEncoder { encoder });
    let policy = desired.when_overloaded;
    let had = observed.when_overloaded.map(|had| json!(had));
    one(plan, ObjectId::Overload, had, json!(policy), Action::SetOverload { policy });
    let enabled = desired.stills;
    let had = observed.stills.map(|had| json!(had));
    one(plan, ObjectId::Stills, had, json!(enabled), Action::SetStills { enabled });
    let rules = &desired.broadcast_rules;
    let had = observed.broadcast_rules.as_ref().map(fields);
    if let Some(change) = Change::between(ObjectId::Broadcast, had, Some(fields(rules))) {
        plan.push(Phase::Switch, Action::SetBroadcastRules { rules: rules.clone() }, change);
    }
}

/// An object that is one option.
fn one(plan: &mut Plan, object: ObjectId, had: Option<Value>, want: Value, action: Action) {
    let fields = |value| vec![(object.to_string(), value)];
    if let Some(change) = Change::between(object.clone(), had.map(fields), Some(fields(want))) {
        plan.push(Phase::Switch, action, change);
    }
}

fn fields(rules: &BroadcastRules) -> Fields {
    let BroadcastRules { grace_seconds, takeover } = rules;
    let option = ObjectId::Broadcast;
    vec![(format!("{option}.graceSeconds"), json!(grace_seconds)), (format!("{option}.takeover"), json!(takeover))]
}
