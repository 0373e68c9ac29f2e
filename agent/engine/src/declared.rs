//! The settings the engine runs on, as one immutable snapshot that everything reads.
//!
//! Owned by the control task, which replaces it whole; admission, pages and the broadcast hold a `watch` on it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering::Relaxed};

use bytes::Bytes;
use nixcast_core::chat::rules::ChatRules;
use nixcast_core::chat::users::{DeclaredModerators, SecretId};
use nixcast_core::control::{
    AccessToken, AdminGrant, BroadcastRules, Certificate, Fingerprint, KeyGrant, Metrics, Page, PictureRef, Rung,
    Webhook,
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
    pub(crate) access_tokens: AccessTokens,
    pub(crate) metrics: Option<Metrics>,
}

/// The declared moderators, each with what their secret is recognised by.
#[derive(Clone, Debug, Default)]
pub(crate) struct Moderators(pub(crate) BTreeMap<String, Fingerprint>);

impl Moderators {
    /// Which secret that is, if it is that of the moderator of that name. A name that nobody has takes as long as a wrong
    /// secret.
    pub(crate) fn check(&self, name: &str, secret: &str) -> Option<SecretId> {
        let nobody = Fingerprint { salt: "0".repeat(32), hash: "0".repeat(64) };
        let held = self.0.get(name);
        let is_it = keys::recognise(held.unwrap_or(&nobody), secret.as_bytes());
        held.filter(|_held| is_it).map(SecretId::of)
    }

    /// As the chat knows them.
    pub(crate) fn for_chat(&self) -> DeclaredModerators {
        self.0.iter().map(|(name, secret)| (name.clone(), SecretId::of(secret))).collect()
    }
}

/// The declared access tokens, by name.
#[derive(Clone, Debug, Default)]
pub(crate) struct AccessTokens(pub(crate) BTreeMap<String, DeclaredToken>);

/// A declared access token, and what came of it.
#[derive(Clone, Debug)]
pub(crate) struct DeclaredToken {
    pub(crate) access: AccessToken,
    /// When this engine was given the token, milliseconds since 1970.
    pub(crate) since_ms: i64,
    /// When it was shown last, milliseconds since 1970; 0: not since this engine was given it.
    used_ms: Arc<AtomicI64>,
}

impl DeclaredToken {
    /// Notes that it was shown.
    pub(crate) fn note_use(&self, now_ms: i64) {
        self.used_ms.store(now_ms, Relaxed);
    }

    pub(crate) fn used_ms(&self) -> Option<i64> {
        Some(self.used_ms.load(Relaxed)).filter(|used_ms| *used_ms != 0)
    }
}

impl AccessTokens {
    /// Whose token that is.
    pub(crate) fn of(&self, token: &str) -> Option<(&str, &DeclaredToken)> {
        let found = self.0.iter().find(|(_, held)| keys::recognise(&held.access.token, token.as_bytes()));
        found.map(|(name, held)| (name.as_str(), held))
    }

    /// The declared name that is `name`, upper and lower case aside.
    pub(crate) fn named(&self, name: &str) -> Option<&str> {
        self.0.keys().map(String::as_str).find(|declared| declared.eq_ignore_ascii_case(name))
    }

    /// As the agent knows them.
    pub(crate) fn observed(&self) -> BTreeMap<String, AccessToken> {
        self.0.iter().map(|(name, held)| (name.clone(), held.access.clone())).collect()
    }

    /// Takes this one in. With other scopes, the same token is as old as before.
    pub(crate) fn put(&mut self, name: String, access: AccessToken, now_ms: i64) {
        match self.0.get_mut(&name) {
            Some(held) if held.access.token == access.token => held.access = access,
            _ => drop(self.0.insert(name, DeclaredToken { access, since_ms: now_ms, used_ms: Arc::default() })),
        }
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
    use nixcast_schema::Scope;

    use super::*;

    fn grant(secret: &str, salt: u8) -> Fingerprint {
        let salt = Salt::new([salt; 16]);
        let hash = StreamKeySecret::from_file_content(secret.as_bytes()).unwrap().hash(&salt);
        Fingerprint { salt: salt.to_hex(), hash }
    }

    #[test]
    fn an_access_token_is_known_by_itself_until_it_is_another() {
        let access = |secret: &str, scope| AccessToken { token: grant(secret, 1), scopes: vec![scope] };
        let mut tokens = AccessTokens::default();
        tokens.put("clock".to_owned(), access("correct-horse", Scope::CanSendMessages), 1000);
        tokens.put("bell".to_owned(), access("battery-staple", Scope::HasAdminAccess), 1000);
        let owner = |tokens: &AccessTokens, token: &str| tokens.of(token).map(|(name, _)| name.to_owned());
        for (token, name) in [
            ("correct-horse", Some("clock")),
            ("battery-staple", Some("bell")),
            ("correct-horse ", None),
            ("clock", None),
            ("", None),
        ] {
            assert_eq!(owner(&tokens, token).as_deref(), name, "{token}");
        }
        assert_eq!((tokens.named("CLOCK"), tokens.named("clocks")), (Some("clock"), None));

        tokens.0["clock"].note_use(1500);
        let in_use = tokens.clone();
        tokens.put("clock".to_owned(), access("correct-horse", Scope::HasAdminAccess), 2000);
        in_use.0["clock"].note_use(2500);
        let clock = &tokens.0["clock"];
        assert_eq!((clock.since_ms, clock.used_ms()), (1000, Some(2500)), "another scope is no other token");
        assert_eq!(clock.access.scopes, [Scope::HasAdminAccess]);
        tokens.put("clock".to_owned(), access("other-horse", Scope::HasAdminAccess), 3000);
        let clock = &tokens.0["clock"];
        assert_eq!((clock.since_ms, clock.used_ms()), (3000, None));
        assert_eq!((owner(&tokens, "correct-horse"), owner(&tokens, "other-horse").as_deref()), (None, Some("clock")));
    }

    #[test]
    fn only_name_and_secret_together_make_a_moderator() {
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
            assert_eq!(moderators.check(name, secret).is_some(), is_one, "{name} {secret}");
        }
    }
}
