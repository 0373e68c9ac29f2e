//! Log lines go to standard error; standard output belongs to the answer.

use std::io::{self, IsTerminal as _};

use tracing_subscriber::EnvFilter;

use crate::args::LogFormat;

/// `NIXCAST_LOG`, else `RUST_LOG`, decides what is logged; `default_level` without either.
pub(crate) fn start(format: LogFormat, default_level: &str) {
    let named = ["NIXCAST_LOG", "RUST_LOG"].into_iter().find_map(|name| EnvFilter::try_from_env(name).ok());
    let filter = named.unwrap_or_else(|| EnvFilter::new(default_level));
    // A log that cannot be written (a full disk) is no reason to die, and saying so on the same stream would be one.
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).log_internal_errors(false);
    match format {
        LogFormat::Text => lines.with_ansi(crate::output::may_colour(io::stderr().is_terminal())).init(),
        LogFormat::Json => lines.json().init(),
    }
}
