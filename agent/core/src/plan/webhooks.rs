//! Webhooks. A secret is compared by its fingerprint and travels only when it is new to the engine.
//!
//! A declared secret that cannot be read keeps the one the engine holds. A webhook that has none yet stays as it is:
//! its receiver would take unsigned messages for forged ones.

use serde_json::{Value, json};

use super::change::{Change, Fields};
use super::keys::{MASKED, MASKED_OTHER};
use super::{Desired, DesiredWebhook, Plan};
use crate::control::{Action, Fingerprint, ObjectId, Observed, Phase, Webhook};
use crate::keys::Salt;
use crate::webhooks::SigningSecret;

pub(super) fn plan(desired: &Desired, observed: &Observed, plan: &mut Plan) {
    for (name, have) in &observed.webhooks {
        let object = ObjectId::Webhook(name.clone());
        if !desired.webhooks.contains_key(name)
            && let Some(change) = Change::between(object.clone(), Some(fields(&object, have, MASKED)), None)
        {
            plan.push(Phase::Switch, Action::RemoveWebhook { name: name.clone() }, change);
        }
    }
    for (name, want) in &desired.webhooks {
        let object = ObjectId::Webhook(name.clone());
        let have = observed.webhooks.get(name);
        if let Some((Err(reason), _)) = &want.secret {
            plan.hold(object.clone(), reason.clone());
        }
        let Some((webhook, signing_secret)) = resolve(want, have) else { continue };
        let is_other = have.is_some_and(|have| have.secret.is_some()) && signing_secret.is_some();
        let shown = if is_other { MASKED_OTHER } else { MASKED };
        let had = have.map(|have| fields(&object, have, MASKED));
        if let Some(change) = Change::between(object.clone(), had, Some(fields(&object, &webhook, shown))) {
            plan.push(Phase::Switch, Action::PutWebhook { name: name.clone(), webhook, signing_secret }, change);
        }
    }
}

/// The webhook as the engine should hold it, with its secret if that is new to the engine.
fn resolve(want: &DesiredWebhook, have: Option<&Webhook>) -> Option<(Webhook, Option<SigningSecret>)> {
    let DesiredWebhook { enabled, url, events, secret } = want;
    let held = have.and_then(|have| have.secret.as_ref());
    let (secret, signing_secret) = match secret {
        None => (None, None),
        Some((Err(_), _)) => (Some(held?.clone()), None),
        Some((Ok(secret), fresh_salt)) => match held.filter(|held| is_of(held, secret)) {
            Some(held) => (Some(held.clone()), None),
            None => (Some(fingerprint(secret, fresh_salt)), Some(secret.clone())),
        },
    };
    Some((Webhook { enabled: *enabled, url: url.clone(), events: events.clone(), secret }, signing_secret))
}

fn fingerprint(secret: &SigningSecret, salt: &Salt) -> Fingerprint {
    Fingerprint { salt: salt.to_hex(), hash: secret.fingerprint(salt) }
}

fn is_of(held: &Fingerprint, secret: &SigningSecret) -> bool {
    Salt::from_hex(&held.salt).is_some_and(|salt| secret.fingerprint(&salt) == held.hash)
}

fn fields(object: &ObjectId, webhook: &Webhook, secret_shown: &str) -> Fields {
    let Webhook { enabled, url, events, secret } = webhook;
    vec![
        (format!("{object}.enable"), json!(enabled)),
        (format!("{object}.url"), json!(url)),
        (format!("{object}.events"), json!(events)),
        (format!("{object}.secretFile"), secret.as_ref().map_or(Value::Null, |_| Value::from(secret_shown))),
    ]
}
