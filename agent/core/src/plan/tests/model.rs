//! The engine as a plan sees it: each action is idempotent and changes one object.

use crate::control::{Action, Observed, Step};

pub(super) fn apply(observed: &mut Observed, steps: &[Step]) {
    for step in steps {
        match step.action.clone() {
            Action::Bind { listener, address } => drop(observed.listeners.insert(listener, address)),
            Action::Unbind { listener } => drop(observed.listeners.remove(&listener)),
            Action::SetCertificate { certificate, chain, private_key } => {
                assert!(certificate.is_of(&chain, &private_key), "a certificate travels with its own files");
                observed.certificate = Some(certificate);
            }
            Action::RemoveCertificate => observed.certificate = None,
            Action::PutStreamKey { name, grant } => drop(observed.stream_keys.insert(name, grant)),
            Action::RemoveStreamKey { name } => drop(observed.stream_keys.remove(&name)),
            Action::PutPage { page, logo_base64 } => {
                assert_eq!(page.logo.is_some(), logo_base64.is_some(), "a logo travels with its bytes");
                observed.page = Some(page);
            }
            Action::SetEncoder { encoder } => observed.encoder = Some(encoder),
            Action::SetOverload { policy } => observed.when_overloaded = Some(policy),
            Action::SetStills { enabled } => observed.stills = Some(enabled),
            Action::SetBroadcastRules { rules } => observed.broadcast_rules = Some(rules),
            Action::SetChat { rules } => observed.chat = Some(rules),
            Action::SetEmoji { emoji, .. } => observed.emoji = Some(emoji),
            Action::PutModerator { name, grant } => drop(observed.moderators.insert(name, grant)),
            Action::RemoveModerator { name } => drop(observed.moderators.remove(&name)),
            Action::SetLatency { level } => observed.latency_level = Some(level),
            Action::PutRung { rung } => drop(observed.ladder.insert(rung.name.clone(), rung)),
            Action::SetTrustedProxies { networks } => observed.trusted_proxies = Some(networks),
            Action::SetAdmin { grant } => observed.admin = grant,
            Action::PutWebhook { name, webhook, signing_secret } => {
                let held = observed.webhooks.get(&name).and_then(|held| held.secret.clone());
                let is_new = webhook.secret.is_some() && webhook.secret != held;
                assert_eq!(is_new, signing_secret.is_some(), "a new secret travels with its webhook");
                drop(observed.webhooks.insert(name, webhook));
            }
            Action::RemoveWebhook { name } => drop(observed.webhooks.remove(&name)),
            Action::PutAccessToken { name, access } => drop(observed.access_tokens.insert(name, access)),
            Action::RemoveAccessToken { name } => drop(observed.access_tokens.remove(&name)),
            Action::SetMetrics { metrics } => observed.metrics = Some(metrics),
            Action::RemoveRung { name } => drop(observed.ladder.remove(&name)),
        }
    }
}
