//! What differs between two settings documents, option by option, whatever the engine runs.
//!
//! Works on the documents' text form and not on parsed settings, so that a generation that an older build accepted can
//! still be compared. Entries with names are matched by them, entries without by what they say. Documents hold paths
//! of secrets and no secret.

mod text;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use nixcast_schema::{Effect, Leaf, leaves_of};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::plan::{ChangeKind, FieldChange};

pub use text::render;

/// One entry that came or went, or one option with another value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Difference {
    /// The NixOS option, or that of the entry.
    pub option: String,
    pub kind: ChangeKind,
    /// When the change takes hold; none for an option that this build does not know.
    pub effect: Option<Effect>,
    pub fields: Vec<FieldChange>,
}

/// Compares two documents, in the order of `after` with what is gone at the end.
#[must_use]
pub fn diff(before: &Value, after: &Value) -> Vec<Difference> {
    let (before, after) = (leaves_of(before), leaves_of(after));
    let (had, has) = (by_option(&before), by_option(&after));
    let (had_entries, has_entries) = (entries(&before), entries(&after));
    let mut differences = Vec::new();
    for leaf in &after {
        match had.get(leaf.option.as_str()) {
            Some(had) if had.value == leaf.value => (),
            Some(had) => changed(leaf, Some(&had.value), Some(&leaf.value), &mut differences),
            None => one_sided(leaf, ChangeKind::Create, &had_entries, &mut differences),
        }
    }
    for leaf in before.iter().filter(|leaf| !has.contains_key(leaf.option.as_str())) {
        one_sided(leaf, ChangeKind::Delete, &has_entries, &mut differences);
    }
    differences
}

fn by_option(leaves: &[Leaf]) -> BTreeMap<&str, &Leaf> {
    leaves.iter().map(|leaf| (leaf.option.as_str(), leaf)).collect()
}

fn entries(leaves: &[Leaf]) -> BTreeSet<&str> {
    leaves.iter().filter_map(|leaf| leaf.entry.as_deref()).collect()
}

/// An option that only one side has: part of an entry that came or went, or an option of another build's schema.
fn one_sided(leaf: &Leaf, kind: ChangeKind, other_side: &BTreeSet<&str>, differences: &mut Vec<Difference>) {
    let (before, after) = match kind {
        ChangeKind::Delete => (Some(&leaf.value), None),
        ChangeKind::Create | ChangeKind::Update => (None, Some(&leaf.value)),
    };
    let Some(entry) = leaf.entry.as_ref().filter(|entry| !other_side.contains(entry.as_str())) else {
        return changed(leaf, before, after, differences);
    };
    let field = FieldChange { option: leaf.option.clone(), before: before.cloned(), after: after.cloned() };
    match differences.last_mut().filter(|last| last.option == *entry && last.kind == kind) {
        Some(difference) => difference.fields.push(field),
        None => {
            differences.push(Difference { option: entry.clone(), kind, effect: leaf.effect, fields: vec![field] });
        }
    }
}

/// An option with another value; a list of entries without names is told entry by entry.
fn changed(leaf: &Leaf, before: Option<&Value>, after: Option<&Value>, differences: &mut Vec<Difference>) {
    let gone = entries_missing(before, after);
    let new = entries_missing(after, before);
    if gone.is_empty() && new.is_empty() {
        let option = leaf.option.clone();
        let field = FieldChange { option: option.clone(), before: before.cloned(), after: after.cloned() };
        differences.push(Difference { option, kind: ChangeKind::Update, effect: leaf.effect, fields: vec![field] });
    } else {
        differences.extend(new.into_iter().map(|entry| listed(leaf, ChangeKind::Create, entry)));
        differences.extend(gone.into_iter().map(|entry| listed(leaf, ChangeKind::Delete, entry)));
    }
}

/// Objects of one list that the other does not have, each as often as it is missing.
fn entries_missing<'a>(list: Option<&'a Value>, from: Option<&Value>) -> Vec<&'a Value> {
    let objects =
        |list: Option<&'a Value>| list.and_then(Value::as_array).filter(|list| list.iter().any(Value::is_object));
    let mut others: Vec<&Value> = from.and_then(Value::as_array).into_iter().flatten().collect();
    let mut missing = Vec::new();
    for entry in objects(list).into_iter().flatten() {
        match others.iter().position(|other| *other == entry) {
            Some(index) => drop(others.swap_remove(index)),
            None => missing.push(entry),
        }
    }
    missing
}

fn listed(leaf: &Leaf, kind: ChangeKind, entry: &Value) -> Difference {
    let option = format!("{}.*", leaf.option);
    let members = entry.as_object().into_iter().flatten();
    let fields = members
        .map(|(name, value)| {
            let value = Some(value.clone());
            let (before, after) = if kind == ChangeKind::Delete { (value, None) } else { (None, value) };
            FieldChange { option: format!("{option}.{name}"), before, after }
        })
        .collect();
    Difference { option, kind, effect: leaf.effect, fields }
}
