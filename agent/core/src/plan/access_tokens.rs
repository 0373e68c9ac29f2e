//! Access tokens. A token is compared under the salt the engine already holds, so that an unchanged one never looks
//! changed; a changed one gets a fresh salt.
//!
//! A declared token that cannot be had stays the one that the engine holds, but its scopes apply to it all the same; one
//! that was never had lets nobody in. One that is no longer declared goes at once.

use serde_json::{Value, json};

use super::change::{Change, Fields};
use super::keys::{MASKED, MASKED_OTHER};
use super::{Desired, DesiredAccessToken, Plan};
use crate::control::{AccessToken, Action, Fingerprint, ObjectId, Observed, Phase};
use crate::keys::Salt;

pub(super) fn plan(desired: &Desired, observed: &Observed, plan: &mut Plan) {
    for (name, have) in &observed.access_tokens {
        let object = ObjectId::AccessToken(name.clone());
        if !desired.access_tokens.contains_key(name)
            && let Some(change) = Change::between(object.clone(), Some(fields(&object, have, MASKED)), None)
        {
            plan.push(Phase::Switch, Action::RemoveAccessToken { name: name.clone() }, change);
        }
    }
    for (name, want) in &desired.access_tokens {
        let object = ObjectId::AccessToken(name.clone());
        let have = observed.access_tokens.get(name);
        if let Err(reason) = &want.token {
            plan.hold(object.clone(), reason.clone());
        }
        let Some(access) = resolve(want, have) else { continue };
        let shown = if have.is_some_and(|have| have.token != access.token) { MASKED_OTHER } else { MASKED };
        let had = have.map(|have| fields(&object, have, MASKED));
        if let Some(change) = Change::between(object.clone(), had, Some(fields(&object, &access, shown))) {
            plan.push(Phase::Switch, Action::PutAccessToken { name: name.clone(), access }, change);
        }
    }
}

/// The token as the engine should hold it; none if it cannot be had and there is none to keep.
fn resolve(want: &DesiredAccessToken, have: Option<&AccessToken>) -> Option<AccessToken> {
    let DesiredAccessToken { token, scopes, fresh_salt } = want;
    let held = have.map(|have| &have.token);
    let token = match token {
        Err(_) => held?.clone(),
        Ok(token) => {
            let is_of =
                |held: &&Fingerprint| Salt::from_hex(&held.salt).is_some_and(|salt| token.hash(&salt) == held.hash);
            let fresh = || Fingerprint { salt: fresh_salt.to_hex(), hash: token.hash(fresh_salt) };
            held.filter(is_of).cloned().unwrap_or_else(fresh)
        }
    };
    Some(AccessToken { token, scopes: scopes.clone() })
}

fn fields(object: &ObjectId, access: &AccessToken, shown: &str) -> Fields {
    let AccessToken { token: _, scopes } = access;
    vec![(format!("{object}.tokenFile"), Value::from(shown)), (format!("{object}.scopes"), json!(scopes))]
}
