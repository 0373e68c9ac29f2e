//! Hints that a file may have changed.
//!
//! inotify misses things (a mount over /etc, a folder that was replaced), so this is only ever a hint: the loop
//! compares contents, and looks by itself at each interval. Folders are watched rather than files, along the whole
//! chain of symbolic links, because both NixOS and secret managers replace links and leave files alone.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use notify::event::{AccessKind, AccessMode, EventKind, Flag};
use notify::{Event, RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::Notify;

/// Symbolic links followed before a chain is taken for a loop; the kernel's own limit is 40.
const MAX_LINKS: usize = 40;

/// What never changes under its name.
const STORE: &str = "/nix/store";

/// Paths and the folders to watch for them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Interest {
    folders: BTreeSet<PathBuf>,
    /// An event about any of these is a hint.
    paths: BTreeSet<PathBuf>,
}

/// Watches whatever it was last told to.
pub(crate) struct Hints {
    watcher: Option<RecommendedWatcher>,
    watched: BTreeSet<PathBuf>,
    paths: Arc<Mutex<BTreeSet<PathBuf>>>,
    changed: Arc<Notify>,
}

impl std::fmt::Debug for Hints {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Hints").field("watched", &self.watched).finish_non_exhaustive()
    }
}

impl Hints {
    /// Starts without anything to watch. Without inotify the interval alone has to do.
    pub(crate) fn new() -> Self {
        let paths = Arc::new(Mutex::new(BTreeSet::new()));
        let changed = Arc::new(Notify::new());
        let handler = handler(Arc::clone(&paths), Arc::clone(&changed));
        let watcher = match notify::recommended_watcher(handler) {
            Ok(watcher) => Some(watcher),
            Err(error) => {
                tracing::warn!(%error, "cannot watch files; changes are noticed at the interval");
                None
            }
        };
        Self { watcher, watched: BTreeSet::new(), paths, changed }
    }

    /// Handle whose `notified()` completes after a hint.
    pub(crate) fn changed(&self) -> Arc<Notify> {
        Arc::clone(&self.changed)
    }

    /// Watches these files from now on, and everything on the way to them.
    pub(crate) fn follow<'a>(&mut self, files: impl IntoIterator<Item = &'a Path>) {
        let mut interest = Interest::default();
        for file in files {
            interest.add(file);
        }
        let Some(watcher) = &mut self.watcher else { return };
        for gone in self.watched.difference(&interest.folders) {
            // A folder that was removed is no longer watched anyway.
            drop(watcher.unwatch(gone));
        }
        let mut watched = BTreeSet::new();
        for folder in interest.folders {
            // A watch may have died with the folder it sat on, under the same name: set anew, it costs microseconds.
            match watcher.watch(&folder, RecursiveMode::NonRecursive) {
                Ok(()) => drop(watched.insert(folder)),
                Err(error) => tracing::debug!(folder = %folder.display(), %error, "cannot watch a folder"),
            }
        }
        self.watched = watched;
        *self.paths.lock().unwrap_or_else(PoisonError::into_inner) = interest.paths;
    }
}

fn handler(
    paths: Arc<Mutex<BTreeSet<PathBuf>>>,
    changed: Arc<Notify>,
) -> impl FnMut(notify::Result<Event>) + Send + 'static {
    move |event| {
        let is_hint = match event {
            Err(_) => true,
            // Reads are no news, least of all our own.
            Ok(event) if is_read(event.kind) => false,
            Ok(event) => event.attrs.flag() == Some(Flag::Rescan) || concerns(&event, &paths),
        };
        if is_hint {
            changed.notify_one();
        }
    }
}

fn is_read(kind: EventKind) -> bool {
    matches!(kind, EventKind::Access(access) if access != AccessKind::Close(AccessMode::Write))
}

fn concerns(event: &Event, paths: &Mutex<BTreeSet<PathBuf>>) -> bool {
    let paths = paths.lock().unwrap_or_else(PoisonError::into_inner);
    event.paths.iter().any(|path| paths.contains(path))
}

impl Interest {
    /// Adds a file: its folder, and for each link on the way the folder that holds the link.
    fn add(&mut self, file: &Path) {
        let Ok(file) = std::path::absolute(file) else { return };
        let mut rest: Vec<OsString> = components(&file);
        let mut here = PathBuf::from("/");
        let mut links = 0;
        while let Some(name) = rest.pop() {
            let path = here.join(&name);
            let is_last = rest.is_empty();
            match fs::read_link(&path) {
                Ok(target) if links < MAX_LINKS => {
                    links += 1;
                    self.note(&here, &path);
                    if target.is_absolute() {
                        here = PathBuf::from("/");
                    }
                    rest.extend(components(&target));
                }
                _ if name == ".." => drop(here.pop()),
                _ => {
                    // The last two steps may be replaced by renaming; whatever lies above is as good as fixed.
                    if rest.len() <= 1 || !path.exists() {
                        self.note(&here, &path);
                    }
                    if !is_last && !path.exists() {
                        return;
                    }
                    here = path;
                }
            }
        }
    }

    fn note(&mut self, folder: &Path, path: &Path) {
        if folder.starts_with(STORE) {
            return;
        }
        self.folders.insert(folder.to_owned());
        self.paths.insert(path.to_owned());
    }
}

/// Names from the last to the first, without root and current folder.
fn components(path: &Path) -> Vec<OsString> {
    let mut names: Vec<OsString> = path
        .components()
        .filter_map(|component| match component {
            Component::Normal(name) => Some(name.to_owned()),
            Component::ParentDir => Some("..".into()),
            Component::RootDir | Component::CurDir | Component::Prefix(_) => None,
        })
        .collect();
    names.reverse();
    names
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

    use std::os::unix::fs::symlink;
    use std::time::Duration;

    use super::*;

    async fn is_noticed(hints: &Hints, change: impl FnOnce()) -> bool {
        let changed = hints.changed();
        change();
        tokio::time::timeout(Duration::from_secs(5), changed.notified()).await.is_ok()
    }

    #[tokio::test]
    async fn every_way_to_replace_a_file_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::create_dir_all(at("one")).unwrap();
        fs::create_dir_all(at("two")).unwrap();
        fs::write(at("one/key"), "1").unwrap();
        fs::write(at("two/key"), "2").unwrap();
        symlink(at("one"), at("current")).unwrap();
        symlink(at("current/key"), at("key")).unwrap();
        let mut hints = Hints::new();
        let file = at("key");
        hints.follow([file.as_path()]);

        assert!(is_noticed(&hints, || fs::write(at("one/key"), "3").unwrap()).await, "written in place");
        hints.follow([file.as_path()]);
        let swap_folder = || {
            symlink(at("two"), at("next")).unwrap();
            fs::rename(at("next"), at("current")).unwrap();
        };
        assert!(is_noticed(&hints, swap_folder).await, "a folder on the way was switched");
        hints.follow([file.as_path()]);
        let replace = || {
            fs::write(at("new"), "4").unwrap();
            fs::rename(at("new"), at("key")).unwrap();
        };
        assert!(is_noticed(&hints, replace).await, "the link was replaced by a file");
        hints.follow([file.as_path()]);
        assert!(is_noticed(&hints, || fs::remove_file(at("key")).unwrap()).await, "the file was removed");
        hints.follow([file.as_path()]);
        assert!(is_noticed(&hints, || fs::write(at("key"), "5").unwrap()).await, "the file came back");
    }

    #[test]
    fn a_chain_of_links_is_followed_to_the_store() {
        let folder = tempfile::tempdir().unwrap();
        let link = folder.path().join("settings.json");
        symlink("/nix/store/abc-settings.json", &link).unwrap();
        let mut interest = Interest::default();
        interest.add(&link);
        assert!(interest.paths.contains(&link));
        assert!(interest.folders.iter().all(|folder| !folder.starts_with(STORE)));
    }
}
