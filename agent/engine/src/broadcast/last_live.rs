//! When the last broadcast ended, which an offline page says: a moment, and a small file that outlives the engine.
//!
//! The file is written once for each broadcast that viewers could see. Without a state folder, or where it cannot be
//! written, the moment lasts as long as the engine.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use tokio::sync::watch;

use crate::tasks;

/// Name of the file in the engine's state folder; it holds seconds since 1970 as decimal digits.
const FILE: &str = "last-live";
const TEMPORARY: &str = "last-live.new";

/// Longest content that is a moment.
const MOST_BYTES: u64 = 20;

/// Remembers the moment. Those who follow it see it before they see that the broadcast is over.
#[derive(Debug)]
pub(super) struct LastLive {
    folder: Option<PathBuf>,
    moment: watch::Sender<Option<i64>>,
}

impl LastLive {
    /// Goes on from what an engine before this one left in `folder`.
    pub(super) fn start(folder: Option<PathBuf>, now_s: i64) -> (Self, watch::Receiver<Option<i64>>) {
        let moment = folder.as_deref().and_then(|folder| read(folder, now_s));
        let (moment, followed) = watch::channel(moment);
        (Self { folder, moment }, followed)
    }

    /// A broadcast that viewers could see ends at `now_s`, in seconds since 1970. Never waits.
    pub(super) fn ended(&self, now_s: i64) {
        self.moment.send_replace(Some(now_s));
        let Some(folder) = self.folder.clone() else { return };
        tasks::spawn("last-live", async move {
            // A slow disk holds up nobody.
            let written = tokio::task::spawn_blocking(move || write(&folder, now_s)).await;
            if let Err(error) = written.unwrap_or_else(|failed| Err(io::Error::other(failed))) {
                tracing::warn!(error = %error, "when the last broadcast ended cannot be written down");
            }
        });
    }
}

fn write(folder: &Path, moment_s: i64) -> io::Result<()> {
    fs::write(folder.join(TEMPORARY), moment_s.to_string())?;
    fs::rename(folder.join(TEMPORARY), folder.join(FILE))
}

/// The moment in the file; none for one that is missing, damaged or yet to come.
fn read(folder: &Path, now_s: i64) -> Option<i64> {
    let path = folder.join(FILE);
    if fs::metadata(&path).ok()?.len() > MOST_BYTES {
        return None;
    }
    let moment_s = fs::read_to_string(path).ok()?.trim().parse().ok()?;
    (0..=now_s).contains(&moment_s).then_some(moment_s)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn the_next_engine_knows_when_the_last_broadcast_ended() {
        let folder = tempfile::tempdir().unwrap();
        let read_at = |now_s| *LastLive::start(Some(folder.path().to_owned()), now_s).1.borrow();
        assert_eq!(read_at(1000), None);
        write(folder.path(), 900).unwrap();
        assert_eq!(read_at(1000), Some(900));
        assert_eq!(read_at(899), None, "it was written by another clock");
        for damaged in ["", "-1", "soon", "99999999999999999999", "1\n2", &"1".repeat(100)] {
            fs::write(folder.path().join(FILE), damaged).unwrap();
            assert_eq!(read_at(1000), None, "{damaged}");
        }
    }

    #[tokio::test]
    async fn the_moment_is_told_at_once_with_or_without_a_folder() {
        let (last, followed) = LastLive::start(None, 1000);
        last.ended(1000);
        assert_eq!(*followed.borrow(), Some(1000));
    }
}
