//! For each setting: values to change it to, and where the change is seen from outside.

mod access;
mod agent;
mod broadcast;
mod chat;
mod integrations;
mod ladder;
mod listeners;
mod page;
mod video;
mod webhooks;

use serde_json::{Value, json};

use super::stage::Stage;

/// How the change of one leaf is proved.
pub(super) struct Recipe {
    /// As the effect table calls it, without "services.nixcast.".
    leaf: &'static str,
    /// Which entry of the scene's document, where the leaf belongs to one: its name or its place.
    pub(super) entry: &'static str,
    pub(super) proof: Proof,
}

type Prepare = fn(&mut Value);
type Values = fn(&Stage) -> Vec<Value>;
type Shows = fn(&Stage, &Value) -> Result<(), String>;

pub(super) enum Proof {
    Seen {
        /// What else has to be declared for the change to be visible.
        first: Prepare,
        /// Values to go through, none of them the scene's own.
        values: Values,
        /// Whether a value is in force, seen from outside; also asked about the scene's own value.
        shows: Shows,
    },
    /// There is one value only; this one is refused.
    Refused(&'static str),
}

impl Recipe {
    pub(super) fn pattern(&self) -> String {
        if self.leaf == "apiVersion" { self.leaf.to_owned() } else { format!("services.nixcast.{}", self.leaf) }
    }

    pub(super) fn title(&self) -> String {
        if self.entry.is_empty() { self.leaf.to_owned() } else { format!("{} ({})", self.leaf, self.entry) }
    }

    const fn of(leaf: &'static str, values: Values, shows: Shows) -> Self {
        Self { leaf, entry: "", proof: Proof::Seen { first: |_| (), values, shows } }
    }

    /// With something else declared as well, without which the change could not be seen.
    fn after(self, first: Prepare) -> Self {
        let Proof::Seen { first: _, values, shows } = self.proof else { return self };
        Self { proof: Proof::Seen { first, values, shows }, ..self }
    }

    const fn at(self, entry: &'static str) -> Self {
        Self { entry, ..self }
    }
}

/// Every recipe, in the order in which they are gone through: target durations may grow once, and a webhook that was
/// renamed has nothing left to say, so those come last within their area.
pub(super) fn all() -> Vec<Recipe> {
    let version = Recipe { leaf: "apiVersion", entry: "", proof: Proof::Refused("nixcast/v2") };
    [version]
        .into_iter()
        .chain(page::recipes())
        .chain(access::recipes())
        .chain(chat::recipes())
        .chain(webhooks::recipes())
        .chain(integrations::recipes())
        .chain(broadcast::recipes())
        .chain(video::recipes())
        .chain(ladder::recipes())
        .chain(listeners::recipes())
        .chain(agent::recipes())
        .collect()
}

/// Ok if `is_so`, otherwise the reason.
fn require(is_so: bool, reason: impl FnOnce() -> String) -> Result<(), String> {
    if is_so { Ok(()) } else { Err(reason()) }
}

fn one(value: impl Into<Value>) -> Vec<Value> {
    vec![json!(value.into())]
}
