//! What could not be read: counted, logged, and told to the engine at most once a second.

use std::time::{Duration, Instant};

use crate::protocol::WorkerReport;

use super::output::{EngineGone, Output};

const LEAST_BETWEEN_REPORTS: Duration = Duration::from_secs(1);

/// The count for one decoder.
#[derive(Debug)]
pub(super) struct Corruption {
    what: &'static str,
    total: u64,
    unreported: u64,
    last_report: Option<Instant>,
}

impl Corruption {
    pub(super) const fn of(what: &'static str) -> Self {
        Self { what, total: 0, unreported: 0, last_report: None }
    }

    /// Counts one unit and reports if none was reported for a second.
    pub(super) fn note(&mut self, reason: &str, now: Instant, output: &Output) -> Result<(), EngineGone> {
        self.total += 1;
        self.unreported += 1;
        if self.last_report.is_some_and(|last| now.duration_since(last) < LEAST_BETWEEN_REPORTS) {
            return Ok(());
        }
        self.last_report = Some(now);
        let (what, unreported) = (self.what, std::mem::take(&mut self.unreported));
        tracing::debug!(what, unreported, total = self.total, reason, "corrupt input");
        output.hint(WorkerReport::Corrupt { message: format!("{what}: {reason} ({unreported} units)") })
    }
}
