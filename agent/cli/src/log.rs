//! Log lines go to standard error; standard output belongs to the answer.

use std::io::{self, IsTerminal as _};

use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer as _, registry};

use crate::args::LogFormat;

/// `NIXCAST_LOG`, else `RUST_LOG`, decides what is logged; `default_level` without either. With `keeps`, the newest
/// lines stay in memory as well, whatever is logged.
pub(crate) fn start(format: LogFormat, default_level: &str, keeps: bool) {
    let named = ["NIXCAST_LOG", "RUST_LOG"].into_iter().find_map(|name| EnvFilter::try_from_env(name).ok());
    let filter = named.unwrap_or_else(|| EnvFilter::new(default_level));
    // A log that cannot be written (a full disk) is no reason to die, and saying so on the same stream would be one.
    let lines = tracing_subscriber::fmt::layer().with_writer(io::stderr).log_internal_errors(false);
    let lines = match format {
        LogFormat::Text => lines.with_ansi(crate::output::may_colour(io::stderr().is_terminal())).boxed(),
        LogFormat::Json => lines.json().boxed(),
    };
    registry().with(lines.with_filter(filter)).with(keeps.then(nixcast_engine::logs::keep)).init();
}
