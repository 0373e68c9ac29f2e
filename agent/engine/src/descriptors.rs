//! File descriptors: a viewer is one, and a login shell's soft limit of 1024 is fewer than a lecture has viewers.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Raises the soft limit to the hard one, which needs no privilege. Under systemd the unit sets both.
pub(crate) fn raise_limit() {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current == maximum {
        return;
    }
    match setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }) {
        Ok(()) => tracing::debug!(?current, ?maximum, "file descriptor limit raised"),
        Err(error) => tracing::warn!(%error, ?current, "could not raise the file descriptor limit"),
    }
}

/// How many there may be; none: as many as anybody wants.
pub(crate) fn limit() -> Option<u64> {
    getrlimit(Resource::Nofile).current
}
