//! The kernel's watches, one for each folder, and the task that reads what they see.
//!
//! Only what changes a folder's entries is asked for. Opening and reading is not: on `/etc` every program that starts
//! would wake the agent. Nor is a write whose file is still open: half a key is not worth a look, and the interval
//! finds what a writer never closes.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::StreamExt as _;
use inotify::{Event, EventMask, EventStream, Inotify, WatchDescriptor, WatchMask};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use super::{ANY, Names};

const SEEN: WatchMask = WatchMask::CREATE
    .union(WatchMask::DELETE)
    .union(WatchMask::MOVE)
    .union(WatchMask::CLOSE_WRITE)
    .union(WatchMask::ATTRIB)
    .union(WatchMask::DELETE_SELF)
    .union(WatchMask::MOVE_SELF);

/// A way leads through folders; a link among them has been followed already.
const FOLDERS_ONLY: WatchMask = WatchMask::ONLYDIR.union(WatchMask::DONT_FOLLOW);

/// Room for a few dozen events; what does not fit waits in the kernel.
const BUFFER_BYTES: usize = 4096;

/// Names that count, by watch. Two paths may lead to one folder, which then has one watch.
type Armed = BTreeMap<WatchDescriptor, BTreeSet<OsString>>;

/// An open inotify instance and what it watches.
#[derive(Debug)]
pub(super) struct Watches {
    kernel: inotify::Watches,
    armed: Arc<Mutex<Armed>>,
    reader: JoinHandle<()>,
    /// A folder that cannot be watched has been named in the log.
    is_warned: bool,
}

impl Watches {
    /// Each hint completes `changed`.
    pub(super) fn open(changed: Arc<Notify>) -> io::Result<Self> {
        let inotify = Inotify::init()?;
        let kernel = inotify.watches();
        let events = inotify.into_event_stream([0; BUFFER_BYTES])?;
        let armed = Arc::default();
        let reader = tokio::spawn(read(events, Arc::clone(&armed), changed));
        Ok(Self { kernel, armed, reader, is_warned: false })
    }

    /// Watches these folders and no others. True if a folder is watched that was not before.
    ///
    /// Asks the kernel about every folder each time: for one that is watched already it returns the same number, and
    /// for one that was replaced under its name a new one.
    pub(super) fn set(&mut self, names: Names) -> bool {
        let mut armed = lock(&self.armed);
        let mut next = Armed::new();
        let mut failed: Option<(PathBuf, io::Error)> = None;
        for (folder, names) in names {
            match self.kernel.add(&folder, SEEN | FOLDERS_ONLY) {
                Ok(watch) => next.entry(watch).or_default().extend(names),
                // Replaced since it was found; the folder above tells of it.
                Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => (),
                Err(error) => failed = failed.or(Some((folder, error))),
            }
        }
        for gone in armed.keys().filter(|watch| !next.contains_key(watch)) {
            // Fails for a watch that ended with its folder, which is what is wanted.
            drop(self.kernel.remove(gone.clone()));
        }
        let is_news = next.keys().any(|watch| !armed.contains_key(watch));
        *armed = next;
        if let Some((folder, error)) = &failed
            && !self.is_warned
        {
            tracing::warn!(folder = %folder.display(), %error, "cannot watch a folder; changes there are noticed at the interval");
        }
        self.is_warned = failed.is_some();
        is_news
    }

    #[cfg(test)]
    pub(super) fn count(&self) -> usize {
        lock(&self.armed).len()
    }
}

impl Drop for Watches {
    fn drop(&mut self) {
        self.reader.abort();
    }
}

async fn read(mut events: EventStream<[u8; BUFFER_BYTES]>, armed: Arc<Mutex<Armed>>, changed: Arc<Notify>) {
    while let Some(event) = events.next().await {
        match event {
            Ok(event) => {
                if concerns(&event, &mut lock(&armed)) {
                    changed.notify_one();
                }
            }
            Err(error) => {
                tracing::warn!(%error, "files can no longer be watched; changes are noticed at the interval");
                return;
            }
        }
    }
}

fn concerns(event: &Event<OsString>, armed: &mut Armed) -> bool {
    if event.mask.contains(EventMask::Q_OVERFLOW) {
        return true;
    }
    if event.mask.contains(EventMask::IGNORED) {
        // The folder is gone, or its file system is: the next look sets a watch on what is there now.
        return armed.remove(&event.wd).is_some();
    }
    let Some(names) = armed.get(&event.wd) else { return false };
    // Without a name it is about the folder itself: removed, moved, unmounted, or made readable.
    event.name.as_ref().is_none_or(|name| names.contains(name) || names.contains(OsStr::new(ANY)))
}

fn lock(armed: &Mutex<Armed>) -> MutexGuard<'_, Armed> {
    armed.lock().unwrap_or_else(PoisonError::into_inner)
}
