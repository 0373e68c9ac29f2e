//! Real inotify on real folders.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::time::Duration;

use tempfile::TempDir;
use tokio::time::timeout;

use super::*;

/// No event of the kernel takes longer, however busy the machine.
const PATIENCE: Duration = Duration::from_secs(20);
/// Long enough for an event that should not come.
const QUIET: Duration = Duration::from_millis(300);

struct Followed {
    folder: TempDir,
    hints: Hints,
    file: PathBuf,
}

impl Followed {
    /// Follows `file` below a folder that `prepare` has filled.
    async fn new(file: &str, prepare: impl FnOnce(&Path)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        prepare(folder.path());
        let file = folder.path().join(file);
        let mut this = Self { folder, hints: Hints::new(), file };
        this.settle().await;
        this
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Looks again until there is no news, as the loop does.
    async fn settle(&mut self) {
        let changed = self.hints.changed();
        loop {
            self.hints.follow([self.file.as_path()]);
            if timeout(QUIET, changed.notified()).await.is_err() {
                return;
            }
        }
    }

    #[track_caller]
    fn noticed(&mut self, what: &str, change: impl FnOnce(&Path)) -> impl Future<Output = ()> {
        change(self.folder.path());
        async move {
            assert!(timeout(PATIENCE, self.hints.changed().notified()).await.is_ok(), "not noticed: {what}");
            self.settle().await;
        }
    }
}

fn swap_link(target: &Path, link: &Path) {
    let temporary = link.with_extension("tmp");
    drop(fs::remove_file(&temporary));
    symlink(target, &temporary).unwrap();
    fs::rename(temporary, link).unwrap();
}

#[tokio::test]
async fn every_way_to_replace_a_file_is_noticed() {
    let prepare = |root: &Path| {
        for generation in ["1", "2"] {
            fs::create_dir_all(root.join("run").join(generation)).unwrap();
            fs::write(root.join("run").join(generation).join("key"), generation).unwrap();
        }
        swap_link(&root.join("run/1"), &root.join("current"));
        swap_link(&root.join("current/key"), &root.join("key"));
    };
    let mut followed = Followed::new("key", prepare).await;
    followed.noticed("written in place", |root| fs::write(root.join("run/1/key"), "3").unwrap()).await;
    followed
        .noticed("a folder on the way was switched", |root| swap_link(&root.join("run/2"), &root.join("current")))
        .await;
    followed
        .noticed("the folder now used was written to", |root| fs::write(root.join("run/2/key"), "4").unwrap())
        .await;
    followed
        .noticed("made readable", |root| {
            fs::set_permissions(root.join("run/2/key"), fs::Permissions::from_mode(0o600)).unwrap();
        })
        .await;
    followed
        .noticed("the folder was made readable", |root| {
            fs::set_permissions(root.join("run/2"), fs::Permissions::from_mode(0o700)).unwrap();
        })
        .await;
    followed
        .noticed("a folder two steps up was replaced", |root| {
            fs::rename(root.join("run"), root.join("old")).unwrap();
        })
        .await;
    followed
        .noticed("and came back", |root| {
            fs::create_dir_all(root.join("new/2")).unwrap();
            fs::write(root.join("new/2/key"), "5").unwrap();
            fs::rename(root.join("new"), root.join("run")).unwrap();
        })
        .await;
    followed
        .noticed("the link was replaced by a file", |root| {
            fs::write(root.join("fresh"), "6").unwrap();
            fs::rename(root.join("fresh"), root.join("key")).unwrap();
        })
        .await;
    followed.noticed("the file was removed", |root| fs::remove_file(root.join("key")).unwrap()).await;
    followed.noticed("the file came back", |root| fs::write(root.join("key"), "7").unwrap()).await;
}

#[tokio::test]
async fn what_lies_beside_the_way_is_no_hint() {
    let prepare = |root: &Path| fs::write(root.join("key"), "1").unwrap();
    let followed = Followed::new("key", prepare).await;
    fs::write(followed.path("other"), "2").unwrap();
    fs::remove_file(followed.path("other")).unwrap();
    // Our own reading is no news either, or each look would bring on the next.
    fs::read(followed.path("key")).unwrap();
    assert!(timeout(QUIET, followed.hints.changed().notified()).await.is_err());
}

#[tokio::test]
async fn without_inotify_nothing_is_hinted_and_nothing_fails() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("key");
    let mut hints = Hints::without_notify();
    hints.follow([file.as_path()]);
    fs::write(&file, "1").unwrap();
    assert!(timeout(QUIET, hints.changed().notified()).await.is_err());
}

/// Watches, and how many there are after each of many generations.
#[tokio::test]
async fn replaced_folders_leave_no_watch_behind() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let names = || {
        let mut names = Names::new();
        way::add(&at("secrets/key"), &mut names);
        names
    };
    let mut watches = Watches::open(Arc::default()).unwrap();
    let mut counts = BTreeSet::new();
    for generation in 0..20 {
        let this = at(&format!("{generation}"));
        fs::create_dir(&this).unwrap();
        fs::write(this.join("key"), "x").unwrap();
        swap_link(&this, &at("secrets"));
        assert!(watches.set(names()), "a new folder is watched");
        assert!(!watches.set(names()), "and only once");
        counts.insert(watches.count());
        // Every other old folder lives on under its name, as a watch that only ends with its folder would.
        if generation % 2 == 0 && generation > 0 {
            fs::remove_dir_all(at(&format!("{}", generation - 1))).unwrap();
        }
    }
    assert_eq!(counts.len(), 1, "the number of watches changes: {counts:?}");
}

#[tokio::test]
async fn a_folder_replaced_under_its_name_is_watched_anew() {
    let prepare = |root: &Path| {
        fs::create_dir(root.join("keys")).unwrap();
        fs::write(root.join("keys/main"), "1").unwrap();
    };
    let mut followed = Followed::new("keys/main", prepare).await;
    for round in 0..3 {
        followed
            .noticed("replaced", |root| {
                fs::create_dir(root.join("next")).unwrap();
                fs::write(root.join("next/main"), "2").unwrap();
                fs::rename(root.join("keys"), root.join(format!("old-{round}"))).unwrap();
                fs::rename(root.join("next"), root.join("keys")).unwrap();
            })
            .await;
        followed.noticed("written there", |root| fs::write(root.join("keys/main"), "3").unwrap()).await;
    }
}
