//! Random valid changes of a document, made from the JSON schema alone: type, bounds, choices and format of each leaf.
//!
//! What the schema cannot say (which files exist, which ports are free, what two cores can encode) comes from
//! [`Supplies`]. The rules between options are those of `Settings::parse`: what they refuse is drawn again.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use nixcast_schema::{Effect, Settings};
use serde_json::{Value, json};

use crate::leaves::{Leaf, leaves_of};
use crate::random::Random;
use crate::server::free_port;

/// What a machine has, and how far a value may go on it.
#[derive(Clone, Debug, Default)]
pub struct Supplies {
    /// Files with a secret each.
    pub secrets: Vec<String>,
    /// Files with a picture each.
    pub pictures: Vec<String>,
    /// Folders with pictures.
    pub folders: Vec<String>,
    /// Files of a certificate and of its key.
    pub pair: Option<(String, String)>,
    /// Addresses that can be listened on.
    pub addresses: Vec<String>,
    /// Narrower bounds of numbers, by leaf.
    pub bounds: BTreeMap<String, RangeInclusive<i64>>,
    /// JSON pointers of what must stay as it is, with everything below.
    pub fixed: Vec<String>,
    /// Leaves no change is made to.
    pub left_out: Vec<String>,
}

/// A change that was made.
#[derive(Clone, Debug)]
pub struct Changed {
    pub pattern: String,
    pub effect: Effect,
    pub document: Value,
}

/// Draws changes.
#[derive(Debug)]
pub struct Generator {
    supplies: Supplies,
    random: Random,
}

/// Draws before a leaf is given up: values that happen to be the present one, or that a rule refuses.
const DRAWS: usize = 60;

impl Generator {
    pub fn new(supplies: Supplies, seed: u64) -> Self {
        Self { supplies, random: Random::new(seed) }
    }

    /// The document with one leaf of this effect changed to another valid value.
    ///
    /// # Panics
    /// If no leaf of this effect can be changed.
    #[track_caller]
    pub fn change(&mut self, document: &Value, effect: Effect) -> Changed {
        let mut leaves: Vec<Leaf> =
            leaves_of(document).into_iter().filter(|leaf| leaf.effect == effect && self.may_change(leaf)).collect();
        self.random.shuffle(&mut leaves);
        for leaf in &leaves {
            if let Some(document) = self.change_leaf(document, leaf) {
                return Changed { pattern: leaf.pattern.clone(), effect, document };
            }
        }
        panic!("no leaf with the effect {effect:?} can be changed")
    }

    fn may_change(&self, leaf: &Leaf) -> bool {
        let is_fixed = self.supplies.fixed.iter().any(|place| {
            leaf.pointer.strip_prefix(place.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        });
        // There is one version only.
        !is_fixed && leaf.schema["const"].is_null() && !self.supplies.left_out.contains(&leaf.pattern)
    }

    fn change_leaf(&mut self, document: &Value, leaf: &Leaf) -> Option<Value> {
        for _ in 0..DRAWS {
            let mut changed = document.clone();
            let place = changed.pointer_mut(&leaf.pointer)?;
            let fresh = self.value(leaf.schema, &leaf.pattern);
            if *place == fresh {
                continue;
            }
            *place = fresh;
            if Settings::parse(&changed.to_string()).is_ok() {
                return Some(changed);
            }
        }
        None
    }

    /// A value as the schema allows it.
    pub fn value(&mut self, schema: &Value, pattern: &str) -> Value {
        let (kind, is_nullable) = kind(schema);
        if is_nullable && self.random.chance(25) {
            return Value::Null;
        }
        match kind {
            "boolean" => json!(self.random.chance(50)),
            "integer" => json!(self.integer(schema, pattern)),
            "array" => self.list(schema, pattern),
            "string" => match &self.supplies.pair {
                Some((certificate, _)) if pattern.ends_with(".rtmps.certificateFile") => json!(certificate),
                Some((_, key)) if pattern.ends_with(".rtmps.keyFile") => json!(key),
                _ if pattern.ends_with(".chat.emojiFolder") => json!(self.random.pick(&self.supplies.folders)),
                _ => json!(self.text(schema)),
            },
            other => panic!("{pattern}: nobody here knows how to make a value of type {other:?}"),
        }
    }

    fn integer(&mut self, schema: &Value, pattern: &str) -> i64 {
        if pattern.ends_with(".port") {
            return i64::from(free_port());
        }
        let bound = |keyword: &str| schema[keyword].as_i64();
        let (least, most) = match self.supplies.bounds.get(pattern) {
            Some(bounds) => (*bounds.start(), *bounds.end()),
            None => (bound("minimum").unwrap_or(0), bound("maximum").unwrap_or(i64::from(u16::MAX))),
        };
        let step = bound("multipleOf").unwrap_or(1);
        // The ends are where mistakes are.
        let number = match self.random.below(10) {
            0 => least,
            1 => most,
            _ => self.random.between(least, most),
        };
        number - number.rem_euclid(step)
    }

    fn list(&mut self, schema: &Value, pattern: &str) -> Value {
        let most = schema["maxItems"].as_u64().and_then(|most| usize::try_from(most).ok()).unwrap_or(4).min(4);
        // Fewer than ten would make people known by the same few names, and are refused.
        let count = match self.random.below(most + 1) {
            drawn if pattern.ends_with(".chat.suggestedNames") => drawn.min(1) * (12 + drawn),
            drawn => drawn,
        };
        let mut entries: Vec<Value> = Vec::new();
        for _ in 0..count {
            let entry = self.value(&schema["items"], pattern);
            if !entries.contains(&entry) {
                entries.push(entry);
            }
        }
        Value::from(entries)
    }

    fn text(&mut self, schema: &Value) -> String {
        if let Some(choices) = schema["enum"].as_array() {
            return self.random.pick(choices).as_str().unwrap_or_default().to_owned();
        }
        let number = self.random.number();
        match schema["format"].as_str() {
            Some("name") => format!("n{}.{}_{}-x", number % 10, number % 97, number % 1000),
            Some("ip") => self.random.pick(&self.supplies.addresses).clone(),
            Some("secret-path") => self.random.pick(&self.supplies.secrets).clone(),
            Some("absolute-path") => self.random.pick(&self.supplies.pictures).clone(),
            // Later than any run of a test.
            Some("date-time") => format!("{}-0{}-1{}T12:00:00+02:00", 2100 + number % 90, 1 + number % 9, number % 10),
            // Nobody listens on the discard port.
            Some("web-url") => format!("http://127.0.0.1:9/{:x}", number % 4096),
            Some("colour") if number.is_multiple_of(2) => format!("#{:06x}", number % 0x100_0000),
            Some("colour") => format!("#{:08X}", number % 0x1_0000_0000),
            Some("network") => match number % 3 {
                0 => format!("10.{}.0.0/16", number % 256),
                1 => format!("fd00:{:x}::/32", number % 0x1_0000),
                _ => format!("192.0.2.{}", number % 256),
            },
            Some(other) => panic!("nobody here knows how to write a text of format {other:?}"),
            None => self.words(schema),
        }
    }

    /// Free text within the length allowed, never long: what is measured is a change, not a copy.
    fn words(&mut self, schema: &Value) -> String {
        const WORDS: [&str; 12] =
            ["tide", "Harbour", "42", "ünïcödé", "日本", "<b>", "&amp;", "\"quoted\"", "**", "🎬", "a'b", "x"];
        let bound = |keyword: &str| schema[keyword].as_u64().and_then(|length| usize::try_from(length).ok());
        let most = bound("maxLength").unwrap_or(40).min(200);
        let count = self.random.below(8);
        let mut text: String =
            (0..count).map(|_| *self.random.pick(&WORDS)).collect::<Vec<_>>().join(" ").chars().take(most).collect();
        if text.trim().is_empty() && bound("minLength").unwrap_or(0) > 0 {
            text = format!("word {}", self.random.below(1000)).chars().take(most).collect();
        }
        text
    }
}

/// The type beside null, and whether null is allowed.
fn kind(schema: &Value) -> (&str, bool) {
    match &schema["type"] {
        Value::Array(types) => {
            let names = || types.iter().filter_map(Value::as_str);
            (names().find(|name| *name != "null").unwrap_or_default(), names().any(|name| name == "null"))
        }
        one => (one.as_str().unwrap_or_default(), false),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use nixcast_schema::{
        AccessToken, Effect, ExternalAction, Moderator, Settings, SocialHandle, StreamKey, Variant, Webhook, effects,
    };
    use serde_json::Value;

    use super::{Generator, Supplies};

    fn full() -> Value {
        let text = |text: &str| text.to_owned();
        let key = StreamKey {
            name: text("main"),
            key_file: text("/run/keys/main"),
            comment: String::new(),
            enable: true,
            expires: None,
        };
        let action = ExternalAction {
            title: text("Tickets"),
            url: text("https://example.org"),
            description: String::new(),
            colour: None,
            open_externally: true,
        };
        let webhook = Webhook {
            name: text("chat"),
            enable: true,
            url: text("https://example.org"),
            events: nixcast_schema::WebhookEvent::ALL.to_vec(),
            secret_file: None,
        };
        let mut settings = Settings { stream_keys: vec![key], webhooks: vec![webhook], ..Settings::default() };
        settings.instance.social_handles =
            vec![SocialHandle { platform: text("web"), url: text("https://example.org") }];
        settings.instance.external_actions = vec![action];
        settings.video.variants.push(Variant::named("low"));
        settings.chat.moderators = vec![Moderator { name: text("mate"), secret_file: text("/run/keys/mate") }];
        settings.integrations.access_tokens = vec![AccessToken {
            name: text("clock"),
            token_file: text("/run/keys/clock"),
            scopes: nixcast_schema::Scope::ALL.to_vec(),
        }];
        serde_json::to_value(settings).unwrap()
    }

    #[test]
    fn every_leaf_gets_changed_sooner_or_later_and_always_to_something_valid() {
        let files = |stem: &str| (0..4).map(|number| format!("/run/{stem}-{number}")).collect();
        let supplies = Supplies {
            secrets: files("secret"),
            pictures: files("picture"),
            folders: files("folder"),
            addresses: vec!["127.0.0.1".to_owned(), "127.0.0.2".to_owned(), "0.0.0.0".to_owned()],
            ..Supplies::default()
        };
        let mut generator = Generator::new(supplies, 1);
        let mut seen = BTreeSet::new();
        for (effect, draws) in
            [(Effect::Live, 1200), (Effect::Segment, 300), (Effect::Session, 150), (Effect::Rebind, 200)]
        {
            let mut document = full();
            for _ in 0..draws {
                let changed = generator.change(&document, effect);
                assert_ne!(changed.document, document, "{}", changed.pattern);
                assert!(Settings::parse(&changed.document.to_string()).is_ok(), "{}", changed.pattern);
                seen.insert(changed.pattern);
                document = changed.document;
            }
        }
        let all: BTreeSet<String> = effects().into_keys().filter(|pattern| pattern != "apiVersion").collect();
        let never: Vec<&String> = all.difference(&seen).collect();
        assert!(never.is_empty(), "never changed: {never:?}");
    }

    #[test]
    fn what_is_fixed_stays() {
        let supplies = Supplies {
            secrets: vec!["/run/a".to_owned(), "/run/b".to_owned()],
            fixed: vec!["/streamKeys/0/name".to_owned(), "/streamKeys/0/keyFile".to_owned()],
            ..Supplies::default()
        };
        let mut generator = Generator::new(supplies, 2);
        let mut document = full();
        for _ in 0..50 {
            document = generator.change(&document, Effect::Session).document;
        }
        assert_eq!(document["streamKeys"][0]["name"], "main");
        assert_eq!(document["streamKeys"][0]["keyFile"], "/run/keys/main");
    }
}
