use std::process::ExitCode;

use nixcast_core::plan::Colour;
use nixcast_reconciler::{Document, Refusal};
use serde::Serialize;

use crate::args::Validate;
use crate::output::{self, Answer, GOOD, REFUSED};

#[derive(Serialize)]
#[serde(rename_all = "camelCase", untagged)]
enum Verdict {
    Good { digest: String },
    Refused(Refusal),
}

/// Parses and cross-checks; needs no engine, so that it runs inside the Nix build of the document.
pub(crate) fn execute(args: &Validate) -> ExitCode {
    let text = match std::fs::read(&args.file) {
        Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(error) => {
            let error = std::io::Error::new(error.kind(), format!("{}: {error}", args.file.display()));
            return output::fail(args.json, REFUSED, &error);
        }
    };
    output::print(args.json, &judge(&text, output::colour()))
}

fn judge(text: &str, colour: Colour) -> Answer<Verdict> {
    match Document::parse(text) {
        Ok(Document { digest, .. }) => {
            let text = format!("{} (digest {digest})\n", colour.paint("32", "Good."));
            Answer { code: GOOD, text, json: Verdict::Good { digest } }
        }
        Err(problems) => {
            let refusal = Refusal::of_problems(problems);
            Answer { code: REFUSED, text: output::render_refusal(&refusal, colour), json: Verdict::Refused(refusal) }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

    use super::*;

    #[test]
    fn every_problem_is_shown_with_its_option_and_a_hint() {
        let good = serde_json::to_string(&nixcast_schema::Settings::default()).unwrap();
        assert_eq!(judge(&good, Colour::Plain).code, GOOD);
        let bad = judge(&good.replace("8080", "0").replace("1935", "65536"), Colour::Plain);
        assert_eq!(bad.code, REFUSED);
        let start = "Refused: the settings have 2 problems\n\n  services.nixcast.http.port\n    ";
        assert!(bad.text.starts_with(start), "{}", bad.text);
        let json = serde_json::to_value(&bad.json).unwrap();
        assert_eq!(json["problems"][1]["option"], "services.nixcast.rtmp.port");
    }
}
