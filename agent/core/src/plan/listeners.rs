//! Listeners: those of the page and of plain RTMP only ever move, that of RTMPS comes and goes.
//!
//! One that moves is opened before anything is switched, because its old address goes on meanwhile. One that opens where
//! none was does so once everything else is in force that says who may come in: a new engine would otherwise take whoever
//! is declared for a stranger.

use serde_json::Value;

use super::change::{Change, ChangeKind, Fields};
use super::{Desired, Plan};
use crate::control::{Action, Listener, ObjectId, Observed, Phase};
use std::net::SocketAddr;

pub(super) fn plan(desired: &Desired, observed: &Observed, plan: &mut Plan) {
    for (&listener, &had) in &observed.listeners {
        let object = ObjectId::Listener(listener);
        // One that could not be resolved is wanted, and stays where it is.
        let is_wanted = listener != Listener::Rtmps
            || desired.listeners.contains_key(&listener)
            || desired.held.iter().any(|held| held.object == object);
        if !is_wanted && let Some(change) = Change::between(object, Some(fields(listener, had)), None) {
            plan.push(Phase::Retire, Action::Unbind { listener }, change);
        }
    }
    for (&listener, &want) in &desired.listeners {
        let object = ObjectId::Listener(listener);
        let had = observed.listeners.get(&listener).map(|&had| fields(listener, had));
        if let Some(change) = Change::between(object, had, Some(fields(listener, want))) {
            let phase = if change.kind == ChangeKind::Create { Phase::Switch } else { Phase::Prepare };
            plan.push(phase, Action::Bind { listener, address: want }, change);
        }
    }
}

fn fields(listener: Listener, address: SocketAddr) -> Fields {
    let option = ObjectId::Listener(listener);
    vec![
        (format!("{option}.address"), Value::from(address.ip().to_string())),
        (format!("{option}.port"), Value::from(address.port())),
    ]
}
