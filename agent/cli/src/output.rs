//! What commands print: JSON for programs, text for people, colour on a terminal only.

mod history;
mod status;
mod stream;

use std::io::{self, Write as _};
use std::process::ExitCode;

use nixcast_core::plan::Colour;
use nixcast_reconciler::{ProblemReport, Refusal};
use serde::Serialize;

pub(crate) use history::render as render_history;
pub(crate) use status::{render as render_status, summary};

/// Exit codes that mean the same for every command.
pub(crate) const GOOD: u8 = 0;
pub(crate) const REFUSED: u8 = 1;
pub(crate) const NOT_ALL: u8 = 2;
pub(crate) const UNREACHABLE: u8 = 3;

/// What a command found out.
pub(crate) struct Answer<T> {
    pub(crate) code: u8,
    pub(crate) json: T,
    pub(crate) text: String,
}

/// A command that got no answer.
#[derive(Debug, Serialize)]
pub(crate) struct Failure {
    pub(crate) error: String,
}

/// Prints an answer to standard output. A reader that has gone changes nothing about the exit code.
pub(crate) fn print<T: Serialize>(is_json: bool, answer: &Answer<T>) -> ExitCode {
    let text = if is_json {
        serde_json::to_string_pretty(&answer.json).expect("reports are plain data with text keys") + "\n"
    } else {
        answer.text.clone()
    };
    put(&text);
    ExitCode::from(answer.code)
}

/// Prints why there is no answer: to standard error for people, as the answer for programs.
pub(crate) fn fail(is_json: bool, code: u8, error: &dyn std::error::Error) -> ExitCode {
    let error = nixcast_reconciler::chain(error);
    if is_json {
        return print(true, &Answer { code, json: Failure { error }, text: String::new() });
    }
    complain(&error);
    ExitCode::from(code)
}

/// Writes to standard output, whoever listens.
pub(crate) fn put(text: &str) {
    let mut out = io::stdout().lock();
    // A closed pipe (`nixcast status | head -1`) is the reader's choice.
    drop(out.write_all(text.as_bytes()).and_then(|()| out.flush()));
}

/// Writes to standard error, whoever listens.
pub(crate) fn complain(text: &str) {
    drop(writeln!(io::stderr(), "{} {text}", colour_of(&io::stderr()).paint("31", "nixcast:")));
}

/// Colour for standard output.
pub(crate) fn colour() -> Colour {
    colour_of(&io::stdout())
}

fn colour_of(stream: &impl io::IsTerminal) -> Colour {
    if may_colour(stream.is_terminal()) { Colour::Terminal } else { Colour::Plain }
}

/// `NO_COLOR` (no-color.org) set to anything forbids it.
pub(crate) fn may_colour(is_terminal: bool) -> bool {
    is_terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// A refusal for people: the problems, one to a paragraph.
pub(crate) fn render_refusal(refusal: &Refusal, colour: Colour) -> String {
    let mut text = format!("{} {}\n", colour.paint("31", "Refused:"), refusal.message.trim_end());
    for ProblemReport { option, message, hint } in &refusal.problems {
        text.push_str(&format!("\n  {}\n    {message}\n    {hint}\n", colour.paint("1", option)));
    }
    text
}
