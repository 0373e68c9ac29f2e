//! The settings the engine runs on, as one immutable snapshot that everything reads.
//!
//! Owned by the control task, which replaces it whole; admission, pages and the broadcast hold a `watch` on it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use nixcast_core::chat::rules::ChatRules;
use nixcast_core::control::{
    AdminGrant, BroadcastRules, Certificate, Fingerprint, KeyGrant, Metrics, Page, PictureRef, Rung, Webhook,
};
use nixcast_core::keys;
use nixcast_core::ladder::LatencyLevel;
use nixcast_core::webhooks::SigningSecret;
use nixcast_schema::{Encoder, Network, Overload, Takeover};

/// A snapshot of everything declared, resolved.
#[derive(Clone, Debug, Default)]
pub(crate) struct Declared {
    /// None until the agent has spoken for the first time.
    pub(crate) trusted_proxies: Option<Vec<Network>>,
    /// The certificate that publishers with TLS are shown; what it is made of is with [`crate::ingest::Tls`].
    pub(crate) certificate: Option<Certificate>,
    pub(crate) stream_keys: BTreeMap<String, KeyGrant>,
    pub(crate) admin: Option<AdminGrant>,
    pub(crate) page: Option<Page>,
    /// Bytes of `page.logo`.
    pub(crate) logo: Option<Bytes>,
    /// 0 to 4; none until the agent has spoken for the first time.
    pub(crate) latency_level: Option<u8>,
    /// These four are none until the agent has spoken for the first time.
    pub(crate) encoder: Option<Encoder>,
    pub(crate) when_overloaded: Option<Overload>,
    pub(crate) stills: Option<bool>,
    pub(crate) broadcast_rules: Option<BroadcastRules>,
    /// None until the agent has spoken for the first time; what is in force is with [`crate::chat::Chat`].
    pub(crate) chat: Option<ChatRules>,
    /// By name. None until the agent has spoken for the first time.
    pub(crate) emoji: Option<BTreeMap<String, PictureRef>>,
    /// Bytes of those, by digest.
    pub(crate) emoji_pictures: BTreeMap<String, Bytes>,
    pub(crate) moderators: Moderators,
    pub(crate) ladder: BTreeMap<String, Rung>,
    pub(crate) webhooks: BTreeMap<String, Webhook>,
    /// Of those webhooks that have one.
    pub(crate) signing_secrets: BTreeMap<String, SigningSecret>,
    pub(crate) metrics: Option<Metrics>,
}

/// The declared moderators, each with what their secret is recognised by.
#[derive(Clone, Debug, Default)]
pub(crate) struct Moderators(pub(crate) BTreeMap<String, Fingerprint>);

impl Moderators {
    /// Whether that is the secret of the moderator of that name. A name that nobody has takes as long as a wrong secret.
    pub(crate) fn check(&self, name: &str, secret: &str) -> bool {
        let nobody = Fingerprint { salt: "0".repeat(32), hash: "0".repeat(64) };
        let held = self.0.get(name);
        keys::recognise(held.unwrap_or(&nobody), secret.as_bytes()) && held.is_some()
    }

    pub(crate) fn names(&self) -> BTreeSet<String> {
        self.0.keys().cloned().collect()
    }
}

impl Declared {
    pub(crate) fn latency(&self) -> LatencyLevel {
        const MIDDLE: u8 = 2;
        LatencyLevel::new(self.latency_level.unwrap_or(MIDDLE))
    }

    /// Whether the agent has spoken.
    pub(crate) fn is_spoken(&self) -> bool {
        self.broadcast_rules.is_some()
    }

    /// Until the agent has spoken, a broadcast of an engine before this one waits for as long as any may.
    pub(crate) fn broadcast_rules(&self) -> BroadcastRules {
        let unspoken = BroadcastRules { grace_seconds: 3600, takeover: Takeover::default() };
        self.broadcast_rules.clone().unwrap_or(unspoken)
    }
}

/// How parts of the engine follow the settings.
pub(crate) type Watch = tokio::sync::watch::Receiver<Arc<Declared>>;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use nixcast_core::keys::{Salt, StreamKeySecret};

    use super::*;

    #[test]
    fn only_name_and_secret_together_make_a_moderator() {
        let grant = |secret: &str, salt: u8| {
            let salt = Salt::new([salt; 16]);
            let hash = StreamKeySecret::from_file_content(secret.as_bytes()).unwrap().hash(&salt);
            Fingerprint { salt: salt.to_hex(), hash }
        };
        let moderators = Moderators(BTreeMap::from([
            ("anna".to_owned(), grant("correct-horse", 1)),
            ("ben".to_owned(), grant("battery-staple", 2)),
        ]));
        for (name, secret, is_one) in [
            ("anna", "correct-horse", true),
            ("ben", "battery-staple", true),
            ("anna", "battery-staple", false),
            ("Anna", "correct-horse", false),
            ("anna", "correct-horse\n", false),
            ("anna", "", false),
            ("", "correct-horse", false),
            ("cleo", "", false),
        ] {
            assert_eq!(moderators.check(name, secret), is_one, "{name} {secret}");
        }
    }
}
