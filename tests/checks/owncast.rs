//! docs/owncast-settings.md says the truth about the options there are.

use std::collections::BTreeSet;
use std::fs;

use crate::root;

/// Settings below `/api/admin/config/` in Owncast's router as of 2026.
const OWNCAST_SETTINGS: usize = 55;

/// Options about the host, which the settings document does not have.
const HOST_OPTIONS: [&str; 1] = ["services.nixcast.reverseProxy"];

#[derive(Debug)]
struct Row {
    setting: String,
    state: String,
    here: String,
}

fn rows(text: &str) -> Vec<Row> {
    text.lines()
        .filter_map(|line| {
            let cells: Vec<&str> = line.strip_prefix('|')?.strip_suffix('|')?.split('|').map(str::trim).collect();
            let [setting, state, here] = cells[..] else { return None };
            let is_heading = setting == "Owncast" || setting.starts_with("---");
            (!is_heading).then(|| Row { setting: setting.to_owned(), state: state.to_owned(), here: here.to_owned() })
        })
        .collect()
}

fn options_in(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2).filter(|code| code.starts_with("services.nixcast."))
}

/// Whether the option is a leaf of the document or a group of them.
fn exists(option: &str) -> bool {
    let below = format!("{option}.");
    HOST_OPTIONS.contains(&option)
        || nixcast_schema::effects().keys().any(|leaf| leaf == option || leaf.starts_with(&below))
}

#[test]
fn every_setting_of_owncast_has_a_row_that_is_true() {
    let text = fs::read_to_string(root().join("docs/owncast-settings.md")).unwrap();
    let rows = rows(&text);
    let mut untrue = Vec::new();
    for Row { setting, state, here } in &rows {
        let named: Vec<&str> = options_in(here).collect();
        let is_true = match state.as_str() {
            "option" | "merged" => !named.is_empty() && named.iter().all(|option| exists(option)),
            "planned" => named.first().is_some_and(|option| !exists(option)),
            "runtime" | "refused" => named.is_empty() && !here.is_empty(),
            _ => false,
        };
        if !is_true {
            untrue.push(format!("{setting}: {state}: {here}"));
        }
    }
    assert!(untrue.is_empty(), "these rows are wrong:\n{}", untrue.join("\n"));

    let kept_elsewhere = text.find("## Kept elsewhere").unwrap();
    let of_a_variant = text.find("Of a variant:").unwrap()..text.find("## Storage").unwrap();
    let under_config = format!("{}{}", &text[..of_a_variant.start], &text[of_a_variant.end..kept_elsewhere]);
    let settings: BTreeSet<String> = self::rows(&under_config).into_iter().map(|row| row.setting).collect();
    assert_eq!(settings.len(), OWNCAST_SETTINGS, "{settings:?}");
}

#[test]
fn every_option_it_mentions_in_passing_exists() {
    let text = fs::read_to_string(root().join("docs/owncast-settings.md")).unwrap();
    let passing = &text[text.find("## Only here").unwrap()..];
    let unknown: Vec<&str> = options_in(passing).filter(|option| !exists(option)).collect();
    assert!(unknown.is_empty(), "{unknown:?}");
}
