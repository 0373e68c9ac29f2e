//! The way to a file: every folder that holds a piece of it, through every symbolic link.

use std::ffi::OsString;
use std::fs;
use std::path::{Component, Path, PathBuf};

use super::{ANY, Names};

/// Symbolic links followed before a chain is taken for a loop; the kernel's own limit is 40.
const MAX_LINKS: usize = 40;

/// What never changes under its name.
const STORE: &str = "/nix/store";

/// Adds each folder on the way to `file` with the name looked up in it, as far as the way exists.
pub(super) fn add(file: &Path, names: &mut Names) {
    let Ok(file) = std::path::absolute(file) else { return };
    let mut rest = components(&file);
    let mut here = PathBuf::from("/");
    let mut links = 0;
    while let Some(name) = rest.pop() {
        if name == ".." {
            here.pop();
            continue;
        }
        let path = here.join(&name);
        if !here.starts_with(STORE) {
            names.entry(here.clone()).or_default().insert(name);
        }
        let Ok(metadata) = fs::symlink_metadata(&path) else { return };
        if !metadata.is_symlink() {
            here = path;
            continue;
        }
        links += 1;
        let Ok(target) = fs::read_link(&path) else { return };
        if links > MAX_LINKS {
            return;
        }
        if target.is_absolute() {
            here = PathBuf::from("/");
        }
        rest.extend(components(&target));
    }
    // What is named is a folder itself: whatever is in it counts.
    if !here.starts_with(STORE) && fs::symlink_metadata(&here).is_ok_and(|metadata| metadata.is_dir()) {
        names.entry(here).or_default().insert(OsString::from(ANY));
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

    use super::*;

    /// What the way to `file` looks up below `root`, as `folder/name` in order of folders.
    fn way(root: &Path, file: &Path) -> Vec<String> {
        let mut names = Names::new();
        add(file, &mut names);
        let below = names.iter().filter_map(|(folder, names)| Some((folder.strip_prefix(root).ok()?, names)));
        below
            .flat_map(|(folder, names)| names.iter().map(|name| folder.join(name).to_str().unwrap().to_owned()))
            .collect()
    }

    #[test]
    fn every_link_and_every_folder_on_the_way_counts() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        fs::create_dir_all(root.join("run/secrets.d/7/live")).unwrap();
        fs::create_dir(root.join("etc")).unwrap();
        fs::write(root.join("run/secrets.d/7/live/main"), "x").unwrap();
        symlink(root.join("run/secrets.d/7"), root.join("run/secrets")).unwrap();
        symlink("../run/secrets/live/main", root.join("etc/key")).unwrap();
        symlink("/nix/store/abc-settings.json", root.join("etc/settings.json")).unwrap();
        symlink("loop", root.join("loop")).unwrap();
        symlink("run/secrets.d", root.join("all")).unwrap();
        let through_sops = ["run", "run/secrets", "run/secrets.d", "run/secrets.d/7", "run/secrets.d/7/live"];
        let file = "run/secrets.d/7/live/main";
        for (name, want) in [
            ("run/secrets/live/main", [&through_sops[..], &[file]].concat()),
            ("etc/key", [&["etc", "run"][..], &["etc/key"], &through_sops[1..], &[file]].concat()),
            ("etc/settings.json", vec!["etc", "etc/settings.json"]),
            ("etc/nowhere/at/all", vec!["etc", "etc/nowhere"]),
            ("loop", vec!["loop"]),
            ("all", vec!["all", "run", "run/secrets.d", "run/secrets.d/"]),
        ] {
            assert_eq!(way(&root, &root.join(name)), want, "{name}");
        }
    }

    #[test]
    fn the_store_is_not_watched() {
        let mut names = Names::new();
        add(Path::new("/nix/store/abc-settings.json"), &mut names);
        assert!(names.keys().all(|folder| !folder.starts_with(STORE)), "{names:?}");
    }
}
