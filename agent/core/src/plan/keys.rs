//! Stream keys. The secret is compared under the salt the engine already holds, so that an unchanged key never looks
//! changed; a changed one gets a fresh salt.
//!
//! A declared key whose secret cannot be had keeps the grant the engine holds (the running session must survive a
//! secret file that is being replaced), but comment, enable and expires apply to it all the same. A key that is no
//! longer declared goes at once.

use serde_json::{Value, json};

use super::change::{Change, Fields};
use super::{Desired, DesiredKey, Plan};
use crate::control::{Action, KeyGrant, ObjectId, Observed, Phase};
use crate::keys::Salt;

/// Stands for a secret in plans.
pub(super) const MASKED: &str = "(masked)";
pub(super) const MASKED_OTHER: &str = "(masked, changed)";

pub(super) fn plan(desired: &Desired, observed: &Observed, plan: &mut Plan) {
    for (name, have) in &observed.stream_keys {
        let object = ObjectId::StreamKey(name.clone());
        if !desired.stream_keys.contains_key(name)
            && let Some(change) = Change::between(object.clone(), Some(fields(&object, have, MASKED)), None)
        {
            plan.push(Phase::Switch, Action::RemoveStreamKey { name: name.clone() }, change);
        }
    }
    for (name, want) in &desired.stream_keys {
        let object = ObjectId::StreamKey(name.clone());
        let have = observed.stream_keys.get(name);
        if let Err(reason) = &want.secret {
            plan.hold(object.clone(), reason.clone());
        }
        let Some(grant) = grant(want, have) else { continue };
        let secret_shown = if have.is_some_and(|have| have.hash != grant.hash) { MASKED_OTHER } else { MASKED };
        let had = have.map(|have| fields(&object, have, MASKED));
        if let Some(change) = Change::between(object.clone(), had, Some(fields(&object, &grant, secret_shown))) {
            plan.push(Phase::Switch, Action::PutStreamKey { name: name.clone(), grant }, change);
        }
    }
}

/// The grant the engine should hold; none if it cannot be made and there is none to keep.
fn grant(want: &DesiredKey, have: Option<&KeyGrant>) -> Option<KeyGrant> {
    let DesiredKey { key_file: _, comment, enabled, expires_at, secret, fresh_salt } = want;
    let (salt, hash) = match (secret, have) {
        (Err(_), None) => return None,
        (Err(_), Some(have)) => (have.salt.clone(), have.hash.clone()),
        (Ok(secret), have) => {
            let held_salt = have.and_then(|have| Some((Salt::from_hex(&have.salt)?, &have.hash)));
            match held_salt {
                Some((salt, hash)) if secret.hash(&salt) == *hash => (salt.to_hex(), hash.clone()),
                _ => (fresh_salt.to_hex(), secret.hash(fresh_salt)),
            }
        }
    };
    Some(KeyGrant { salt, hash, comment: comment.clone(), enabled: *enabled, expires_at: *expires_at })
}

fn fields(object: &ObjectId, grant: &KeyGrant, secret: &str) -> Fields {
    let KeyGrant { salt: _, hash: _, comment, enabled, expires_at } = grant;
    vec![
        (format!("{object}.keyFile"), Value::from(secret)),
        (format!("{object}.comment"), json!(comment)),
        (format!("{object}.enable"), json!(enabled)),
        (format!("{object}.expires"), expires_at.map_or(Value::Null, moment)),
    ]
}

fn moment(seconds: i64) -> Value {
    jiff::Timestamp::from_second(seconds).map_or_else(|_| json!(seconds), |moment| json!(moment.to_string()))
}
