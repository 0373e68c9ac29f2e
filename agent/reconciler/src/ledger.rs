//! The accepted documents, durable: what the agent runs when its source is refused, missing or not there yet.
//!
//! Each generation is one file, complete the moment it carries its name (temporary file, fsync, rename, fsync of the
//! folder). The highest readable one is the last good one; there is no pointer that could disagree. Called by the
//! agent's loop only; a lock keeps a second agent out.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::document::Document;

/// Generations kept for `nixcast history`.
const KEPT_GENERATIONS: usize = 50;

const SUFFIX: &str = ".json";
const TEMPORARY: &str = "incoming.tmp";

/// Why a ledger cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    #[error("could not open the ledger in {}", path.display())]
    Open {
        path: PathBuf,
        #[source]
        cause: io::Error,
    },
    #[error("another agent uses the ledger in {}", path.display())]
    InUse { path: PathBuf },
    #[error("could not write {} to the ledger", path.display())]
    Write {
        path: PathBuf,
        #[source]
        cause: io::Error,
    },
}

/// One acceptance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    pub generation: u64,
    /// Seconds since 1970.
    pub accepted_at: i64,
    pub digest: String,
    pub origin: Origin,
}

/// Where an accepted document came from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Origin {
    /// The file read: JSON or Nix.
    pub path: Option<PathBuf>,
    /// The file after every symbolic link, on NixOS a store path.
    pub store_path: Option<PathBuf>,
    /// Whether it was handed in by `nixcast apply --settings` and stands until the source changes.
    pub is_handed_in: bool,
    /// SHA-256 of the source's content when this was accepted, lowercase hex.
    pub source_content: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Record {
    #[serde(flatten)]
    entry: Entry,
    /// The document's text. Its digest must be the entry's, or the file is damaged.
    document: String,
}

/// The open ledger.
#[derive(Debug)]
pub struct Ledger {
    folder: PathBuf,
    next_generation: u64,
    _lock: File,
}

/// What a ledger remembers at boot.
#[derive(Debug, Default)]
pub struct Remembered {
    pub last_good: Option<(Entry, Document)>,
    /// Newer generations that could not be used, each with its reason.
    pub skipped: Vec<String>,
}

impl Ledger {
    /// Opens or creates the ledger and takes its lock.
    pub fn open(folder: &Path) -> Result<Self, LedgerError> {
        let failed = |cause| LedgerError::Open { path: folder.to_owned(), cause };
        fs::create_dir_all(folder).map_err(failed)?;
        let lock = File::create(folder.join("lock")).map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => (),
            Err(fs::TryLockError::WouldBlock) => return Err(LedgerError::InUse { path: folder.to_owned() }),
            Err(fs::TryLockError::Error(cause)) => return Err(failed(cause)),
        }
        let newest = generations(folder).map_err(failed)?.pop().unwrap_or(0);
        Ok(Self { folder: folder.to_owned(), next_generation: newest + 1, _lock: lock })
    }

    /// Finds the newest generation that this build can still read.
    pub fn remember(&self) -> Result<Remembered, LedgerError> {
        let mut remembered = Remembered::default();
        for generation in self.generations()?.into_iter().rev() {
            match self.read(generation) {
                Ok(good) => {
                    remembered.last_good = Some(good);
                    break;
                }
                Err(reason) => remembered.skipped.push(format!("generation {generation}: {reason}")),
            }
        }
        Ok(remembered)
    }

    /// Makes `document` the newest generation. When this returns, a power cut cannot take it back.
    pub fn accept(&mut self, document: &Document, origin: Origin, now: i64) -> Result<Entry, LedgerError> {
        self.accept_with(document, origin, now, &mut |_| Ok(()))
    }

    /// Generations kept, oldest first.
    pub fn history(&self) -> Result<Vec<Entry>, LedgerError> {
        let kept = self.generations()?;
        Ok(kept.into_iter().filter_map(|generation| self.record(generation).ok()).map(|record| record.entry).collect())
    }

    fn accept_with(
        &mut self,
        document: &Document,
        origin: Origin,
        now: i64,
        reached: &mut Reached<'_>,
    ) -> Result<Entry, LedgerError> {
        let entry =
            Entry { generation: self.next_generation, accepted_at: now, digest: document.digest.clone(), origin };
        let record = Record { entry: entry.clone(), document: document.text.clone() };
        let path = self.path(entry.generation);
        let failed = |cause| LedgerError::Write { path: path.clone(), cause };
        let bytes = serde_json::to_vec_pretty(&record).map_err(|error| failed(error.into()))?;
        write_durably(&self.folder, &path, &bytes, reached).map_err(failed)?;
        self.next_generation += 1;
        self.forget_oldest();
        Ok(entry)
    }

    /// Old generations only serve curiosity, so that a failure here is no failure of the acceptance.
    fn forget_oldest(&self) {
        let Ok(kept) = self.generations() else { return };
        for generation in kept.iter().take(kept.len().saturating_sub(KEPT_GENERATIONS)) {
            if let Err(cause) = fs::remove_file(self.path(*generation)) {
                tracing::warn!(generation, %cause, "could not forget an old generation");
            }
        }
    }

    fn read(&self, generation: u64) -> Result<(Entry, Document), String> {
        let Record { entry, document } = self.record(generation)?;
        let document =
            Document::parse(&document).map_err(|problems| format!("is refused by this build: {problems}"))?;
        if document.digest != entry.digest {
            return Err("is damaged: its digest does not match".to_owned());
        }
        Ok((entry, document))
    }

    fn record(&self, generation: u64) -> Result<Record, String> {
        let text = fs::read(self.path(generation)).map_err(|cause| format!("cannot be read: {cause}"))?;
        serde_json::from_slice(&text).map_err(|cause| format!("is damaged: {cause}"))
    }

    fn generations(&self) -> Result<Vec<u64>, LedgerError> {
        generations(&self.folder).map_err(|cause| LedgerError::Open { path: self.folder.clone(), cause })
    }

    fn path(&self, generation: u64) -> PathBuf {
        self.folder.join(format!("{generation:010}{SUFFIX}"))
    }
}

/// Ascending.
fn generations(folder: &Path) -> io::Result<Vec<u64>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let name = entry?.file_name();
        let digits = name.to_str().and_then(|name| name.strip_suffix(SUFFIX));
        let number: Option<u64> = digits.and_then(|digits| digits.parse().ok());
        found.extend(number);
    }
    found.sort_unstable();
    Ok(found)
}

/// Moments at which the machine may stop; tests stop it at each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Moment {
    Created,
    HalfWritten,
    Written,
    Synced,
    Renamed,
}

type Reached<'a> = dyn FnMut(Moment) -> io::Result<()> + 'a;

fn write_durably(folder: &Path, path: &Path, bytes: &[u8], reached: &mut Reached<'_>) -> io::Result<()> {
    let temporary = folder.join(TEMPORARY);
    let mut file = File::create(&temporary)?;
    reached(Moment::Created)?;
    let (first, second) = bytes.split_at(bytes.len() / 2);
    file.write_all(first)?;
    reached(Moment::HalfWritten)?;
    file.write_all(second)?;
    reached(Moment::Written)?;
    file.sync_all()?;
    reached(Moment::Synced)?;
    fs::rename(&temporary, path)?;
    reached(Moment::Renamed)?;
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

    use super::*;

    fn document(name: &str) -> Document {
        let mut settings = nixcast_schema::Settings::default();
        name.clone_into(&mut settings.instance.name);
        Document::parse(&serde_json::to_string(&settings).unwrap()).unwrap()
    }

    fn origin() -> Origin {
        Origin { path: None, store_path: None, is_handed_in: false, source_content: None }
    }

    fn last_name(ledger: &Ledger) -> Option<String> {
        ledger.remember().unwrap().last_good.map(|(_, document)| document.settings.instance.name)
    }

    #[test]
    fn a_new_ledger_remembers_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let ledger = Ledger::open(folder.path()).unwrap();
        assert!(ledger.remember().unwrap().last_good.is_none());
    }

    #[test]
    fn generations_go_on_after_a_restart_and_old_ones_are_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        for round in 1..=60_u64 {
            let mut ledger = Ledger::open(folder.path()).unwrap();
            assert_eq!(ledger.accept(&document("a"), origin(), 5).unwrap().generation, round);
        }
        let kept = Ledger::open(folder.path()).unwrap().history().unwrap();
        assert_eq!((kept.len(), kept[0].generation), (KEPT_GENERATIONS, 11));
    }

    #[test]
    fn a_crash_leaves_the_old_or_the_new_generation() {
        let moments = [Moment::Created, Moment::HalfWritten, Moment::Written, Moment::Synced, Moment::Renamed];
        for crash in moments {
            let folder = tempfile::tempdir().unwrap();
            let mut ledger = Ledger::open(folder.path()).unwrap();
            ledger.accept(&document("old"), origin(), 1).unwrap();
            let crashed = ledger.accept_with(&document("new"), origin(), 2, &mut |moment| {
                if moment == crash { Err(io::Error::other("power cut")) } else { Ok(()) }
            });
            assert!(crashed.is_err());
            drop(ledger);

            let mut ledger = Ledger::open(folder.path()).unwrap();
            let want = if crash == Moment::Renamed { "new" } else { "old" };
            assert_eq!(last_name(&ledger).as_deref(), Some(want), "after {crash:?}");
            ledger.accept(&document("newer"), origin(), 3).unwrap();
            assert_eq!(last_name(&ledger).as_deref(), Some("newer"), "after {crash:?}");
        }
    }

    #[test]
    fn a_damaged_generation_is_skipped_and_named() {
        let folder = tempfile::tempdir().unwrap();
        let mut ledger = Ledger::open(folder.path()).unwrap();
        for name in ["one", "two", "three"] {
            ledger.accept(&document(name), origin(), 1).unwrap();
        }
        fs::write(ledger.path(3), b"{").unwrap();
        let tampered = fs::read_to_string(ledger.path(2)).unwrap().replace("two", "2wo");
        fs::write(ledger.path(2), tampered).unwrap();
        assert_eq!(last_name(&ledger).as_deref(), Some("one"));
        assert_eq!(ledger.remember().unwrap().skipped.len(), 2);
        drop(ledger);
        assert_eq!(Ledger::open(folder.path()).unwrap().next_generation, 4, "a number is never used twice");
    }

    #[test]
    fn a_second_agent_is_kept_out() {
        let folder = tempfile::tempdir().unwrap();
        let _first = Ledger::open(folder.path()).unwrap();
        assert!(matches!(Ledger::open(folder.path()), Err(LedgerError::InUse { .. })));
    }
}
