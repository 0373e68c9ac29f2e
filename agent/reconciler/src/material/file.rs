//! Opening a file that anybody may have put there.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use rustix::fs::{Mode, OFlags};

/// Opens a regular file, following links. The reason completes a sentence that begins with the path.
///
/// Looks before opening, since opening a device can do things. Should the file be replaced by a named pipe in between,
/// opening does not wait for the pipe's writer, and the second look refuses it.
pub(super) fn open_regular(path: &Path) -> Result<File, String> {
    let unreadable = |cause: io::Error| match cause.kind() {
        io::ErrorKind::NotFound => "does not exist".to_owned(),
        io::ErrorKind::PermissionDenied => "may not be read by the agent".to_owned(),
        _ => format!("could not be read: {cause}"),
    };
    must_be_regular(&fs::metadata(path).map_err(unreadable)?)?;
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOCTTY | OFlags::NONBLOCK;
    let file = File::from(rustix::fs::open(path, flags, Mode::empty()).map_err(|errno| unreadable(errno.into()))?);
    must_be_regular(&file.metadata().map_err(unreadable)?)?;
    Ok(file)
}

fn must_be_regular(metadata: &fs::Metadata) -> Result<(), String> {
    if metadata.is_dir() {
        return Err("is a folder, not a file".to_owned());
    }
    if !metadata.is_file() {
        return Err("is not a regular file".to_owned());
    }
    Ok(())
}
