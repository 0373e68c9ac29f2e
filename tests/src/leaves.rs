//! Every single value of a document beside what the JSON schema says of it: the way tests reach settings that did not
//! exist when they were written.

use nixcast_schema::{Effect, json_schema};
use serde_json::{Value, json};

/// One value of a document.
#[derive(Clone, Debug)]
pub struct Leaf {
    /// As `nixcast_schema::effects` calls it, with `<name>` and `*` for entries.
    pub pattern: String,
    /// JSON pointer (RFC 6901) of the value in this document.
    pub pointer: String,
    pub effect: Effect,
    pub schema: &'static Value,
}

/// Every leaf a document holds. A list of plain values is one leaf.
pub fn leaves_of(document: &Value) -> Vec<Leaf> {
    let mut leaves = Vec::new();
    collect(document, resolve(json_schema()), "services.nixcast", "", &mut leaves);
    leaves
}

fn collect(value: &Value, schema: &'static Value, pattern: &str, pointer: &str, leaves: &mut Vec<Leaf>) {
    if let Some(properties) = schema["properties"].as_object() {
        for (name, property) in properties {
            let pattern = if name == "apiVersion" { name.clone() } else { format!("{pattern}.{name}") };
            collect(&value[name], resolve(property), &pattern, &format!("{pointer}/{name}"), leaves);
        }
        return;
    }
    let entry = resolve(&schema["items"]);
    if entry["properties"].is_object() {
        let step = if has_named_entries(entry) { "<name>" } else { "*" };
        for (index, member) in value.as_array().into_iter().flatten().enumerate() {
            collect(member, entry, &format!("{pattern}.{step}"), &format!("{pointer}/{index}"), leaves);
        }
        return;
    }
    let effect = serde_json::from_value(schema["x-effect"].clone())
        .unwrap_or_else(|error| panic!("{pattern} states no effect: {error}"));
    leaves.push(Leaf { pattern: pattern.to_owned(), pointer: pointer.to_owned(), effect, schema });
}

/// The schema itself, or the definition it refers to.
pub fn resolve(schema: &'static Value) -> &'static Value {
    let place = schema["$ref"].as_str().and_then(|reference| reference.strip_prefix('#'));
    place.map_or(schema, |place| json_schema().pointer(place).unwrap_or_else(|| panic!("no {place} in the schema")))
}

/// Whether entries with this schema are known by their names.
pub fn has_named_entries(entry: &Value) -> bool {
    entry["properties"]["name"]["format"] == "name"
}

/// JSON pointer of the leaf `pattern` in a document; `entry` says which one where the pattern leaves it open: the name
/// of an entry with a name, else its place.
pub fn locate(document: &Value, pattern: &str, entry: &str) -> Option<String> {
    let wanted = |pointer: &str| {
        let Some((list, place)) =
            pattern.split_once(".<name>").or_else(|| pattern.split_once(".*")).map(|(list, _)| {
                let list = list.trim_start_matches("services.nixcast").replace('.', "/");
                let place = pointer.strip_prefix(&list).and_then(|rest| rest.split('/').nth(1)).map(str::to_owned);
                (list, place)
            })
        else {
            return true;
        };
        let Some(place) = place else { return false };
        let name = document.pointer(&format!("{list}/{place}/name")).cloned().unwrap_or(Value::Null);
        name == json!(entry) || (name.is_null() && place == entry)
    };
    leaves_of(document)
        .into_iter()
        .find(|leaf| leaf.pattern == pattern && wanted(&leaf.pointer))
        .map(|leaf| leaf.pointer)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use nixcast_schema::effects;
    use serde_json::Value;

    use super::{leaves_of, locate};

    /// A document with one entry in each list of entries.
    fn document() -> Value {
        serde_json::json!({
            "streamKeys": [{ "name": "a" }, { "name": "b" }],
            "instance": { "socialHandles": [{}], "externalActions": [{}, {}], "theme": {} },
            "video": { "variants": [{ "name": "source" }] },
            "chat": { "moderators": [{ "name": "mate" }] },
            "webhooks": [{ "name": "chat" }],
            "integrations": { "accessTokens": [{ "name": "clock" }] },
        })
    }

    #[test]
    fn the_leaves_of_a_full_document_are_those_of_the_effect_table() {
        let leaves = leaves_of(&document());
        let patterns: BTreeSet<String> = leaves.iter().map(|leaf| leaf.pattern.clone()).collect();
        assert_eq!(patterns, effects().into_keys().collect());
        assert!(leaves.iter().all(|leaf| effects()[&leaf.pattern] == leaf.effect));
    }

    #[test]
    fn a_leaf_is_found_by_the_name_or_the_place_of_its_entry() {
        let at = |pattern: &str, entry: &str| locate(&document(), &format!("services.nixcast.{pattern}"), entry);
        assert_eq!(at("streamKeys.<name>.comment", "b").as_deref(), Some("/streamKeys/1/comment"));
        assert_eq!(at("instance.externalActions.*.url", "1").as_deref(), Some("/instance/externalActions/1/url"));
        assert_eq!(at("instance.theme.accent", "").as_deref(), Some("/instance/theme/accent"));
        assert_eq!(at("streamKeys.<name>.comment", "c"), None);
        assert_eq!(at("streamKeys.<name>.nothing", "a"), None);
    }
}
