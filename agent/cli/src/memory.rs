//! Keeping what a process remembers from leaving it.

use rustix::process::{DumpableBehavior, set_dumpable_behavior};

/// Leaves no core dump behind, and lets nobody but root look into this process's memory: it holds secrets in clear.
pub(crate) fn keep_private() {
    if let Err(error) = set_dumpable_behavior(DumpableBehavior::NotDumpable) {
        tracing::warn!(%error, "a crash of this process may leave its memory in a file");
    }
}
