use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use nixcast_core::plan::Colour;
use nixcast_reconciler::{AgentRequest, AgentResponse, ApplyVerdict, HandedIn};

use crate::agent_socket;
use crate::args::Apply;
use crate::output::{self, Answer, GOOD, NOT_ALL, REFUSED, UNREACHABLE};

/// The longest wait that can be declared (`reconcile.timeoutSeconds`).
const LONGEST_DECLARED_WAIT: u32 = 600;

/// Hands settings to the agent and waits until the engine runs them.
pub(crate) async fn execute(args: Apply) -> ExitCode {
    let settings = match hand_in(args.settings.as_deref(), args.ask.json) {
        Ok(settings) => settings,
        Err(code) => return code,
    };
    let wait_seconds = args.wait.flatten();
    let wait = Duration::from_secs(u64::from(wait_seconds.unwrap_or(LONGEST_DECLARED_WAIT)));
    match agent_socket::ask(&args.ask, &AgentRequest::Apply { settings, wait_seconds }, wait).await {
        Ok(response) => output::print(args.ask.json, &judge(response, output::colour())),
        Err(error) => output::fail(args.ask.json, UNREACHABLE, &error),
    }
}

/// Reads a document that was named; the error is already said.
pub(super) fn hand_in(path: Option<&Path>, is_json: bool) -> Result<Option<HandedIn>, ExitCode> {
    let Some(path) = path else { return Ok(None) };
    agent_socket::hand_in(path).map(Some).map_err(|error| {
        let error = std::io::Error::new(error.kind(), format!("{}: {error}", path.display()));
        output::fail(is_json, REFUSED, &error)
    })
}

fn judge(response: AgentResponse, colour: Colour) -> Answer<AgentResponse> {
    match response {
        AgentResponse::Applied(report) => Answer {
            code: match report.verdict {
                ApplyVerdict::Converged => GOOD,
                ApplyVerdict::NotConverged => NOT_ALL,
                ApplyVerdict::EngineUnreachable => UNREACHABLE,
            },
            text: output::render_status(&report.status, colour),
            json: AgentResponse::Applied(report),
        },
        other => without_result(other, colour),
    }
}

/// Answers that mean the same for every command.
pub(super) fn without_result(response: AgentResponse, colour: Colour) -> Answer<AgentResponse> {
    let (code, text) = match &response {
        AgentResponse::Refused(refusal) => (REFUSED, output::render_refusal(refusal, colour)),
        AgentResponse::EngineUnreachable { reason } => {
            (UNREACHABLE, format!("{} {reason}\n", colour.paint("31", "No engine:")))
        }
        AgentResponse::NotFound { reason } => (REFUSED, format!("{} {reason}\n", colour.paint("31", "Not found:"))),
        AgentResponse::Rejected { reason } => {
            (UNREACHABLE, format!("{} {reason}\n", colour.paint("31", "The agent did not do it:")))
        }
        AgentResponse::Planned(_)
        | AgentResponse::Applied(_)
        | AgentResponse::Status(_)
        | AgentResponse::Document { .. }
        | AgentResponse::History { .. } => (UNREACHABLE, "The agent answered another question.\n".to_owned()),
    };
    Answer { code, json: response, text }
}

#[cfg(test)]
mod tests {
    use nixcast_reconciler::{ApplyReport, Refusal, RefusalReason, Status};

    use super::*;

    #[test]
    fn every_answer_has_its_exit_code() {
        let applied = |verdict| AgentResponse::Applied(Box::new(ApplyReport { verdict, status: Status::default() }));
        let refusal = Refusal { reason: RefusalReason::Invalid, message: "1 problem".to_owned(), problems: Vec::new() };
        let cases = [
            (applied(ApplyVerdict::Converged), 0),
            (AgentResponse::Refused(refusal), 1),
            (applied(ApplyVerdict::NotConverged), 2),
            (applied(ApplyVerdict::EngineUnreachable), 3),
            (AgentResponse::EngineUnreachable { reason: String::new() }, 3),
            (AgentResponse::NotFound { reason: String::new() }, 1),
        ];
        for (response, code) in cases {
            assert_eq!(judge(response.clone(), Colour::Plain).code, code, "{response:?}");
        }
    }
}
