//! The files a settings file is made of, told from the text alone.
//!
//! Follows relative path literals (`./keys.nix`, `../demo.nix`, `./logo.svg`) from file to file, and adds every Nix
//! file of the settings file's folder for those that are put together (`./hosts + "/${name}.nix"`). A path in a
//! comment costs one needless watch; a path made of strings elsewhere is noticed at the next apply.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Component, Path, PathBuf};

use nixcast_schema::Digest;

/// Files considered. A settings file that names more is somebody's whole configuration, of which the first few
/// hundred are the near ones.
const MAX_FILES: usize = 512;
/// Bytes considered of one file.
const MAX_FILE_BYTES: u64 = 2 * 1024 * 1024;
/// Folders below that of the settings file that are looked into.
const MAX_DEPTH: usize = 4;
/// Entries of one folder that are looked at.
const MAX_ENTRIES: usize = 1024;
/// Folders that hold no settings and may hold a hundred thousand files.
const SKIPPED: [&str; 5] = [".git", ".direnv", "node_modules", "result", "target"];

/// The files, the given one first, each once.
pub(super) fn of(file: &Path) -> Vec<PathBuf> {
    let first = file.canonicalize().unwrap_or_else(|_| file.to_owned());
    let mut found = Found { files: vec![first.clone()], seen: BTreeSet::from([first.clone()]) };
    if let Some(folder) = first.parent() {
        found.nix_files_below(folder, MAX_DEPTH);
    }
    let mut next = 0;
    while let Some(path) = found.files.get(next).cloned() {
        next += 1;
        if is_nix(&path) {
            found.named_in(&path);
        }
    }
    found.files
}

/// Digest of the names and contents of [`of`]'s files.
pub(super) fn fingerprint(file: &Path) -> io::Result<Digest> {
    File::open(file)?;
    let contents: String = of(file)
        .iter()
        .map(|path| {
            // A file that went away meanwhile is a change as well.
            let content = read(path).map_or_else(|_| "gone".to_owned(), |bytes| Digest::of(&bytes).to_string());
            format!("{} {content}\n", path.display())
        })
        .collect();
    Ok(Digest::of(contents.as_bytes()))
}

struct Found {
    files: Vec<PathBuf>,
    seen: BTreeSet<PathBuf>,
}

impl Found {
    fn add(&mut self, path: PathBuf) {
        // Reading a pipe or a device might never end.
        if self.files.len() < MAX_FILES && path.is_file() && self.seen.insert(path.clone()) {
            self.files.push(path);
        }
    }

    fn nix_files_below(&mut self, folder: &Path, depth: usize) {
        let Ok(entries) = fs::read_dir(folder) else { return };
        let mut entries: Vec<_> = entries.take(MAX_ENTRIES).filter_map(Result::ok).collect();
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
            let Ok(kind) = entry.file_type() else { continue };
            let skipped = SKIPPED.iter().any(|name| entry.file_name() == *name);
            // Links are not followed here, so the walk cannot go in circles.
            if kind.is_dir() && depth > 0 && !skipped && self.files.len() < MAX_FILES {
                self.nix_files_below(&entry.path(), depth - 1);
            } else if kind.is_file() && is_nix(&entry.path()) {
                self.add(entry.path());
            }
        }
    }

    fn named_in(&mut self, file: &Path) {
        let (Ok(bytes), Some(folder)) = (read(file), file.parent()) else { return };
        for literal in path_literals(&String::from_utf8_lossy(&bytes)) {
            let path = tidy(&folder.join(literal));
            if path.is_dir() { self.add(path.join("default.nix")) } else { self.add(path) }
        }
    }
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(MAX_FILE_BYTES).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn is_nix(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "nix")
}

/// Words that start with "./" or "../", cut where a Nix path literal ends.
fn path_literals(text: &str) -> impl Iterator<Item = &str> {
    let in_path = |letter: char| letter.is_ascii_alphanumeric() || "._-+/".contains(letter);
    text.split(move |letter| !in_path(letter)).filter(|word| word.starts_with("./") || word.starts_with("../"))
}

/// The path without "." and "..", as Nix reads a literal: by its letters, whatever links there are.
fn tidy(path: &Path) -> PathBuf {
    let mut tidy = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => (),
            Component::ParentDir => {
                tidy.pop();
            }
            other => tidy.push(other),
        }
    }
    tidy
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn folder() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        write("demo/settings.nix", "{ imports = [ ../examples/demo.nix ./keys ]; }");
        write("demo/keys/default.nix", "{ }");
        write("demo/parts/one.nix", "{ }");
        write("demo/target/built.nix", "{ }");
        write("demo/notes.txt", "not named anywhere");
        write(
            "examples/demo.nix",
            "{ services.nixcast.instance.logo = ./logo.svg; imports = [ ../demo/settings.nix ]; }",
        );
        write("examples/logo.svg", "<svg/>");
        write("examples/other.nix", "{ }");
        folder
    }

    #[test]
    fn files_named_by_files_are_found_wherever_they_are() {
        let folder = folder();
        let root = folder.path().canonicalize().unwrap();
        let mut names: Vec<_> = of(&root.join("demo/settings.nix"))
            .iter()
            .map(|path| path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned())
            .collect();
        assert_eq!(names.remove(0), "demo/settings.nix");
        names.sort();
        let expected = ["demo/keys/default.nix", "demo/parts/one.nix", "examples/demo.nix", "examples/logo.svg"];
        assert_eq!(names, expected);
    }

    #[test]
    fn the_fingerprint_follows_what_is_named_and_nothing_else() {
        let folder = folder();
        let at = |name: &str| folder.path().join(name);
        let now = || fingerprint(&at("demo/settings.nix")).unwrap();
        let before = now();
        fs::write(at("demo/notes.txt"), "changed").unwrap();
        fs::write(at("examples/other.nix"), "changed").unwrap();
        assert_eq!(now(), before);
        fs::write(at("examples/logo.svg"), "<svg></svg>").unwrap();
        assert_ne!(now(), before);
        fs::write(at("examples/logo.svg"), "<svg/>").unwrap();
        assert_eq!(now(), before);
        fs::remove_file(at("demo/keys/default.nix")).unwrap();
        assert_ne!(now(), before);
        assert!(fingerprint(&at("missing.nix")).is_err());
    }
}
