use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use nixcast_core::diff::{Difference, diff, render};
use nixcast_core::plan::Colour;
use nixcast_reconciler::{AgentRequest, AgentResponse, Document, Entry, Refusal};
use serde::Serialize;
use serde_json::Value;

use super::apply;
use crate::agent_socket;
use crate::args::{Diff, Side};
use crate::output::{self, Answer, GOOD, NOT_ALL, REFUSED, UNREACHABLE};

/// A document to compare, and what to call it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Compared {
    #[serde(flatten)]
    entry: Option<Entry>,
    file: Option<PathBuf>,
    digest: String,
    #[serde(skip)]
    document: Value,
}

#[derive(Debug, Serialize)]
struct Report {
    before: Compared,
    after: Compared,
    differences: Vec<Difference>,
}

/// Shows what differs between two documents, each a generation or a file. Files alone need no agent.
pub(crate) async fn execute(args: Diff) -> ExitCode {
    let before = match fetch(&args, &args.before).await {
        Ok(before) => before,
        Err(code) => return code,
    };
    let after = match fetch(&args, args.after.as_ref().unwrap_or(&Side::Newest)).await {
        Ok(after) => after,
        Err(code) => return code,
    };
    output::print(args.ask.json, &judge(before, after, output::colour()))
}

/// One side; if it cannot be had, that is already said.
async fn fetch(args: &Diff, side: &Side) -> Result<Compared, ExitCode> {
    let generation = match side {
        Side::File(path) => return read(path, args.ask.json),
        Side::Generation(generation) => Some(*generation),
        Side::Newest => None,
    };
    let is_json = args.ask.json;
    match agent_socket::ask(&args.ask, &AgentRequest::Document { generation }, Duration::ZERO).await {
        Ok(AgentResponse::Document { entry, text }) => match serde_json::from_str(&text) {
            Ok(document) => Ok(Compared { digest: entry.digest.clone(), entry: Some(entry), file: None, document }),
            Err(error) => Err(output::fail(is_json, REFUSED, &error)),
        },
        Ok(other) => Err(output::print(is_json, &apply::without_result(other, output::colour()))),
        Err(error) => Err(output::fail(is_json, UNREACHABLE, &error)),
    }
}

fn read(path: &Path, is_json: bool) -> Result<Compared, ExitCode> {
    let handed_in = agent_socket::hand_in(path).map_err(|error| {
        let error = std::io::Error::new(error.kind(), format!("{}: {error}", path.display()));
        output::fail(is_json, REFUSED, &error)
    })?;
    let refused = |refusal: Refusal| {
        let text = format!("{}: {}", path.display(), output::render_refusal(&refusal, output::colour()));
        output::print(is_json, &Answer { code: REFUSED, json: refusal, text })
    };
    let Document { text, digest, .. } =
        Document::parse(&handed_in.text).map_err(|problems| refused(Refusal::of_problems(problems)))?;
    let document = serde_json::from_str(&text).map_err(|error| output::fail(is_json, REFUSED, &error))?;
    Ok(Compared { entry: None, file: Some(path.to_owned()), digest, document })
}

fn judge(before: Compared, after: Compared, colour: Colour) -> Answer<Report> {
    let differences = diff(&before.document, &after.document);
    let heading = format!("{} → {}", called(&before), called(&after));
    let is_reordered = differences.is_empty() && before.digest != after.digest;
    let found = if is_reordered {
        "Nothing differs but the order of entries.\n".to_owned()
    } else {
        render(&differences, colour)
    };
    let code = if differences.is_empty() { GOOD } else { NOT_ALL };
    let text = format!("{}\n\n{found}", colour.paint("1", &heading));
    Answer { code, text, json: Report { before, after, differences } }
}

fn called(side: &Compared) -> String {
    let digest: String = side.digest.chars().take(12).collect();
    match (&side.entry, &side.file) {
        (Some(entry), _) => format!("generation {} ({digest})", entry.generation),
        (None, file) => format!("{} ({digest})", file.as_deref().unwrap_or(Path::new("-")).display()),
    }
}

#[cfg(test)]
mod tests {
    use nixcast_reconciler::Origin;

    use super::*;

    fn compared(generation: u64, digest: &str, document: Value) -> Compared {
        let origin = Origin { path: None, store_path: None, is_handed_in: false, source_content: None };
        let digest = digest.to_owned();
        let entry = Entry { generation, accepted_at: 0, digest: digest.clone(), origin, same_as: None };
        Compared { entry: Some(entry), file: None, digest, document }
    }

    #[test]
    fn it_says_what_differs_between_what_and_by_its_exit_code() {
        let document = |port: u16| serde_json::json!({ "http": { "port": port } });
        let same = judge(compared(1, "aa", document(1)), compared(2, "aa", document(1)), Colour::Plain);
        assert_eq!(
            (same.code, same.text.as_str()),
            (GOOD, "generation 1 (aa) → generation 2 (aa)\n\nNothing differs.\n")
        );
        let other = judge(compared(1, "aa", document(1)), compared(2, "bb", document(2)), Colour::Plain);
        assert_eq!(other.code, NOT_ALL);
        assert!(
            other.text.ends_with("\n\n~ services.nixcast.http.port  1 → 2  (rebind)\n\n1 changed.\n"),
            "{}",
            other.text
        );
        let json = serde_json::to_value(&other.json).unwrap_or_default();
        assert_eq!(json["differences"][0]["fields"][0]["after"], 2);
        assert_eq!((&json["before"]["generation"], &json["before"]["digest"]), (&1.into(), &"aa".into()));
        assert!(json["before"].get("document").is_none());
    }
}
