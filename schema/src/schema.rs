//! The JSON Schema of the document, generated from the wire types, and what is read out of it.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use serde::Deserialize;
use serde_json::Value;

use crate::settings::{Effect, Settings};

/// The JSON Schema (draft 2020-12) of a settings document. Besides the standard keywords a leaf carries `x-effect`,
/// and `format` takes the values `name`, `ip`, `secret-path`, `absolute-path`, `date-time`, `web-url`, `colour` and `network`.
#[must_use]
pub fn json_schema() -> &'static Value {
    static SCHEMA: OnceLock<Value> = OnceLock::new();
    SCHEMA.get_or_init(|| schemars::schema_for!(Settings).to_value())
}

/// The effect of every leaf of the document, by option pattern: an entry of an attribute set is written `<name>`, an
/// entry of a list `*`, as in the NixOS manual.
#[must_use]
pub fn effects() -> BTreeMap<String, Effect> {
    leaves()
        .into_iter()
        .map(|(pattern, leaf)| {
            let effect = Effect::deserialize(&leaf["x-effect"]).expect("a test proves that every leaf has an effect");
            (pattern, effect)
        })
        .collect()
}

/// Every leaf with its schema, by option pattern. A list of plain values is one leaf.
pub(crate) fn leaves() -> BTreeMap<String, &'static Value> {
    let mut leaves = BTreeMap::new();
    collect(resolve(json_schema()), "services.nixcast", &mut leaves);
    leaves
}

fn collect(schema: &'static Value, pattern: &str, leaves: &mut BTreeMap<String, &'static Value>) {
    if let Some(properties) = schema["properties"].as_object() {
        for (name, property) in properties {
            // The version is the document's own, there is no option to set it.
            let path = if name == "apiVersion" { name.clone() } else { format!("{pattern}.{name}") };
            collect(resolve(property), &path, leaves);
        }
        return;
    }
    let entry = resolve(&schema["items"]);
    if entry["properties"].is_object() {
        let step = if has_named_entries(entry) { "<name>" } else { "*" };
        return collect(entry, &format!("{pattern}.{step}"), leaves);
    }
    leaves.insert(pattern.to_owned(), schema);
}

/// The schema itself, or the definition it refers to.
pub(crate) fn resolve(schema: &'static Value) -> &'static Value {
    schema["$ref"].as_str().and_then(|pointer| json_schema().pointer(pointer.strip_prefix('#')?)).unwrap_or(schema)
}

/// Whether entries with this schema are known by their name (an attribute set in Nix) rather than by their place.
pub(crate) fn has_named_entries(entry: &Value) -> bool {
    entry["properties"]["name"]["format"] == "name"
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn every_leaf_has_exactly_one_effect_and_nothing_else_has_one() {
        for (pattern, leaf) in leaves() {
            assert!(Effect::deserialize(&leaf["x-effect"]).is_ok(), "{pattern} has no effect");
        }
        let written = serde_json::to_string(json_schema()).unwrap().matches("\"x-effect\"").count();
        assert_eq!(written, schema_leaf_count(), "an effect stands on something that is not a leaf");
        assert_eq!(effects().len(), leaves().len());
    }

    /// Leaves counted in the definitions, where each type is written once however often it is used.
    fn schema_leaf_count() -> usize {
        let definitions = json_schema()["$defs"].as_object().unwrap().values();
        std::iter::once(json_schema())
            .chain(definitions)
            .filter_map(|definition| definition["properties"].as_object())
            .flat_map(|properties| properties.values())
            .map(resolve)
            .filter(|property| property["properties"].is_null() && resolve(&property["items"])["properties"].is_null())
            .count()
    }

    #[test]
    fn patterns_read_like_the_manual() {
        let effects = effects();
        assert_eq!(effects["services.nixcast.http.port"], Effect::Rebind);
        assert_eq!(effects["services.nixcast.streamKeys.<name>.keyFile"], Effect::Session);
        assert_eq!(effects["services.nixcast.instance.socialHandles.*.url"], Effect::Live);
        assert_eq!(effects["services.nixcast.video.variants.<name>.width"], Effect::Segment);
    }
}
