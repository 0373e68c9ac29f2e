//! The accepted documents, durable: what the agent runs when its source is refused, missing or not there yet.
//!
//! Each generation is one file, complete the moment it carries its name. The highest readable one is the last good one;
//! there is no pointer that could disagree. What became of each stands in a journal beside them, which has no say in
//! which document runs. Called by the agent's loop only; a lock keeps a second agent out.

mod durable;
mod history;
mod journal;

#[cfg(test)]
mod tests;

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::crash::{self, Point};
use crate::document::Document;
use durable::{Points, Reached};
pub use history::{GenerationOutcome, HeldObject, HistoryEvent, RefusedDocument};
use journal::Journal;
pub(crate) use journal::Progress;

/// Generations kept for `nixcast history` and `nixcast diff`. The last one that converged is kept besides, should it be
/// older than these.
const KEPT_GENERATIONS: usize = 50;

const SUFFIX: &str = ".json";

const POINTS: Points = Points {
    created: Point::GenerationCreated,
    half_written: Point::GenerationHalfWritten,
    written: Point::GenerationWritten,
    synced: Point::GenerationSynced,
    renamed: Point::GenerationRenamed,
    durable: Point::GenerationDurable,
};

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
    /// Seconds since 1970; RFC 3339 in JSON.
    #[serde(with = "crate::moment")]
    pub accepted_at: i64,
    pub digest: String,
    pub origin: Origin,
    /// The newest earlier generation with the same digest: accepting this one went back to it.
    #[serde(default)]
    pub same_as: Option<u64>,
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
    journal: Journal,
    /// Why the journal could not be written last time, said once.
    unwritten: Option<String>,
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
        let journal = Journal::open(folder, newest);
        Ok(Self { folder: folder.to_owned(), next_generation: newest + 1, journal, unwritten: None, _lock: lock })
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
        self.accept_with(document, origin, now, &mut passed)
    }

    /// Everything kept, oldest first.
    pub fn history(&self) -> Result<Vec<HistoryEvent>, LedgerError> {
        let kept = self.generations()?;
        let entry = |generation| self.record(generation).map(|record| record.entry);
        let entries = kept.into_iter().map(|generation| (generation, entry(generation))).collect();
        Ok(history::told(entries, &self.journal))
    }

    /// One generation's document as it was accepted; none: the newest. The error completes "generation 7 …".
    pub fn document(&self, generation: Option<u64>) -> Result<(Entry, String), String> {
        let newest = || self.next_generation.saturating_sub(1);
        let generation = generation.unwrap_or_else(newest);
        if !self.path(generation).exists() {
            return Err(format!("generation {generation} is not kept; nixcast history lists those that are"));
        }
        let told = |reason| format!("generation {generation} {reason}");
        self.record(generation).map(|Record { entry, document }| (entry, document)).map_err(told)
    }

    /// The engine process that was last seen to run all of a generation.
    pub(crate) fn ran_whole_on(&self, generation: u64) -> Option<u32> {
        match self.journal.progress.get(&generation) {
            Some(Progress::Converged { engine_pid, .. }) => Some(*engine_pid),
            Some(Progress::Held { .. }) | None => None,
        }
    }

    /// Notes how far a generation has come.
    pub(crate) fn note_progress(&mut self, generation: u64, progress: Progress) {
        self.journal.note_progress(generation, progress);
        self.save_journal();
    }

    /// Notes a document that was not accepted.
    pub(crate) fn note_refusal(&mut self, refused: RefusedDocument) {
        self.journal.note_refusal(refused);
        self.save_journal();
    }

    /// Why history is not being written down.
    pub(crate) fn trouble(&self) -> Option<&str> {
        self.unwritten.as_deref()
    }

    /// Tries again whatever could not be written down. A failure costs history and nothing else.
    pub(crate) fn save_journal(&mut self) {
        let saved = self.journal.save(&self.folder, &mut passed);
        let reason = saved.err().map(|cause| format!("{}: {cause}", self.folder.display()));
        if let Some(reason) = reason.as_ref().filter(|reason| self.unwritten.as_ref() != Some(reason)) {
            tracing::warn!(%reason, "history cannot be written down");
        }
        self.unwritten = reason;
    }

    fn accept_with(
        &mut self,
        document: &Document,
        origin: Origin,
        now: i64,
        reached: &mut Reached<'_>,
    ) -> Result<Entry, LedgerError> {
        let entry = Entry {
            generation: self.next_generation,
            accepted_at: now,
            digest: document.digest.clone(),
            origin,
            same_as: self.newest_with(&document.digest),
        };
        let record = Record { entry: entry.clone(), document: document.text.clone() };
        let failed = |cause| LedgerError::Write { path: self.path(entry.generation), cause };
        let bytes = serde_json::to_vec_pretty(&record).map_err(|error| failed(error.into()))?;
        durable::write(&self.folder, &name(entry.generation), &bytes, POINTS, reached).map_err(failed)?;
        self.next_generation += 1;
        self.forget_oldest();
        crash::reached(Point::OldestForgotten);
        Ok(entry)
    }

    fn newest_with(&self, digest: &str) -> Option<u64> {
        let kept = self.generations().ok()?;
        kept.into_iter()
            .rev()
            .find(|generation| self.record(*generation).is_ok_and(|record| record.entry.digest == digest))
    }

    /// Old generations only serve curiosity, so that a failure here is no failure of the acceptance.
    fn forget_oldest(&mut self) {
        let Ok(kept) = self.generations() else { return };
        let surplus = kept.len().saturating_sub(KEPT_GENERATIONS);
        let last_converged = self.journal.last_converged();
        for generation in kept.into_iter().take(surplus).filter(|generation| Some(*generation) != last_converged) {
            match fs::remove_file(self.path(generation)) {
                Ok(()) => self.journal.forget(generation),
                Err(cause) => tracing::warn!(generation, %cause, "could not forget an old generation"),
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
        self.folder.join(name(generation))
    }
}

/// Goes on, unless a test wants the agent to end here.
fn passed(point: Point) -> io::Result<()> {
    crash::reached(point);
    Ok(())
}

fn name(generation: u64) -> String {
    format!("{generation:010}{SUFFIX}")
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
