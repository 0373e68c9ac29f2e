//! The certificate of publishers with TLS. It travels only when the engine holds another one, or none.
//!
//! A file that cannot be used keeps the pair the engine holds: an expired certificate still lets in who does not mind,
//! none at all lets in nobody.

use serde_json::Value;

use super::change::{Change, Fields};
use super::keys::{MASKED, MASKED_OTHER};
use super::{Desired, DesiredCertificate, Plan};
use crate::control::{Action, Certificate, Listener, ObjectId, Observed, Phase};

/// Digits of the chain's digest that a plan shows: enough to tell two renewals apart.
const SHOWN_DIGITS: usize = 16;

pub(super) fn plan(desired: &Desired, observed: &Observed, plan: &mut Plan) {
    let object = ObjectId::Certificate;
    let had = observed.certificate.as_ref();
    let before = had.map(|had| fields(had, MASKED));
    let Some(DesiredCertificate { chain, private_key, fresh_salt }) = &desired.certificate else {
        if let Some(change) = Change::between(object, before, None) {
            plan.push(Phase::Retire, Action::RemoveCertificate, change);
        }
        return;
    };
    let (Ok(chain), Ok(private_key)) = (chain, private_key) else {
        let faults = [chain.as_ref().err(), private_key.as_ref().err()];
        let reasons: Vec<&str> = faults.into_iter().flatten().map(String::as_str).collect();
        plan.hold(object, reasons.join("; "));
        return;
    };
    if had.is_some_and(|had| had.is_of(chain, private_key)) {
        return;
    }
    let certificate = Certificate::of(chain, private_key, fresh_salt);
    let shown = if had.is_some() { MASKED_OTHER } else { MASKED };
    if let Some(change) = Change::between(object, before, Some(fields(&certificate, shown))) {
        let (chain, private_key) = (chain.clone(), private_key.clone());
        plan.push(Phase::Prepare, Action::SetCertificate { certificate, chain, private_key }, change);
    }
}

fn fields(certificate: &Certificate, key_shown: &str) -> Fields {
    let Certificate { chain_digest, key: _ } = certificate;
    let digest: String = chain_digest.chars().take(SHOWN_DIGITS).collect();
    vec![
        (ObjectId::Certificate.to_string(), Value::from(format!("sha256 {digest}"))),
        (format!("{}.keyFile", ObjectId::Listener(Listener::Rtmps)), Value::from(key_shown)),
    ]
}
