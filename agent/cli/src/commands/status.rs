use std::process::ExitCode;
use std::time::Duration;

use nixcast_reconciler::{AgentRequest, AgentResponse, ConditionKind};

use super::apply;
use crate::agent_socket;
use crate::args::Status;
use crate::output::{self, Answer, GOOD, REFUSED, UNREACHABLE};

/// Shows how it stands. Good means: the source's content is accepted and the engine runs all of it.
pub(crate) async fn execute(args: Status) -> ExitCode {
    match agent_socket::ask(&args.ask, &AgentRequest::Status, Duration::ZERO).await {
        Ok(AgentResponse::Status(status)) => {
            let is_good = status.is(ConditionKind::Converged) && status.is(ConditionKind::Accepted);
            let answer = Answer {
                code: if is_good { GOOD } else { REFUSED },
                text: output::render_status(&status, output::colour()),
                json: status,
            };
            output::print(args.ask.json, &answer)
        }
        Ok(other) => output::print(args.ask.json, &apply::without_result(other, output::colour())),
        Err(error) => output::fail(args.ask.json, UNREACHABLE, &error),
    }
}
