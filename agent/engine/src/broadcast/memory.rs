//! What of a broadcast outlives the engine: a small file, written every second and at each turn.
//!
//! It holds no media and no key in clear; the grant in it is what the agent gives the engine, a salted hash. A file
//! that cannot be read, or is too old to matter, is passed over: a new broadcast begins as it always does.

use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use nixcast_core::control::KeyGrant;
use nixcast_core::hls::Recollection;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use crate::tasks;

/// Name of the file in the engine's state folder.
const FILE: &str = "broadcast.json";
const TEMPORARY: &str = "broadcast.json.new";

/// Nobody else has a use for a key's hash.
const MODE: u32 = 0o600;

/// Changes with the meaning of the file.
const VERSION: u32 = 1;

/// Longest file read: a ladder of some dozens of rungs takes 10 KiB.
const MOST_BYTES: u64 = 1024 * 1024;

/// After this no broadcast waits any more, whatever is declared: the longest grace there is.
const LONGEST_GRACE_MS: i64 = 3_600_000;

/// A broadcast as another engine has to know it. Times are milliseconds since 1970.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Memory {
    pub(super) written_at_ms: i64,
    /// When it lost its publisher, if it had none.
    pub(super) lost_at_ms: Option<i64>,
    pub(super) started_at_ms: i64,
    pub(super) key_name: String,
    pub(super) grant: KeyGrant,
    /// End of the time line, 90 kHz.
    pub(super) end_90k: i64,
    pub(super) next_encoder: u32,
    pub(super) presentation: Recollection,
}

impl Memory {
    /// Since when the broadcast has been without a publisher: its engine ended when it last wrote, as far as anybody
    /// can tell.
    pub(super) fn gone_ms(&self) -> i64 {
        self.lost_at_ms.unwrap_or(self.written_at_ms)
    }
}

/// The file.
#[derive(Serialize)]
struct Written<'a> {
    version: u32,
    #[serde(flatten)]
    memory: &'a Memory,
}

/// Why what a file says cannot be gone on with.
#[derive(Debug, thiserror::Error)]
enum Useless {
    #[error("it is longer than {MOST_BYTES} bytes")]
    TooLong,
    #[error("it cannot be understood")]
    Damaged(#[from] serde_json::Error),
    #[error("it was written by another version")]
    OtherVersion,
    #[error("nobody waits for that broadcast any more")]
    Old,
}

/// Has the file written. Dropping it leaves the file as it is.
#[derive(Debug)]
pub(super) struct Keeper {
    newest: watch::Sender<Option<Memory>>,
    writer: Arc<Writer>,
}

#[derive(Debug)]
struct Writer {
    newest: watch::Receiver<Option<Memory>>,
    /// Locked for each write.
    folder: Mutex<PathBuf>,
}

impl Keeper {
    /// Reads what an engine before this one left in `folder`, and starts the writer.
    pub(super) fn start(folder: PathBuf, now_ms: i64) -> (Self, Option<Memory>) {
        let memory = read(&folder.join(FILE), now_ms);
        let (newest, changes) = watch::channel(memory.clone());
        let writer = Arc::new(Writer { newest: changes.clone(), folder: Mutex::new(folder) });
        tasks::spawn("broadcast-memory", write_changes(Arc::clone(&writer), changes));
        (Self { newest, writer }, memory)
    }

    /// Has `memory` written soon; none: the broadcast is over. Never waits; what comes faster than it can be written is
    /// skipped.
    pub(super) fn keep(&self, memory: Option<Memory>) {
        self.newest.send_if_modified(|newest| {
            let is_news = *newest != memory;
            *newest = memory;
            is_news
        });
    }

    /// Writes it at once: the engine is about to end.
    pub(super) fn keep_now(&self, memory: Option<Memory>) {
        self.newest.send_replace(memory);
        report(self.writer.write_newest(), &mut false);
    }
}

impl Writer {
    /// Takes its turn before it looks what is to be written, so that nothing old is written over the newest.
    fn write_newest(&self) -> io::Result<()> {
        let folder = self.folder.lock().unwrap_or_else(PoisonError::into_inner);
        let newest = self.newest.borrow().clone();
        write(&folder, newest.as_ref())
    }
}

async fn write_changes(writer: Arc<Writer>, mut changes: watch::Receiver<Option<Memory>>) {
    let mut is_failing = false;
    while changes.changed().await.is_ok() {
        let writer = Arc::clone(&writer);
        // A slow disk holds up nothing but the next write.
        let written = tokio::task::spawn_blocking(move || writer.write_newest()).await;
        report(written.unwrap_or_else(|failed| Err(io::Error::other(failed))), &mut is_failing);
    }
}

/// Says once that it fails, and once that it does no more.
fn report(written: io::Result<()>, is_failing: &mut bool) {
    match &written {
        Ok(()) if *is_failing => tracing::info!("the broadcast's memory can be written again"),
        Err(error) if !*is_failing => {
            tracing::warn!(error = %error, "the broadcast's memory cannot be written: it would not survive a restart");
        }
        _ => {}
    }
    *is_failing = written.is_err();
}

/// Puts a whole file in place of the old. It need not survive a power cut, which ends the broadcast anyway.
fn write(folder: &Path, memory: Option<&Memory>) -> io::Result<()> {
    let Some(memory) = memory else {
        return match fs::remove_file(folder.join(FILE)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        };
    };
    let temporary = folder.join(TEMPORARY);
    let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(MODE).open(&temporary)?;
    file.write_all(&serde_json::to_vec(&Written { version: VERSION, memory })?)?;
    fs::rename(&temporary, folder.join(FILE))
}

fn read(path: &Path, now_ms: i64) -> Option<Memory> {
    let bytes = match fs::metadata(path).map(|facts| facts.len()) {
        Ok(length) if length > MOST_BYTES => return pass_over(&Useless::TooLong),
        Ok(_) => fs::read(path),
        Err(error) => Err(error),
    };
    match bytes {
        Ok(bytes) => understand(&bytes, now_ms).map_or_else(|useless| pass_over(&useless), Some),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => {
            tracing::warn!(error = %error, "what another engine left of a broadcast cannot be read");
            None
        }
    }
}

fn understand(bytes: &[u8], now_ms: i64) -> Result<Memory, Useless> {
    #[derive(Deserialize)]
    struct Version {
        version: u32,
    }
    if serde_json::from_slice::<Version>(bytes)?.version != VERSION {
        return Err(Useless::OtherVersion);
    }
    let memory: Memory = serde_json::from_slice(bytes)?;
    // A moment yet to come was written by another clock.
    let age_ms = now_ms.saturating_sub(memory.gone_ms());
    if !(0..LONGEST_GRACE_MS).contains(&age_ms) {
        return Err(Useless::Old);
    }
    Ok(memory)
}

fn pass_over(useless: &Useless) -> Option<Memory> {
    tracing::warn!(reason = tasks::chain(useless), "what another engine left of a broadcast is passed over");
    None
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use nixcast_core::hls::{InitFacts, Presentation, SegmentFacts, Track};
    use nixcast_core::ids::EncoderId;
    use nixcast_core::ladder::LatencyLevel;

    use super::*;

    fn memory(written_at_ms: i64, lost_at_ms: Option<i64>) -> Memory {
        let mut presentation = Presentation::new("0badcafe".to_owned(), 0, LatencyLevel::new(0));
        presentation.set_ladder(&[("source".to_owned(), 0)]);
        let track = Track::Video("source".to_owned());
        let facts = InitFacts { codecs: "avc1.64001f".to_owned(), width: 64, height: 64, frame_rate: None };
        presentation.add_init(&track, EncoderId(1), facts);
        let segment = SegmentFacts {
            start_us: 0,
            duration_us: 1_000_000,
            bytes: 1,
            is_independent: true,
            parts: Vec::new(),
            is_whole: true,
        };
        presentation.add_segment(&track, segment).unwrap();
        let grant = KeyGrant {
            salt: "00".repeat(16),
            hash: "00".repeat(32),
            comment: String::new(),
            enabled: true,
            expires_at: None,
        };
        Memory {
            written_at_ms,
            lost_at_ms,
            started_at_ms: 0,
            key_name: "main".to_owned(),
            grant,
            end_90k: 90_000,
            next_encoder: 2,
            presentation: presentation.remember().unwrap(),
        }
    }

    #[test]
    fn what_was_written_is_read_until_nobody_waits_for_it() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(FILE);
        assert_eq!(read(&file, 0), None);
        for (written, lost, now, is_read) in [
            (1_000, None, 2_000, true),
            (1_000, None, 1_000 + LONGEST_GRACE_MS, false),
            (5_000_000, Some(1_000), 5_000_001, false),
            (5_000_000, Some(4_000_000), 5_000_001, true),
            (5_000_000, None, 4_000_000, false),
        ] {
            let memory = memory(written, lost);
            write(folder.path(), Some(&memory)).unwrap();
            assert_eq!(read(&file, now), is_read.then_some(memory), "{written} {lost:?} {now}");
        }
        write(folder.path(), None).unwrap();
        write(folder.path(), None).unwrap();
        assert!(!file.exists());
    }

    #[test]
    fn a_damaged_file_is_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(FILE);
        let whole = serde_json::to_string(&Written { version: VERSION, memory: &memory(1_000, None) }).unwrap();
        let half = &whole[..whole.len() / 2];
        let other = whole.replace("\"version\":1", "\"version\":2");
        let long = " ".repeat(2 * 1024 * 1024);
        for damaged in ["", "{}", "null", "\0\0\0", "{\"version\":1}", half, &other, &long] {
            fs::write(&file, damaged).unwrap();
            assert_eq!(read(&file, 1_500), None, "{}", &damaged[..damaged.len().min(40)]);
        }
        fs::write(&file, whole).unwrap();
        assert!(read(&file, 1_500).is_some());
    }

    #[test]
    fn a_write_that_waits_for_its_turn_writes_what_is_newest_by_then() {
        let folder = tempfile::tempdir().unwrap();
        let (newest, changes) = watch::channel(Some(memory(1_000, None)));
        let writer = Writer { newest: changes, folder: Mutex::new(folder.path().to_owned()) };
        std::thread::scope(|scope| {
            let turn = writer.folder.lock().unwrap();
            let late = scope.spawn(|| writer.write_newest());
            newest.send_replace(Some(memory(2_000, None)));
            drop(turn);
            late.join().unwrap().unwrap();
        });
        assert_eq!(read(&folder.path().join(FILE), 2_500), Some(memory(2_000, None)));
    }
}
