//! Differences as people read them: the lines of a plan, with the values of what is gone.

use super::Difference;
use crate::plan::{ChangeKind, Colour, effect_name, field_line, values_of};

/// One line for each difference and a line of counts.
#[must_use]
pub fn render(differences: &[Difference], colour: Colour) -> String {
    let mut text = String::new();
    for difference in differences {
        let Difference { option, kind, effect, fields } = difference;
        let effect = effect.map_or("no option of this build", effect_name);
        let (style, sign) = match kind {
            ChangeKind::Create => ("32", "+"),
            ChangeKind::Delete => ("31", "-"),
            ChangeKind::Update => {
                fields.iter().for_each(|field| text.push_str(&field_line(field, effect, colour)));
                continue;
            }
        };
        let values = fields
            .iter()
            .filter_map(|field| Some((field.option.as_str(), field.after.as_ref().or(field.before.as_ref())?)));
        let values = values_of(option, values);
        let effect = colour.paint("2", &format!("({effect})"));
        text.push_str(&format!("{} {option}{values}  {effect}\n", colour.paint(style, sign)));
    }
    if !text.is_empty() {
        text.push('\n');
    }
    text.push_str(&counts(differences));
    text
}

fn counts(differences: &[Difference]) -> String {
    let parts: Vec<String> =
        [(ChangeKind::Create, "added"), (ChangeKind::Update, "changed"), (ChangeKind::Delete, "removed")]
            .into_iter()
            .map(|(kind, what)| (differences.iter().filter(|difference| difference.kind == kind).count(), what))
            .filter(|(count, _)| *count > 0)
            .map(|(count, what)| format!("{count} {what}"))
            .collect();
    if parts.is_empty() { "Nothing differs.\n".to_owned() } else { format!("{}.\n", parts.join(", ")) }
}
