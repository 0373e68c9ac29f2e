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
    let name = effect_name(change.effect);
    let effect = colour.paint("2", &format!("({name})"));
    match change.kind {
        ChangeKind::Create => {
            let values = change.fields.iter().filter_map(|field| Some((field.option.as_str(), field.after.as_ref()?)));
            let values = values_of(&change.option, values);
            push_line(text, &format!("{} {}{values}  {effect}", colour.paint("32", "+"), change.option));
        }
        ChangeKind::Delete => push_line(text, &format!("{} {}  {effect}", colour.paint("31", "-"), change.option)),
        ChangeKind::Update => change.fields.iter().for_each(|field| text.push_str(&field_line(field, name, colour))),
    }
}

/// One option with its value before and after.
pub(crate) fn field_line(field: &FieldChange, effect: &str, colour: Colour) -> String {
    let FieldChange { option, before, after } = field;
    let (before, after) = shown_pair(before.as_ref(), after.as_ref());
    let effect = colour.paint("2", &format!("({effect})"));
    format!("{} {option}  {before} → {after}  {effect}\n", colour.paint("33", "~"))
}

/// Values of an object that comes or goes, without those that say nothing.
pub(crate) fn values_of<'a>(object: &str, fields: impl Iterator<Item = (&'a str, &'a Value)>) -> String {
    let prefix = format!("{object}.");
    let mut values = String::new();
    for (option, value) in fields.filter(|(_, value)| !is_blank(value)) {
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
    shown_from(&in_full(value), 0)
}

/// Both values, from where they begin to differ if that would be cut off.
fn shown_pair(before: Option<&Value>, after: Option<&Value>) -> (String, String) {
    let (before, after) = (in_full(before), in_full(after));
    let common = before.chars().zip(after.chars()).take_while(|(before, after)| before == after).count();
    // Some words before the difference, so that its place can be found.
    let start = if common < MAX_VALUE_CHARS { 0 } else { common - MAX_VALUE_CHARS / 3 };
    (shown_from(&before, start), shown_from(&after, start))
}

fn in_full(value: Option<&Value>) -> String {
    value.map_or_else(|| "none".to_owned(), Value::to_string)
}

fn shown_from(text: &str, start: usize) -> String {
    let left = text.chars().count().saturating_sub(start);
    let part: String = text.chars().skip(start).take(MAX_VALUE_CHARS).collect();
    let (head, tail) = (if start > 0 { "…" } else { "" }, if left > MAX_VALUE_CHARS { "…" } else { "" });
    format!("{head}{part}{tail}")
}

pub(crate) const fn effect_name(effect: Effect) -> &'static str {
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
