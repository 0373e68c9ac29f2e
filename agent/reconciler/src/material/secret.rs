//! Reading one secret file.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use zeroize::Zeroizing;

/// Larger files are refused unread: whatever they are, they are no key and no password.
const MAX_FILE_BYTES: usize = 4096;

/// Reads a secret, which `parse` makes of the file's content. The reason completes a sentence that begins with the path.
pub(super) fn read<Secret, Fault: ToString>(
    path: &Path,
    parse: impl Fn(&[u8]) -> Result<Secret, Fault>,
) -> Result<Secret, String> {
    let content = content(path)?;
    parse(&content).map_err(|error| error.to_string())
}

fn content(path: &Path) -> Result<Zeroizing<Vec<u8>>, String> {
    let file = super::logo::open_regular(path)?;
    read_at_most(file, MAX_FILE_BYTES)
}

fn read_at_most(file: File, limit: usize) -> Result<Zeroizing<Vec<u8>>, String> {
    // Room for everything from the start: a growing buffer would leave copies of the key behind.
    let mut content = Zeroizing::new(Vec::with_capacity(limit + 1));
    let bound = u64::try_from(limit + 1).unwrap_or(u64::MAX);
    file.take(bound).read_to_end(&mut content).map_err(|cause| format!("could not be read: {cause}"))?;
    if content.len() > limit {
        return Err(format!("is larger than {limit} bytes, so it holds no secret"));
    }
    Ok(content)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

    use std::fs;
    use std::os::unix::fs::symlink;

    use nixcast_core::keys::StreamKeySecret;

    use super::*;

    #[test]
    fn only_a_usable_file_gives_a_key() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::write(at("good"), "correct-horse\n").unwrap();
        symlink(at("good"), at("linked")).unwrap();
        fs::write(at("empty"), "").unwrap();
        fs::write(at("large"), vec![b'a'; 5000]).unwrap();
        fs::write(at("words"), "correct horse").unwrap();
        fs::create_dir(at("folder")).unwrap();
        symlink(at("nowhere"), at("dangling")).unwrap();
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
            ("socket", Some("is not a regular file")),
        ];
        for (name, want) in cases {
            let got = read(&at(name), StreamKeySecret::from_file_content).err();
            match want {
                None => assert_eq!(got, None, "{name}"),
                Some(want) => assert!(got.as_deref().unwrap_or_default().starts_with(want), "{name}: {got:?}"),
            }
        }
    }
}
