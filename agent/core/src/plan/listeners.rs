//! Listeners: declared ones only ever move, so there is nothing to take away.

use serde_json::Value;

use super::change::{Change, Fields};
use super::{Desired, Plan};
use crate::control::{Action, Listener, ObjectId, Observed, Phase};
use std::net::SocketAddr;

pub(super) fn plan(desired: &Desired, observed: &Observed, plan: &mut Plan) {
    for (&listener, &want) in &desired.listeners {
        let object = ObjectId::Listener(listener);
        let had = observed.listeners.get(&listener).map(|&had| fields(listener, had));
        if let Some(change) = Change::between(object, had, Some(fields(listener, want))) {
            plan.push(Phase::Prepare, Action::Bind { listener, address: want }, change);
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
