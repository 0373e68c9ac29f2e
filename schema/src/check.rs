//! One walk over a document with its schema in hand, finding every structural problem.
//!
//! The schema is the one generated from the wire types, so a limit cannot be documented and not enforced. A test
//! keeps the walk and the schema honest: a keyword the walk does not know fails it.

mod formats;
mod suggest;

use serde_json::{Map, Value};

use crate::path::Path;
use crate::problem::Found;
use crate::schema::{has_named_entries, json_schema, resolve};

/// Adds every structural problem of the document.
pub(crate) fn check(document: &Value, found: &mut Found) {
    walk(json_schema(), document, &Path::default(), found);
}

fn walk(schema: &'static Value, value: &Value, at: &Path, found: &mut Found) {
    let schema = resolve(schema);
    match (kind(schema), value) {
        (_, Value::Null) if is_nullable(schema) => (),
        ("object", Value::Object(members)) => object(schema, members, at, found),
        ("array", Value::Array(entries)) => array(schema, entries, at, found),
        ("string", Value::String(text)) => string(schema, text, at, found),
        ("integer", Value::Number(number)) if !number.is_f64() => integer(schema, number, at, found),
        ("boolean", Value::Bool(_)) => (),
        (wanted, _) => wrong_type(schema, wanted, value, at, found),
    }
}

fn object(schema: &'static Value, members: &Map<String, Value>, at: &Path, found: &mut Found) {
    let Some(properties) = schema["properties"].as_object() else { return };
    for (name, property) in properties {
        match members.get(name) {
            Some(value) => walk(property, value, &at.name(name), found),
            None if is_required(schema, name) => found.add(&at.name(name), "is missing", meaning(property)),
            None => (),
        }
    }
    for name in members.keys().filter(|name| !properties.contains_key(*name)) {
        let (message, hint) = suggest::unknown(name, properties.keys());
        found.add(&at.name(name), message, hint);
    }
}

fn array(schema: &'static Value, entries: &[Value], at: &Path, found: &mut Found) {
    let entry_schema = resolve(&schema["items"]);
    if let Some(most) = limit(schema, "maxItems").filter(|most| entries.len() > *most) {
        found.add(at, format!("has {} entries", entries.len()), format!("at most {most} are allowed"));
    }
    let named = has_named_entries(entry_schema);
    for (index, entry) in entries.iter().enumerate() {
        let name = entry["name"].as_str().filter(|_| named);
        walk(entry_schema, entry, &at.entry(index, name), found);
    }
}

fn string(schema: &'static Value, text: &str, at: &Path, found: &mut Found) {
    if let Some(wanted) = schema["const"].as_str().filter(|wanted| *wanted != text) {
        return found.add(at, format!("{} is not a known version", quote(text)), format!("must be \"{wanted}\""));
    }
    if let Some(choices) = schema["enum"].as_array() {
        let choices: Vec<&str> = choices.iter().filter_map(Value::as_str).collect();
        if !choices.contains(&text) {
            let hint = suggest::choice(text, &choices);
            return found.add(at, format!("{} is not one of the choices", quote(text)), hint);
        }
    }
    let length = text.chars().count();
    if limit(schema, "minLength").is_some_and(|least| length < least) {
        return found.add(at, "is empty", meaning(schema));
    }
    if let Some(most) = limit(schema, "maxLength").filter(|most| length > *most) {
        return found.add(at, format!("has {length} characters"), format!("at most {most} are allowed"));
    }
    if let Some((message, hint)) = schema["format"].as_str().and_then(|format| formats::fault(format, text)) {
        found.add(at, message, hint);
    }
}

fn integer(schema: &'static Value, number: &serde_json::Number, at: &Path, found: &mut Found) {
    let bound = |keyword: &str| schema[keyword].as_i64().map(i128::from);
    let (least, most) = (bound("minimum"), bound("maximum"));
    let Some(value) = number.as_i128() else { return };
    let range = match (least, most) {
        (Some(least), Some(most)) => format!("choose a whole number from {least} to {most}"),
        _ => meaning(schema),
    };
    if least.is_some_and(|least| value < least) {
        return found.add(at, format!("{value} is too small"), range);
    }
    if most.is_some_and(|most| value > most) {
        return found.add(at, format!("{value} is too large"), range);
    }
    if let Some(step) = bound("multipleOf").filter(|step| value % step != 0) {
        let below = value - value % step;
        let near = format!("{below} or {} would do", below + step);
        found.add(at, format!("{value} is not a multiple of {step}"), near);
    }
}

fn wrong_type(schema: &'static Value, wanted: &str, value: &Value, at: &Path, found: &mut Found) {
    let wanted = match wanted {
        "object" => "a group of options",
        "array" => "a list",
        "string" => "a text",
        "integer" => "a whole number",
        _ => "true or false",
    };
    let or_null = if is_nullable(schema) { " or null" } else { "" };
    let given = match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(number) if number.is_f64() => "a fraction",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "a group of options",
    };
    let hint = match value.as_str() {
        Some(text) if wanted == "a whole number" && text.parse::<i64>().is_ok() => {
            format!("write {text} without quotes")
        }
        Some(text @ ("true" | "false")) if wanted == "true or false" => format!("write {text} without quotes"),
        _ => meaning(schema),
    };
    found.add(at, format!("must be {wanted}{or_null}, not {given}"), hint);
}

/// A value as it is shown in a message: quoted, escaped, cut after 60 characters.
pub(crate) fn quote(text: &str) -> String {
    let mut shown: String = text.chars().take(60).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    format!("{shown:?}")
}

/// The first sentence of a field's description: what the operator would have read in the manual.
fn meaning(schema: &'static Value) -> String {
    let text = schema["description"].as_str().or_else(|| resolve(schema)["description"].as_str());
    let text = text.unwrap_or("see the description of the option").replace('\n', " ");
    let sentence = text.split(". ").next().unwrap_or_default();
    format!("wanted: {}", sentence.trim_end_matches('.'))
}

fn limit(schema: &Value, keyword: &str) -> Option<usize> {
    schema[keyword].as_u64().and_then(|limit| usize::try_from(limit).ok())
}

fn is_required(schema: &Value, name: &str) -> bool {
    schema["required"].as_array().is_some_and(|required| required.iter().any(|entry| entry == name))
}

/// The type a schema asks for, null aside.
fn kind(schema: &'static Value) -> &'static str {
    match &schema["type"] {
        Value::Array(types) => types.iter().filter_map(Value::as_str).find(|name| *name != "null").unwrap_or_default(),
        other => other.as_str().unwrap_or_default(),
    }
}

fn is_nullable(schema: &Value) -> bool {
    schema["type"].as_array().is_some_and(|types| types.iter().any(|name| name == "null"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::panic)]

    use super::*;

    /// Keywords the walk enforces, or that say nothing about a value.
    const KNOWN: [&str; 18] = [
        "$schema",
        "$ref",
        "$defs",
        "title",
        "description",
        "x-effect",
        "type",
        "properties",
        "required",
        "additionalProperties",
        "items",
        "maxItems",
        "const",
        "enum",
        "minLength",
        "maxLength",
        "minimum",
        "maximum",
    ];

    fn assert_known(schema: &Value) {
        let Some(members) = schema.as_object() else { return };
        for (keyword, value) in members {
            match keyword.as_str() {
                "properties" | "$defs" => value.as_object().into_iter().flat_map(Map::values).for_each(assert_known),
                "items" => assert_known(value),
                "format" => assert!(
                    formats::is_known(value.as_str().unwrap_or_default()),
                    "the walk does not check the format {value}"
                ),
                "multipleOf" => assert!(value.as_i64().is_some_and(|step| step > 0)),
                "minLength" => assert_eq!(value, 1, "the message says \"is empty\""),
                "additionalProperties" => assert_eq!(value, false),
                other => assert!(KNOWN.contains(&other), "the walk does not know the keyword {other}"),
            }
        }
    }

    #[test]
    fn the_walk_knows_every_keyword_of_the_schema() {
        assert_known(json_schema());
    }
}
