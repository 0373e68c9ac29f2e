use std::process::ExitCode;

use nixcast_engine::EngineOptions;

use crate::args::Engine;
use crate::output::{self, GOOD, REFUSED};
use crate::{lifeline, memory, service};

/// Runs the data plane until it is told to stop.
pub(crate) async fn execute(args: Engine) -> ExitCode {
    memory::keep_private();
    let worker_program = match std::env::current_exe() {
        Ok(program) => program,
        Err(error) => return output::fail(false, REFUSED, &error),
    };
    let options = EngineOptions { control_socket: args.control_socket, worker_program, state_dir: args.state_dir };
    let result = tokio::select! {
        // The engine may be dropped anywhere: it is ending, and its worker ends with its socket.
        result = nixcast_engine::run(options, || service::ready("waiting for settings")) => result,
        () = lifeline::ended(args.until_stdin_ends) => Ok(()),
    };
    service::stopping();
    match result {
        Ok(()) => ExitCode::from(GOOD),
        Err(error) => output::fail(false, REFUSED, &error),
    }
}
