//! A document as a flat list: each option with its value and the effect of changing it, in the schema's order.
//!
//! Follows the schema, so that every option there will ever be is in the list by itself. What the schema does not know
//! (a document of another build) is listed as well, without an effect.

use serde::Deserialize as _;
use serde_json::{Map, Value};

use crate::path::Path;
use crate::schema::{has_named_entries, json_schema, resolve};
use crate::settings::Effect;

/// One option of one document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leaf {
    /// The NixOS option, for example `services.nixcast.video.variants."720p".width`. A list whose entries have no
    /// names is one option.
    pub option: String,
    /// The named entry that holds the option, for example `services.nixcast.video.variants."720p"`.
    pub entry: Option<String>,
    pub value: Value,
    /// None for what this build's schema does not know.
    pub effect: Option<Effect>,
}

/// Every option of a document, whether or not the document is valid.
#[must_use]
pub fn leaves_of(document: &Value) -> Vec<Leaf> {
    let mut leaves = Vec::new();
    collect(document, resolve(json_schema()), &Path::default(), None, &mut leaves);
    leaves
}

fn collect(value: &Value, schema: &'static Value, at: &Path, entry: Option<&Path>, leaves: &mut Vec<Leaf>) {
    let schema = present(schema);
    let items = present(&schema["items"]);
    match value {
        Value::Object(members) if schema["properties"].is_object() || schema.is_null() => {
            for (name, member) in in_order(members, schema) {
                // The entry is called by its name already.
                if name == "name" && entry == Some(at) {
                    continue;
                }
                collect(member, &schema["properties"][name], &at.name(name), entry, leaves);
            }
        }
        Value::Array(entries) if has_named_entries(items) => {
            for (index, member) in entries.iter().enumerate() {
                let at = at.entry(index, member["name"].as_str());
                collect(member, items, &at, Some(&at), leaves);
            }
        }
        _ => leaves.push(Leaf {
            option: at.to_string(),
            entry: entry.map(ToString::to_string),
            value: value.clone(),
            effect: effect_within(schema),
        }),
    }
}

/// Members as the schema lists them, then those that it does not know.
fn in_order<'a>(members: &'a Map<String, Value>, schema: &'static Value) -> Vec<(&'a String, &'a Value)> {
    let known = schema["properties"].as_object();
    let place = |name: &str| known.and_then(|known| known.keys().position(|other| other == name)).unwrap_or(usize::MAX);
    let mut members: Vec<_> = members.iter().collect();
    members.sort_by_key(|(name, _)| place(name));
    members
}

/// The schema of a value that is there: an option that may be null offers null beside it.
fn present(schema: &'static Value) -> &'static Value {
    let schema = resolve(schema);
    let offered = schema["anyOf"].as_array().into_iter().flatten().map(resolve);
    offered.into_iter().find(|one| one["type"] != "null").unwrap_or(schema)
}

/// The effect of a leaf; for a list without names or an object that is null, that of the first leaf inside.
fn effect_within(schema: &'static Value) -> Option<Effect> {
    let schema = present(schema);
    let own = Effect::deserialize(&schema["x-effect"]).ok();
    let inside = || schema["properties"].as_object().into_iter().flat_map(|members| members.values());
    own.or_else(|| inside().find_map(effect_within))
        .or_else(|| Some(&schema["items"]).filter(|items| !items.is_null()).and_then(effect_within))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::collections::BTreeSet;

    use serde_json::json;

    use super::*;
    use crate::schema::effects;
    use crate::settings::{AccessToken, Settings, SocialHandle, Variant};

    fn document() -> Value {
        let mut settings = Settings::default();
        settings.video.variants.push(Variant { width: Some(1280), ..Variant::named("720p") });
        settings.instance.social_handles =
            vec![SocialHandle { platform: "web".to_owned(), url: "https://example.org".to_owned() }];
        let clock = AccessToken { name: "clock".to_owned(), token_file: "/run/clock".to_owned(), scopes: Vec::new() };
        settings.integrations.access_tokens = vec![clock];
        serde_json::to_value(settings).unwrap()
    }

    fn leaf(leaves: &[Leaf], option: &str) -> Leaf {
        leaves.iter().find(|leaf| leaf.option == option).unwrap_or_else(|| panic!("no {option}")).clone()
    }

    #[test]
    fn every_option_of_the_schema_that_a_document_can_hold_is_in_the_list() {
        let leaves = leaves_of(&document());
        assert!(leaves.iter().all(|leaf| leaf.effect.is_some()), "{leaves:#?}");
        let top = |option: &str| option.split('.').take(3).collect::<Vec<_>>().join(".");
        let listed: BTreeSet<String> = leaves.iter().map(|leaf| top(&leaf.option)).collect();
        let empty = |option: &str| {
            let name = option.rsplit('.').next().unwrap_or_default();
            document()[name].as_array().is_some_and(Vec::is_empty)
        };
        for pattern in effects().keys().map(|pattern| top(pattern)).filter(|pattern| !empty(pattern)) {
            assert!(listed.contains(&pattern), "{pattern} is not listed");
        }
    }

    #[test]
    fn entries_with_names_are_known_by_them_and_the_others_are_one_list() {
        let leaves = leaves_of(&document());
        let width = leaf(&leaves, "services.nixcast.video.variants.\"720p\".width");
        assert_eq!(width.entry.as_deref(), Some("services.nixcast.video.variants.\"720p\""));
        assert_eq!((width.value, width.effect), (json!(1280), Some(Effect::Segment)));
        assert!(!leaves.iter().any(|leaf| leaf.option.ends_with("variants.\"720p\".name")));
        let handles = leaf(&leaves, "services.nixcast.instance.socialHandles");
        assert_eq!((handles.entry, handles.effect), (None, Some(Effect::Live)));
        assert_eq!(handles.value[0]["platform"], "web");
    }

    #[test]
    fn what_the_schema_does_not_know_is_listed_without_an_effect() {
        let leaves = leaves_of(&json!({ "rtmp": { "port": 1 }, "gone": { "away": [1, { "x": 2 }] } }));
        assert_eq!(leaf(&leaves, "services.nixcast.rtmp.port").effect, Some(Effect::Rebind));
        let gone = leaf(&leaves, "services.nixcast.gone.away");
        assert_eq!((gone.effect, gone.value), (None, json!([1, { "x": 2 }])));
    }
}
