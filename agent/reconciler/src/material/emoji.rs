//! Reading the folder of custom emoji: bounded, each file judged on its own.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{self, Read as _};
use std::path::Path;
use std::sync::Arc;

use base64::Engine as _;
use nixcast_core::control::PictureRef;
use nixcast_core::plan::Picture;

use super::logo::media_type;
use crate::document::sha256_hex;

/// Stated by `chat.emojiFolder`.
const MOST_EMOJI: usize = 200;
const MOST_PICTURE_BYTES: usize = 512 * 1024;
const MOST_BYTES: usize = 16 * 1024 * 1024;
const MOST_NAME_BYTES: usize = 64;

/// Entries of a folder that are looked at: whoever names the wrong folder is told so soon.
const MOST_ENTRIES: usize = 10_000;

/// Refused files that are told of; the rest is a number.
const MOST_TOLD: usize = 5;

const ENDINGS: [&str; 6] = ["png", "gif", "jpg", "jpeg", "webp", "svg"];

/// What a folder holds.
#[derive(Debug, Default)]
pub(super) struct Folder {
    /// By name.
    pub(super) pictures: BTreeMap<String, Arc<Picture>>,
    /// Names of files, each with the reason why it is not among them.
    refused: Vec<(String, String)>,
}

impl Folder {
    /// Completes a sentence that begins with the folder's path; none if nothing was refused.
    pub(super) fn refused_in_words(&self) -> Option<String> {
        let told: Vec<String> =
            self.refused.iter().take(MOST_TOLD).map(|(file, reason)| format!("{file:?} {reason}")).collect();
        let more = match self.refused.len().saturating_sub(MOST_TOLD) {
            0 => String::new(),
            count => format!(", and {count} more"),
        };
        (!told.is_empty()).then(|| format!("holds what cannot be offered: {}{more}", told.join(", ")))
    }
}

/// Reads a folder, its files in order of their names. The reason completes a sentence that begins with the path.
pub(super) fn read(path: &Path) -> Result<Folder, String> {
    let unreadable = |cause: io::Error| match cause.kind() {
        io::ErrorKind::NotFound => "does not exist".to_owned(),
        io::ErrorKind::PermissionDenied => "may not be read by the agent".to_owned(),
        io::ErrorKind::NotADirectory => "is not a folder".to_owned(),
        _ => format!("could not be read: {cause}"),
    };
    let mut files = BTreeSet::new();
    for (count, entry) in fs::read_dir(path).map_err(unreadable)?.enumerate() {
        if count >= MOST_ENTRIES {
            return Err(format!("holds more than {MOST_ENTRIES} files"));
        }
        files.insert(entry.map_err(unreadable)?.file_name());
    }
    let mut folder = Folder::default();
    let (mut taken, mut bytes) = (BTreeSet::new(), 0);
    for file in files {
        let name = file.to_string_lossy();
        let Some((stem, ending)) = name.rsplit_once('.') else { continue };
        if stem.is_empty() || !ENDINGS.contains(&ending.to_ascii_lowercase().as_str()) {
            continue;
        }
        let key = stem.to_ascii_lowercase();
        let picture = if taken.contains(&key) {
            Err("has the name of another emoji".to_owned())
        } else {
            picture(&path.join(&file), stem, folder.pictures.len(), &mut bytes)
        };
        match picture {
            Ok(picture) => {
                taken.insert(key);
                folder.pictures.insert(stem.to_owned(), Arc::new(picture));
            }
            Err(reason) => folder.refused.push((name.into_owned(), reason)),
        }
    }
    Ok(folder)
}

fn picture(file: &Path, name: &str, before: usize, bytes: &mut usize) -> Result<Picture, String> {
    let is_name_byte = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'+' | b'_');
    if name.len() > MOST_NAME_BYTES || !name.bytes().all(is_name_byte) {
        return Err("has a name with more than letters, digits, \"-\", \"+\" and \"_\"".to_owned());
    }
    if before >= MOST_EMOJI {
        return Err(format!("is one more than {MOST_EMOJI}"));
    }
    let mut content = Vec::new();
    let bound = u64::try_from(MOST_PICTURE_BYTES + 1).unwrap_or(u64::MAX);
    let opened = super::file::open_regular(file)?;
    opened.take(bound).read_to_end(&mut content).map_err(|cause| format!("could not be read: {cause}"))?;
    if content.len() > MOST_PICTURE_BYTES {
        return Err("is larger than 512 KiB".to_owned());
    }
    let media_type = media_type(&content).ok_or("is not an SVG, PNG, JPEG, GIF or WebP picture")?;
    if *bytes + content.len() > MOST_BYTES {
        return Err("is beyond 16 MiB of all pictures".to_owned());
    }
    *bytes += content.len();
    Ok(Picture {
        logo: PictureRef { digest: sha256_hex(&content), media_type: media_type.to_owned() },
        base64: base64::engine::general_purpose::STANDARD.encode(&content),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

    use super::*;

    #[test]
    fn each_file_is_judged_on_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let large = [b"GIF89a".as_slice(), &vec![0; MOST_PICTURE_BYTES]].concat();
        for (name, content) in [
            ("wave.svg", b"<svg/>".as_slice()),
            ("Wave.gif", b"GIF89a"),
            ("+1.PNG", b"\x89PNG\r\n\x1a\n"),
            ("a b.png", b"\x89PNG\r\n\x1a\n"),
            ("page.svg", b"<html><svg/></html>"),
            ("large.gif", &large),
            ("README.md", b"not a picture"),
            (".hidden", b""),
            (".png", b""),
        ] {
            fs::write(folder.path().join(name), content).unwrap();
        }
        fs::create_dir(folder.path().join("more.png")).unwrap();
        let found = read(folder.path()).unwrap();
        let shown = found.pictures.iter().map(|(name, it)| (name.as_str(), it.logo.media_type.as_str()));
        assert_eq!(shown.collect::<Vec<_>>(), [("+1", "image/png"), ("Wave", "image/gif")]);
        assert_eq!(
            found.refused_in_words().unwrap(),
            "holds what cannot be offered: \"a b.png\" has a name with more than letters, digits, \"-\", \"+\" and \
             \"_\", \"large.gif\" is larger than 512 KiB, \"more.png\" is a folder, not a file, \"page.svg\" is not an \
             SVG, PNG, JPEG, GIF or WebP picture, \"wave.svg\" has the name of another emoji"
        );
        assert_eq!(read(&folder.path().join("none")).unwrap_err(), "does not exist");
        assert_eq!(read(&folder.path().join("wave.svg")).unwrap_err(), "is not a folder");
    }

    #[test]
    fn a_folder_has_its_bounds() {
        let folder = tempfile::tempdir().unwrap();
        let write = |count: usize, content: &[u8]| {
            for number in 0..count {
                fs::write(folder.path().join(format!("e{number:03}.gif")), content).unwrap();
            }
        };
        write(207, b"GIF89a");
        let found = read(folder.path()).unwrap();
        assert_eq!(found.pictures.len(), 200);
        let words = found.refused_in_words().unwrap();
        assert!(words.contains("\"e200.gif\" is one more than 200") && words.ends_with(", and 2 more"), "{words}");
        write(33, &[b"GIF89a".as_slice(), &vec![0; MOST_PICTURE_BYTES - 6]].concat());
        let words = read(folder.path()).unwrap().refused_in_words().unwrap();
        assert!(words.contains("\"e032.gif\" is beyond 16 MiB of all pictures"), "{words}");
    }
}
