//! What the engine is told for the operator's page: how the agent stands, and the settings it stands for.

use nixcast_core::control::{Setting, Unsettled, Word};
use nixcast_schema::{Leaf, Settings, leaves_of};
use serde_json::Value;

use crate::document::Document;
use crate::engine_link::{EngineLink, LinkState};
use crate::report::{ObjectState, ObjectStatus, Status, drift_sentences};

/// Letters of one text that are shown; the whole stands in the operator's own file.
const MOST_LETTERS: usize = 400;

/// Remembers what was said to which engine.
#[derive(Debug, Default)]
pub(super) struct Teller(Option<(u64, Word)>);

impl Teller {
    /// Says what is new, if there is an engine to say it to. One that does not listen misses a page's text.
    pub(super) async fn tell(&mut self, link: &EngineLink, status: &Status, document: Option<&Document>) {
        let LinkState::Up { connection } = *link.state().borrow() else { return };
        let said = (connection, word(status, document.map(|document| &document.settings)));
        if self.0.as_ref() == Some(&said) {
            return;
        }
        if let Err(error) = link.tell(said.1.clone()).await {
            tracing::debug!(%error, "the engine does not take what its page could show");
        }
        self.0 = Some(said);
    }
}

fn word(status: &Status, settings: Option<&Settings>) -> Word {
    let accepted = status.accepted.as_ref();
    Word {
        generation: accepted.map_or(0, |accepted| accepted.generation),
        digest: accepted.map(|accepted| accepted.digest.clone()).unwrap_or_default(),
        accepted_at: accepted.map(|accepted| accepted.accepted_at.clone()).unwrap_or_default(),
        refusal: status.source.refusal.as_ref().map(|refusal| without_paths(&refusal.to_string())),
        unsettled: status.objects.iter().filter_map(unsettled).collect(),
        drift_found: status.drift.found,
        drift_healed: status.drift.healed,
        settings: settings.map(shown).unwrap_or_default(),
    }
}

fn unsettled(ObjectStatus { option, state, .. }: &ObjectStatus) -> Option<Unsettled> {
    let (state, reason) = match state {
        ObjectState::Converged => return None,
        ObjectState::Held { reason } => ("held", reason.clone()),
        ObjectState::Waiting { reason } => ("waiting", reason.clone()),
        ObjectState::Pending => ("pending", "waits for a segment boundary".to_owned()),
        ObjectState::Drifted { fields } => ("drifted", drift_sentences(option, fields).join("; ")),
    };
    Some(Unsettled { option: option.clone(), state: state.to_owned(), reason: without_paths(&reason) })
}

fn shown(settings: &Settings) -> Vec<Setting> {
    let document = serde_json::to_value(settings).unwrap_or_default();
    leaves_of(&document).into_iter().filter(|leaf| leaf.option != "apiVersion").map(setting).collect()
}

fn setting(Leaf { option, value, effect, .. }: Leaf) -> Setting {
    let is_withheld = option.ends_with("File") && !value.is_null();
    let value = if is_withheld { Value::Null } else { shortened(value) };
    Setting { option, value, is_withheld, effect }
}

/// A value with its long texts cut.
fn shortened(value: Value) -> Value {
    match value {
        Value::String(text) => match text.char_indices().nth(MOST_LETTERS) {
            Some((end, _)) => Value::String(format!("{}… ({} letters)", &text[..end], text.chars().count())),
            None => Value::String(text),
        },
        Value::Array(values) => values.into_iter().map(shortened).collect(),
        Value::Object(members) => members.into_iter().map(|(name, value)| (name, shortened(value))).collect(),
        other => other,
    }
}

/// A sentence without the files it names: where secrets lie is the agent's to know.
fn without_paths(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut rest = text;
    let is_path =
        |letter: char| !letter.is_whitespace() && !['"', '\'', '`', ',', ';', ':', ')', '('].contains(&letter);
    while let Some(start) = rest.find('/') {
        let is_start =
            rest[..start].chars().next_back().is_none_or(|before| !is_path(before)) && !rest[start..].starts_with("//");
        let end = rest[start..].find(|letter| !is_path(letter)).map_or(rest.len(), |length| start + length);
        kept.push_str(&rest[..start]);
        kept.push_str(if is_start { "[file]" } else { &rest[start..end] });
        rest = &rest[end..];
    }
    kept + rest
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use nixcast_core::control::ObjectId;
    use serde_json::json;

    use super::*;

    #[test]
    fn neither_a_secrets_path_nor_a_long_text_is_said() {
        let mut settings = Settings::default();
        settings.admin.password_file = Some("/run/secrets/admin".to_owned());
        settings.instance.page_content = "é".repeat(1000);
        let held = ObjectStatus {
            option: "services.nixcast.admin".to_owned(),
            object: ObjectId::Admin,
            state: ObjectState::Held { reason: "could not read /run/secrets/admin: no such file".to_owned() },
        };
        let status = Status { objects: vec![held], ..Status::default() };
        let word = word(&status, Some(&settings));
        let text = serde_json::to_string(&word).unwrap();
        assert!(!text.contains("/run/secrets"), "{text}");
        assert_eq!(word.unsettled[0].reason, "could not read [file]: no such file");
        let value = |option: &str| {
            let found = word.settings.iter().find(|setting| setting.option == option);
            let found = found.unwrap_or_else(|| panic!("no {option}"));
            (found.value.clone(), found.is_withheld)
        };
        assert_eq!(value("services.nixcast.admin.passwordFile"), (Value::Null, true));
        assert_eq!(value("services.nixcast.rtmps.keyFile"), (Value::Null, false));
        assert_eq!(value("services.nixcast.admin.user"), (json!("admin"), false));
        let (content, _) = value("services.nixcast.instance.pageContent");
        assert!(content.as_str().unwrap().ends_with("… (1000 letters)"), "{content}");
    }

    #[test]
    fn only_files_are_left_out_of_a_sentence() {
        for (text, expected) in [
            ("a/b or 3/4 stays", "a/b or 3/4 stays"),
            ("see https://example.org/x", "see https://example.org/x"),
            ("\"/run/a b\" and /etc/x.", "\"[file] b\" and [file]"),
            ("/a", "[file]"),
            ("", ""),
        ] {
            assert_eq!(without_paths(text), expected);
        }
    }
}
