//! Who is believed, who may log in, who may read the figures.

use serde_json::{Value, json};

use super::change::{Change, Fields};
use super::keys::{MASKED, MASKED_OTHER};
use super::{Desired, DesiredAdmin, Plan};
use crate::control::{Action, AdminGrant, Metrics, ObjectId, Observed, Phase};

pub(super) fn plan(desired: &Desired, observed: &Observed, plan: &mut Plan) {
    trusted_proxies(desired, observed, plan);
    admin(desired, observed, plan);
    metrics(desired, observed, plan);
}

fn trusted_proxies(desired: &Desired, observed: &Observed, plan: &mut Plan) {
    let want = &desired.trusted_proxies;
    let fields = |networks: &Vec<_>| vec![(ObjectId::TrustedProxies.to_string(), json!(networks))];
    let had = observed.trusted_proxies.as_ref().map(fields);
    if let Some(change) = Change::between(ObjectId::TrustedProxies, had, Some(fields(want))) {
        plan.push(Phase::Switch, Action::SetTrustedProxies { networks: want.clone() }, change);
    }
}

/// A password that cannot be read keeps the hash the engine holds; one that is no longer declared ends all access.
fn admin(desired: &Desired, observed: &Observed, plan: &mut Plan) {
    let had = observed.admin.as_ref();
    let mut shown = MASKED;
    let want = desired.admin.as_ref().and_then(|DesiredAdmin { user, password, fresh_salt }| {
        let held = had.map(|grant| grant.password_hash.as_str());
        let password_hash = match password {
            Ok(password) => password.hash(held, fresh_salt),
            Err(reason) => {
                plan.hold(ObjectId::Admin, reason.clone());
                held?.to_owned()
            }
        };
        if held.is_some_and(|held| held != password_hash) {
            shown = MASKED_OTHER;
        }
        Some(AdminGrant { user: user.clone(), password_hash })
    });
    let before = had.map(|grant| admin_fields(grant, MASKED));
    let after = want.as_ref().map(|grant| admin_fields(grant, shown));
    if let Some(change) = Change::between(ObjectId::Admin, before, after) {
        plan.push(Phase::Switch, Action::SetAdmin { grant: want }, change);
    }
}

fn admin_fields(grant: &AdminGrant, password: &str) -> Fields {
    let AdminGrant { user, password_hash: _ } = grant;
    vec![
        (format!("{}.user", ObjectId::Admin), json!(user)),
        (format!("{}.passwordFile", ObjectId::Admin), Value::from(password)),
    ]
}

fn metrics(desired: &Desired, observed: &Observed, plan: &mut Plan) {
    let want = &desired.metrics;
    let had = observed.metrics.as_ref().map(metrics_fields);
    if let Some(change) = Change::between(ObjectId::Metrics, had, Some(metrics_fields(want))) {
        plan.push(Phase::Switch, Action::SetMetrics { metrics: want.clone() }, change);
    }
}

fn metrics_fields(metrics: &Metrics) -> Fields {
    let Metrics { enabled, allow_from } = metrics;
    vec![
        (format!("{}.enable", ObjectId::Metrics), json!(enabled)),
        (format!("{}.allowFrom", ObjectId::Metrics), json!(allow_from)),
    ]
}
