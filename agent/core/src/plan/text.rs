//! A plan as people read it: one line for each object that comes or goes, one for each option that changes.

use std::fmt::Write as _;

use nixcast_schema::Effect;
use serde_json::Value;

use super::{Change, ChangeKind, FieldChange, Held};

/// Longest value shown in full, characters.
const MAX_VALUE_CHARS: usize = 60;

/// Whether to use a terminal's colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Colour {
    Terminal,
    Plain,
}

impl Colour {
    /// Wraps `text` in a style: an SGR parameter of ECMA-48, such as "32".
    #[must_use]
    pub fn paint(self, style: &str, text: &str) -> String {
        match self {
            Self::Terminal => format!("\u{1b}[{style}m{text}\u{1b}[0m"),
            Self::Plain => text.to_owned(),
        }
    }
}

/// The whole plan as text, ending in a line of counts.
#[must_use]
pub fn render(changes: &[Change], held: &[Held], colour: Colour) -> String {
    let mut text = String::new();
    for change in changes {
        line_of(change, colour, &mut text);
    }
    for Held { object, reason } in held {
        push_line(&mut text, &format!("{} {object}  held: {reason}", colour.paint("35", "!")));
    }
    if !text.is_empty() {
        text.push('\n');
    }
    push_line(&mut text, &counts(changes, held));
    text
}

fn line_of(change: &Change, colour: Colour, text: &mut String) {
    let effect = colour.paint("2", &format!("({})", effect_name(change.effect)));
    match change.kind {
        ChangeKind::Create => {
            let values = created_values(change);
            push_line(text, &format!("{} {}{values}  {effect}", colour.paint("32", "+"), change.option));
        }
        ChangeKind::Delete => push_line(text, &format!("{} {}  {effect}", colour.paint("31", "-"), change.option)),
        ChangeKind::Update => {
            for FieldChange { option, before, after } in &change.fields {
                let (before, after) = (shown(before.as_ref()), shown(after.as_ref()));
                push_line(text, &format!("{} {option}  {before} → {after}  {effect}", colour.paint("33", "~")));
            }
        }
    }
}

/// Values of a new object, without those that say nothing.
fn created_values(change: &Change) -> String {
    let prefix = format!("{}.", change.option);
    let mut values = String::new();
    for FieldChange { option, after, .. } in &change.fields {
        let Some(value) = after.as_ref().filter(|value| !is_blank(value)) else { continue };
        let separator = if values.is_empty() { "  " } else { ", " };
        match option.strip_prefix(&prefix) {
            Some(leaf) => write!(values, "{separator}{leaf} = {}", shown(Some(value))),
            None => write!(values, "{separator}{}", shown(Some(value))),
        }
        .expect("writing to a String cannot fail");
    }
    values
}

fn is_blank(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Bool(_) | Value::Number(_) | Value::Object(_) => false,
    }
}

fn shown(value: Option<&Value>) -> String {
    let text = value.map_or_else(|| "none".to_owned(), Value::to_string);
    if text.chars().count() <= MAX_VALUE_CHARS {
        return text;
    }
    let start: String = text.chars().take(MAX_VALUE_CHARS).collect();
    format!("{start}…")
}

const fn effect_name(effect: Effect) -> &'static str {
    match effect {
        Effect::Live => "live",
        Effect::Segment => "segment",
        Effect::Session => "session",
        Effect::Rebind => "rebind",
    }
}

fn counts(changes: &[Change], held: &[Held]) -> String {
    let count = |kind| changes.iter().filter(|change| change.kind == kind).count();
    let parts: Vec<String> = [
        (count(ChangeKind::Create), "to create"),
        (count(ChangeKind::Update), "to change"),
        (count(ChangeKind::Delete), "to remove"),
        (held.len(), "held"),
    ]
    .into_iter()
    .filter(|(count, _)| *count > 0)
    .map(|(count, what)| format!("{count} {what}"))
    .collect();
    if parts.is_empty() { "Nothing to change.".to_owned() } else { format!("{}.", parts.join(", ")) }
}

fn push_line(text: &mut String, line: &str) {
    text.push_str(line);
    text.push('\n');
}
