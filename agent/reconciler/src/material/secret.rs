//! Reading one secret file, or a certificate, which is replaced as secrets are.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use nixcast_core::certificates;
use zeroize::Zeroizing;

/// Larger files are refused unread: whatever they are, they are no stream key and no password.
const MAX_FILE_BYTES: usize = 4096;

/// A file that was written to more recently than this may be half written, and half a key would end the session that
/// uses the whole one.
const SETTLED_AFTER: Duration = Duration::from_millis(50);
/// A file that never settles is taken as it is.
const PATIENCE: Duration = Duration::from_secs(1);

/// Where everyone on the machine can read every file.
const STORE: &str = "/nix/store";

/// Reads what a secret file holds. The reason completes a sentence that begins with the path.
pub(super) fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>, String> {
    read_secret(path, MAX_FILE_BYTES)
}

/// As [`read`], for the private key of a certificate.
pub(super) fn read_private_key(path: &Path) -> Result<Zeroizing<Vec<u8>>, String> {
    read_secret(path, certificates::MAX_KEY_BYTES)
}

/// As [`read`], for what may lie in the Nix store.
pub(super) fn read_certificate(path: &Path) -> Result<Zeroizing<Vec<u8>>, String> {
    read_settled(path, certificates::MAX_CHAIN_BYTES)
}

fn read_secret(path: &Path, limit: usize) -> Result<Zeroizing<Vec<u8>>, String> {
    if leads_into(path, Path::new(STORE)) {
        return Err("leads into the Nix store, which everyone can read".to_owned());
    }
    read_settled(path, limit)
}

fn read_settled(path: &Path, limit: usize) -> Result<Zeroizing<Vec<u8>>, String> {
    let end = Instant::now() + PATIENCE;
    loop {
        let file = super::file::open_regular(path)?;
        let content = read_at_most(&file, limit);
        match unsettled_for(&file) {
            Some(rest) if Instant::now() < end => thread::sleep(rest),
            _ => return content,
        }
    }
}

/// Whether the file behind every link lies below `store`. One that cannot be followed is found out by reading it.
fn leads_into(path: &Path, store: &Path) -> bool {
    path.canonicalize().is_ok_and(|file| file.starts_with(store))
}

/// How long until the file counts as settled; none if it does, or if its time says nothing.
fn unsettled_for(file: &File) -> Option<Duration> {
    let age = file.metadata().ok()?.modified().ok()?.elapsed().ok()?;
    SETTLED_AFTER.checked_sub(age).filter(|rest| !rest.is_zero())
}

fn read_at_most(file: &File, limit: usize) -> Result<Zeroizing<Vec<u8>>, String> {
    // Room for everything from the start: a growing buffer would leave copies of the key behind.
    let mut content = Zeroizing::new(Vec::with_capacity(limit + 1));
    let bound = u64::try_from(limit + 1).unwrap_or(u64::MAX);
    file.take(bound).read_to_end(&mut content).map_err(|cause| format!("could not be read: {cause}"))?;
    if content.len() > limit {
        return Err(format!("is larger than {limit} bytes, so it does not hold what it should"));
    }
    Ok(content)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

    use std::fs;
    use std::io::Write as _;
    use std::os::unix::fs::symlink;

    use nixcast_core::keys::StreamKeySecret;

    use super::*;

    /// Why the file holds no stream key; none if it does.
    fn fault(path: &Path) -> Option<String> {
        match read(path) {
            Ok(content) => StreamKeySecret::from_file_content(&content).err().map(|error| error.to_string()),
            Err(reason) => Some(reason),
        }
    }

    #[test]
    fn only_a_usable_file_gives_a_key() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::write(at("good"), "correct-horse\n").unwrap();
        symlink(at("good"), at("linked")).unwrap();
        fs::write(at("empty"), "").unwrap();
        fs::write(at("large"), vec![b'a'; 10 * 1024 * 1024]).unwrap();
        fs::write(at("words"), "correct horse").unwrap();
        fs::create_dir(at("folder")).unwrap();
        symlink(at("nowhere"), at("dangling")).unwrap();
        symlink("/dev/zero", at("endless")).unwrap();
        rustix::fs::mknodat(rustix::fs::CWD, at("pipe"), rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(at("socket")).unwrap();
        let cases = [
            ("good", None),
            ("linked", None),
            ("empty", Some("is empty")),
            ("large", Some("is larger than 4096 bytes")),
            ("words", Some("holds a blank")),
            ("folder", Some("is a folder, not a file")),
            ("dangling", Some("does not exist")),
            ("missing", Some("does not exist")),
            ("good/below", Some("could not be read: Not a directory")),
            ("socket", Some("is not a regular file")),
            ("endless", Some("is not a regular file")),
            ("pipe", Some("is not a regular file")),
        ];
        for (name, want) in cases {
            let got = fault(&at(name));
            match want {
                None => assert_eq!(got, None, "{name}"),
                Some(want) => assert!(got.as_deref().unwrap_or_default().starts_with(want), "{name}: {got:?}"),
            }
        }
    }

    #[test]
    fn a_link_does_not_hide_the_store() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        let (store, beside) = (root.join("store"), root.join("store-of-mine"));
        for folder in [&store, &beside] {
            fs::create_dir(folder).unwrap();
            fs::write(folder.join("key"), "correct-horse").unwrap();
        }
        symlink(store.join("key"), root.join("etc-key")).unwrap();
        symlink(&store, root.join("etc")).unwrap();
        symlink(beside.join("key"), root.join("run-key")).unwrap();
        for (path, want) in
            [("etc-key", true), ("etc/key", true), ("store/key", true), ("run-key", false), ("none", false)]
        {
            assert_eq!(leads_into(&root.join(path), &store), want, "{path}");
        }
    }

    #[test]
    fn half_a_key_is_not_taken_for_a_key() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        let mut file = fs::File::create(&path).unwrap();
        file.write_all(b"correct-").unwrap();
        let reading = thread::spawn({
            let path = path.clone();
            move || read(&path).unwrap()
        });
        // Written on piece by piece, as by a program that flushes after each word.
        for piece in [&b"horse-"[..], b"battery-", b"staple"] {
            thread::sleep(SETTLED_AFTER / 4);
            file.write_all(piece).unwrap();
        }
        drop(file);
        assert_eq!(reading.join().unwrap().as_slice(), b"correct-horse-battery-staple");
    }
}
