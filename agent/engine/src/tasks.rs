//! Every task has a name and somebody who learns how it ended.

use std::future::Future;

use tokio::task::JoinHandle;
use tracing::Instrument;

/// Runs `future` in the background under `name`. A panic in it ends it alone, and is logged under that name by the
/// hook [`log_panics`] sets.
pub(crate) fn spawn<F>(name: &'static str, future: F) -> JoinHandle<()>
where
    F: Future<Output = ()> + Send + 'static,
{
    tokio::spawn(future.instrument(tracing::info_span!("task", name)))
}

/// Makes every panic a log line that names the task it ended.
pub(crate) fn log_panics() {
    std::panic::set_hook(Box::new(|panic| tracing::error!(%panic, "a task ended by a panic")));
}

/// An error with all its causes, for a log line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
