use std::process::ExitCode;
use std::time::Duration;

use nixcast_reconciler::{AgentRequest, AgentResponse};

use super::apply;
use crate::agent_socket;
use crate::args::Status;
use crate::output::{self, Answer, GOOD, UNREACHABLE};

/// Shows what was accepted and refused, and what became of it, oldest first.
pub(crate) async fn execute(args: Status) -> ExitCode {
    match agent_socket::ask(&args.ask, &AgentRequest::History, Duration::ZERO).await {
        Ok(AgentResponse::History { events }) => {
            let text = output::render_history(&events, output::colour());
            output::print(args.ask.json, &Answer { code: GOOD, json: events, text })
        }
        Ok(other) => output::print(args.ask.json, &apply::without_result(other, output::colour())),
        Err(error) => output::fail(args.ask.json, UNREACHABLE, &error),
    }
}
