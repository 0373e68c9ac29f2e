//! Files that are complete the moment they carry their name: temporary file, fsync, rename, fsync of the folder.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::Path;

use crate::crash::Point;

const TEMPORARY: &str = "incoming.tmp";

/// What the steps of one kind of write are called.
#[derive(Clone, Copy, Debug)]
pub(super) struct Points {
    pub(super) created: Point,
    pub(super) half_written: Point,
    pub(super) written: Point,
    pub(super) synced: Point,
    pub(super) renamed: Point,
    pub(super) durable: Point,
}

impl Points {
    #[cfg(test)]
    pub(super) const fn in_order(self) -> [Point; 6] {
        [self.created, self.half_written, self.written, self.synced, self.renamed, self.durable]
    }
}

/// Told of each step; an error stops the write there, as a fault of the disk would.
pub(super) type Reached<'a> = dyn FnMut(Point) -> io::Result<()> + 'a;

/// Makes `bytes` the content of `name` in `folder`. When this returns, a power cut cannot take it back.
pub(super) fn write(
    folder: &Path,
    name: &str,
    bytes: &[u8],
    points: Points,
    reached: &mut Reached<'_>,
) -> io::Result<()> {
    let temporary = folder.join(TEMPORARY);
    let mut file = File::create(&temporary)?;
    reached(points.created)?;
    let (first, second) = bytes.split_at(bytes.len() / 2);
    file.write_all(first)?;
    reached(points.half_written)?;
    file.write_all(second)?;
    reached(points.written)?;
    file.sync_all()?;
    reached(points.synced)?;
    fs::rename(&temporary, folder.join(name))?;
    reached(points.renamed)?;
    File::open(folder)?.sync_all()?;
    reached(points.durable)
}
