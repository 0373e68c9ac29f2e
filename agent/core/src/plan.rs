//! What has to change so that the engine runs what is declared.
//!
//! [`plan`] compares a [`Desired`] with an [`Observed`] and returns ordered steps, what they change in the operator's
//! words, and what is wanted but not possible. It decides everything and performs nothing; the agent sends the steps,
//! and plans again until there are none.

mod access;
mod access_tokens;
mod broadcast;
mod certificate;
mod change;
mod chat;
mod desired;
mod keys;
mod ladder;
mod listeners;
mod name;
mod page;
mod text;
mod webhooks;

#[cfg(test)]
mod tests;

pub use change::{Change, ChangeKind, FieldChange};
pub use desired::{
    Desired, DesiredAccessToken, DesiredAdmin, DesiredCertificate, DesiredEmoji, DesiredKey, DesiredLogo,
    DesiredModerator, DesiredWebhook, Material, Picture,
};
pub use text::{Colour, render};
pub(crate) use text::{effect_name, field_line, values_of};

use nixcast_schema::Effect;
use serde::{Deserialize, Serialize};

use crate::control::{Action, ObjectId, Observed, Phase, Step};

/// Steps for the engine, changes for people.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// In the order in which they are to be performed: prepare, switch, retire, and within the switch first whatever
    /// takes a publisher's permission away.
    pub steps: Vec<Step>,
    pub held: Vec<Held>,
    pub changes: Vec<Change>,
}

/// Something declared that cannot be had right now. The object stays as it runs, everything else goes on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Held {
    pub object: ObjectId,
    /// Names option and path, never a secret's content.
    pub reason: String,
}

/// Compares what should run with what runs.
#[must_use]
pub fn plan(desired: &Desired, observed: &Observed) -> Plan {
    let mut plan = Plan { held: desired.held.clone(), ..Plan::default() };
    listeners::plan(desired, observed, &mut plan);
    certificate::plan(desired, observed, &mut plan);
    access::plan(desired, observed, &mut plan);
    keys::plan(desired, observed, &mut plan);
    page::plan(desired, observed, &mut plan);
    ladder::plan(desired, observed, &mut plan);
    broadcast::plan(desired, observed, &mut plan);
    chat::plan(desired, observed, &mut plan);
    webhooks::plan(desired, observed, &mut plan);
    access_tokens::plan(desired, observed, &mut plan);
    plan.steps.sort_by_key(|step| (step.phase, rank(&step.action)));
    plan
}

impl Plan {
    /// Whether the engine runs all that is declared and can be had.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    fn push(&mut self, phase: Phase, action: Action, change: Change) {
        self.steps.push(Step { object: change.object.clone(), phase, effect: change.effect, action });
        self.changes.push(change);
    }

    fn hold(&mut self, object: ObjectId, reason: String) {
        self.held.push(Held { object, reason });
    }
}

/// Order within a phase: a key that was taken away must not outlive anything else the operator changed with it, a
/// listener with TLS needs its certificate first, and a certificate goes after its listener. A listener that opens does
/// so when all that decides who may come in is declared; players need not wait for the emoji, which can be many.
fn rank(action: &Action) -> u8 {
    match action {
        Action::RemoveStreamKey { .. }
        | Action::RemoveModerator { .. }
        | Action::RemoveAccessToken { .. }
        | Action::SetCertificate { .. } => 0,
        Action::PutStreamKey { .. }
        | Action::PutModerator { .. }
        | Action::PutAccessToken { .. }
        | Action::SetAdmin { .. } => 1,
        Action::SetLatency { .. } | Action::SetEncoder { .. } | Action::SetChat { .. } => 2,
        Action::Unbind { .. }
        | Action::SetTrustedProxies { .. }
        | Action::PutRung { .. }
        | Action::RemoveRung { .. }
        | Action::PutPage { .. }
        | Action::PutWebhook { .. }
        | Action::RemoveWebhook { .. }
        | Action::SetOverload { .. }
        | Action::SetStills { .. }
        | Action::SetBroadcastRules { .. }
        | Action::SetMetrics { .. } => 3,
        Action::Bind { .. } | Action::RemoveCertificate => 4,
        Action::SetEmoji { .. } => 5,
    }
}

/// When a change of an object takes hold.
#[must_use]
pub const fn effect_of(object: &ObjectId) -> Effect {
    match object {
        ObjectId::Listener(_) | ObjectId::Certificate => Effect::Rebind,
        ObjectId::StreamKey(_) => Effect::Session,
        ObjectId::TrustedProxies
        | ObjectId::Admin
        | ObjectId::Page
        | ObjectId::Overload
        | ObjectId::Stills
        | ObjectId::Broadcast
        | ObjectId::Chat
        | ObjectId::Emoji
        | ObjectId::Moderator(_)
        | ObjectId::Webhook(_)
        | ObjectId::AccessToken(_)
        | ObjectId::Metrics => Effect::Live,
        ObjectId::Latency | ObjectId::Encoder | ObjectId::Rung(_) => Effect::Segment,
    }
}
