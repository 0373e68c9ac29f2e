use std::process::ExitCode;

use crate::args::Transcode;
use crate::output::{self, GOOD, REFUSED};

/// Serves the engine at the other end of standard input, or tries an encoder and says why it cannot be used.
pub(crate) fn execute(arguments: &Transcode) -> ExitCode {
    if let Some(encoder) = arguments.probe {
        return match nixcast_media::probe(encoder) {
            Ok(()) => ExitCode::from(GOOD),
            Err(error) => {
                println!("{error}");
                ExitCode::from(REFUSED)
            }
        };
    }
    match nixcast_media::run_worker_on_stdin(arguments.encoder) {
        Ok(()) => ExitCode::from(GOOD),
        Err(error) => output::fail(false, REFUSED, &error),
    }
}
