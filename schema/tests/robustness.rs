//! Whatever stands in the file, reading it ends in settings or in problems.
#![allow(clippy::unwrap_used, clippy::panic)]

use nixcast_schema::Settings;
use proptest::prelude::*;
use serde_json::{Map, Value};

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "\\PC{0,40}".prop_map(Value::from),
        "[a-zA-Z0-9:/.#$\"+\\-\\[\\]T ]{0,30}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec(("[a-zA-Z0-9\\PC]{0,12}", inner), 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

fn document() -> Value {
    serde_json::from_str(include_str!("documents/everything.json")).unwrap()
}

/// Every place of a document, as JSON pointers.
fn places(value: &Value, at: &str, out: &mut Vec<String>) {
    out.push(at.to_owned());
    match value {
        Value::Object(members) => members.iter().for_each(|(name, inner)| places(inner, &format!("{at}/{name}"), out)),
        Value::Array(entries) => {
            entries.iter().enumerate().for_each(|(index, inner)| places(inner, &format!("{at}/{index}"), out));
        }
        _ => (),
    }
}

proptest! {
    #[test]
    fn a_mutated_document_never_panics(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any_json()), 1..6)
    ) {
        let mut mutated = document();
        let mut all = Vec::new();
        places(&mutated, "", &mut all);
        for (place, value) in changes {
            if let Some(target) = mutated.pointer_mut(place.get::<String>(&all)) {
                *target = value;
            }
        }
        match Settings::parse(&mutated.to_string()) {
            Ok(settings) => prop_assert_eq!(Settings::parse(&settings.canonical_json()).unwrap(), settings),
            Err(problems) => prop_assert!(problems.iter().all(|problem| !problem.message.is_empty() && !problem.hint.is_empty())),
        }
    }

    #[test]
    fn any_text_never_panics(text in "\\PC{0,200}") {
        prop_assert!(Settings::parse(&text).is_err());
    }

    #[test]
    fn a_valid_document_survives_being_written(port in 1024u16.., level in 0u8..5, name in "[a-zA-Zé ]{0,40}x", tags in prop::collection::hash_set("[a-z]{1,40}", 0..24)) {
        let mut settings = Settings::default();
        settings.http.port = port;
        settings.rtmp.port = port ^ 1;
        settings.video.latency_level = level;
        settings.instance.name = name;
        settings.instance.tags = tags.into_iter().collect();
        let text = serde_json::to_string(&settings).unwrap();
        prop_assert_eq!(Settings::parse(&text).unwrap(), settings);
    }
}
