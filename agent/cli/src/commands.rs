//! One module for each command: ask, then say.

mod agent;
mod apply;
mod diff;
mod engine;
mod history;
mod plan;
mod schema;
mod status;
mod transcode;
mod validate;

use std::process::ExitCode;

use crate::args::Command;
use crate::{output, run};

/// Runs a command to its exit code.
pub(crate) fn execute(command: Command) -> ExitCode {
    match command {
        Command::Validate(args) => validate::execute(&args),
        Command::Schema(_) => schema::execute(),
        Command::Transcode(arguments) => transcode::execute(&arguments),
        Command::Plan(args) => block_on(plan::execute(args)),
        Command::Apply(args) => block_on(apply::execute(args)),
        Command::Status(args) => block_on(status::execute(args)),
        Command::History(args) => block_on(history::execute(args)),
        Command::Diff(args) => block_on(diff::execute(args)),
        Command::Engine(args) => block_on(engine::execute(args)),
        Command::Agent(args) => block_on(agent::execute(args)),
        Command::Run(args) => block_on(run::execute(args)),
    }
}

fn block_on(future: impl Future<Output = ExitCode>) -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return output::fail(false, output::REFUSED, &error),
    };
    let code = runtime.block_on(future);
    // A file read that hangs on a dead mount must not keep the process from ending.
    runtime.shutdown_background();
    code
}
