use std::process::ExitCode;

use crate::output::{self, GOOD, REFUSED};

/// Serves the engine at the other end of standard input.
pub(crate) fn execute() -> ExitCode {
    match nixcast_media::run_worker_on_stdin() {
        Ok(()) => ExitCode::from(GOOD),
        Err(error) => output::fail(false, REFUSED, &error),
    }
}
