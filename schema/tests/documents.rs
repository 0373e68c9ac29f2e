//! The committed documents: the schema, the defaults, and a document that sets everything. The Nix tests hold the
//! module against the same files, so what is proved here without Nix is proved of the module as well.
//! `NIXCAST_BLESS=1 cargo test -p nixcast-schema` writes the generated ones anew.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::fs;
use std::path::PathBuf;

use nixcast_schema::{Settings, StreamKey, Variant, effects, json_schema};
use serde_json::Value;

fn committed(path: &str, generated: &impl serde::Serialize) {
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(path);
    let text = format!("{}\n", serde_json::to_string_pretty(generated).unwrap());
    if std::env::var_os("NIXCAST_BLESS").is_some() {
        fs::write(&file, &text).unwrap();
    }
    assert_eq!(fs::read_to_string(&file).unwrap_or_default(), text, "{path} is stale: NIXCAST_BLESS=1 renews it");
}

fn read(name: &str) -> String {
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/documents").join(name);
    fs::read_to_string(file).unwrap()
}

#[test]
fn the_committed_schema_is_the_schema() {
    committed("settings.schema.json", json_schema());
}

#[test]
fn the_committed_effects_are_the_effects() {
    committed("effects.json", &effects());
}

#[test]
fn the_committed_defaults_are_the_defaults() {
    committed("tests/documents/default.json", &Settings::default());
}

/// One key and one rung declared with nothing but what has no default.
#[test]
fn the_committed_bare_entries_have_the_defaults() {
    let key = StreamKey {
        name: "bare".to_owned(),
        key_file: "/run/secrets/bare".to_owned(),
        comment: String::new(),
        enable: true,
        expires: None,
    };
    let mut settings = Settings { stream_keys: vec![key], ..Settings::default() };
    settings.video.variants = vec![Variant::named("bare")];
    committed("tests/documents/bare.json", &settings);
    assert_eq!(Settings::parse(&read("bare.json")), Ok(settings));
}

#[test]
fn the_defaults_are_valid() {
    assert_eq!(Settings::parse(&read("default.json")), Ok(Settings::default()));
}

/// The document that the module renders from tests/nix/everything.nix parses, and leaves no default and no property
/// untouched: whatever the schema has, the module can set.
#[test]
fn everything_can_be_set() {
    let document: Value = serde_json::from_str(&read("everything.json")).unwrap();
    let settings = Settings::parse(&document.to_string()).unwrap_or_else(|problems| panic!("{problems}"));
    assert_eq!(serde_json::to_value(&settings).unwrap(), document, "something is lost on the way");
    let bare = serde_json::from_str(&read("bare.json")).unwrap();
    let mut same = Vec::new();
    unchanged(&document, &bare, String::new(), &mut same);
    assert_eq!(same, ["/apiVersion"], "everything.nix leaves these at their defaults");
}

fn unchanged(value: &Value, default: &Value, at: String, same: &mut Vec<String>) {
    match (value, default) {
        (Value::Object(members), Value::Object(defaults)) => {
            assert_eq!(members.len(), defaults.len(), "{at}: a property is left out");
            members.iter().for_each(|(name, member)| unchanged(member, &defaults[name], format!("{at}/{name}"), same));
        }
        // Pass-through excludes the options that shape the picture, so a ladder needs several rungs to set them all:
        // an option counts as set if one entry sets it.
        (Value::Array(entries), Value::Array(defaults)) if defaults.first().is_some_and(Value::is_object) => {
            for name in defaults[0].as_object().unwrap().keys() {
                if entries.iter().all(|entry| entry[name] == defaults[0][name]) {
                    same.push(format!("{at}/{name}"));
                }
            }
        }
        (value, default) if value == default => same.push(at),
        _ => (),
    }
}
