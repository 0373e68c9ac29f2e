use std::process::ExitCode;
use std::time::Duration;

use nixcast_reconciler::{AgentRequest, AgentResponse, Entry};

use super::apply;
use crate::agent_socket;
use crate::args::Status;
use crate::output::{self, Answer, GOOD, UNREACHABLE};

/// Shows which settings were accepted when, oldest first.
pub(crate) async fn execute(args: Status) -> ExitCode {
    match agent_socket::ask(&args.ask, &AgentRequest::History, Duration::ZERO).await {
        Ok(AgentResponse::History { entries }) => {
            let text = entries.iter().map(line).collect();
            output::print(args.ask.json, &Answer { code: GOOD, json: entries, text })
        }
        Ok(other) => output::print(args.ask.json, &apply::without_result(other, output::colour())),
        Err(error) => output::fail(args.ask.json, UNREACHABLE, &error),
    }
}

fn line(entry: &Entry) -> String {
    let Entry { generation, accepted_at, digest, origin } = entry;
    let when = jiff::Timestamp::from_second(*accepted_at).map_or_else(|_| String::new(), |when| when.to_string());
    let digest: String = digest.chars().take(12).collect();
    let path = origin.store_path.as_ref().or(origin.path.as_ref());
    let from = path.map_or_else(|| "handed in".to_owned(), |path| path.display().to_string());
    format!("{generation:>6}  {when}  {digest}  {from}\n")
}
