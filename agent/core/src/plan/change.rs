//! A change in the operator's words: options, before and after. Built beside each step; holds no secret.

use nixcast_schema::Effect;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::effect_of;
use crate::control::ObjectId;

/// What happens to one object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Change {
    pub object: ObjectId,
    /// The NixOS option, or option prefix, that declares the object.
    pub option: String,
    pub kind: ChangeKind,
    pub effect: Effect,
    pub fields: Vec<FieldChange>,
}

/// Whether the object comes, changes or goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ChangeKind {
    Create,
    Update,
    Delete,
}

/// One option's value before and after; none where the object did not or will not exist.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FieldChange {
    pub option: String,
    pub before: Option<Value>,
    pub after: Option<Value>,
}

/// Options and values of one side, in the order people read them.
pub(super) type Fields = Vec<(String, Value)>;

impl Change {
    /// Compares two sides field by field; none if there is nothing to tell.
    ///
    /// Both sides list the same options in the same order, where there are both.
    pub(super) fn between(object: ObjectId, before: Option<Fields>, after: Option<Fields>) -> Option<Self> {
        let (kind, fields) = match (before, after) {
            (None, None) => return None,
            (None, Some(after)) => (ChangeKind::Create, one_sided(after, |value| (None, Some(value)))),
            (Some(before), None) => (ChangeKind::Delete, one_sided(before, |value| (Some(value), None))),
            (Some(before), Some(after)) => (ChangeKind::Update, differing(before, after)),
        };
        if kind == ChangeKind::Update && fields.is_empty() {
            return None;
        }
        Some(Self { option: object.to_string(), effect: effect_of(&object), object, kind, fields })
    }
}

fn one_sided(fields: Fields, place: impl Fn(Value) -> (Option<Value>, Option<Value>)) -> Vec<FieldChange> {
    fields
        .into_iter()
        .map(|(option, value)| {
            let (before, after) = place(value);
            FieldChange { option, before, after }
        })
        .collect()
}

fn differing(before: Fields, after: Fields) -> Vec<FieldChange> {
    before
        .into_iter()
        .zip(after)
        .filter(|((_, had), (_, want))| had != want)
        .map(|((_, had), (option, want))| FieldChange { option, before: Some(had), after: Some(want) })
        .collect()
}
