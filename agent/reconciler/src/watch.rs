//! Hints that a file may have changed.
//!
//! inotify misses things (a mount put beneath another, a network file system, a limit that is used up), so this is
//! only ever a hint: the loop compares contents, and looks by itself at each interval. Folders are watched rather than
//! files, along the whole way to each file and along every symbolic link on it, because both NixOS and secret managers
//! replace links and leave files alone.

mod watches;
mod way;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::sync::{Notify, watch};
use tokio::task::spawn_blocking;

use watches::Watches;

/// Stands for every name in a folder; no entry is called so.
const ANY: &str = "";

/// Folders, and the names in each whose change is a hint.
type Names = BTreeMap<PathBuf, BTreeSet<OsString>>;

/// Watches the way to whatever it was last told to follow.
#[derive(Debug)]
pub(crate) struct Hints {
    wanted: watch::Sender<Vec<PathBuf>>,
    changed: Arc<Notify>,
}

impl Hints {
    /// Starts without anything to watch. Without inotify the interval alone has to do.
    pub(crate) fn new() -> Self {
        let hints = Self::without_notify();
        // Ends when these hints are dropped.
        tokio::spawn(follow(hints.wanted.subscribe(), hints.changed()));
        hints
    }

    /// Never hints: what is left is what the interval and the commands do.
    pub(crate) fn without_notify() -> Self {
        Self { wanted: watch::Sender::default(), changed: Arc::default() }
    }

    /// Handle whose `notified()` completes after a hint.
    pub(crate) fn changed(&self) -> Arc<Notify> {
        Arc::clone(&self.changed)
    }

    /// Watches these files from soon on, and everything on the way to them; what was watched before no longer.
    ///
    /// A change between the caller's last look and the first watch on its folder would be missed, so each new watch is
    /// itself a hint. The next call finds nothing new and gives none.
    pub(crate) fn follow<'a>(&mut self, files: impl IntoIterator<Item = &'a Path>) {
        self.wanted.send_replace(files.into_iter().map(Path::to_owned).collect());
    }
}

/// Walks and watches beside the loop: looking up a name on a dead mount may take for ever. Of several wishes that come
/// meanwhile the last counts.
async fn follow(mut wanted: watch::Receiver<Vec<PathBuf>>, changed: Arc<Notify>) {
    let mut watches = open(&changed);
    while wanted.changed().await.is_ok() {
        let files = wanted.borrow_and_update().clone();
        // The limit that was used up may be free by now.
        let Some(mut ready) = watches.or_else(|| Watches::open(Arc::clone(&changed)).ok()) else {
            watches = None;
            continue;
        };
        let walked = spawn_blocking(move || {
            let mut names = Names::new();
            for file in files {
                way::add(&file, &mut names);
            }
            (ready.set(names), ready)
        });
        let Ok((is_news, ready)) = walked.await else { return };
        watches = Some(ready);
        if is_news {
            changed.notify_one();
        }
    }
}

fn open(changed: &Arc<Notify>) -> Option<Watches> {
    match Watches::open(Arc::clone(changed)) {
        Ok(watches) => Some(watches),
        Err(error) => {
            tracing::warn!(%error, "cannot watch files; changes are noticed at the interval");
            None
        }
    }
}
