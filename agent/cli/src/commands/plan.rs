use std::process::ExitCode;
use std::time::Duration;

use nixcast_core::plan::{Colour, render};
use nixcast_reconciler::{AgentRequest, AgentResponse};

use super::apply;
use crate::agent_socket;
use crate::args::Plan;
use crate::output::{self, Answer, GOOD, NOT_ALL, UNREACHABLE};

/// Shows what would change and changes nothing.
pub(crate) async fn execute(args: Plan) -> ExitCode {
    let settings = match apply::hand_in(args.settings.as_deref(), args.ask.json) {
        Ok(settings) => settings,
        Err(code) => return code,
    };
    let request = AgentRequest::Plan { settings };
    match agent_socket::ask(&args.ask, &request, Duration::ZERO).await {
        Ok(response) => output::print(args.ask.json, &judge(response, output::colour())),
        Err(error) => output::fail(args.ask.json, UNREACHABLE, &error),
    }
}

fn judge(response: AgentResponse, colour: Colour) -> Answer<AgentResponse> {
    match response {
        AgentResponse::Planned(report) => Answer {
            code: if report.changes.is_empty() { GOOD } else { NOT_ALL },
            text: render(&report.changes, &report.held, colour),
            json: AgentResponse::Planned(report),
        },
        other => apply::without_result(other, colour),
    }
}
