//! What became of accepted generations, and which documents were refused.
//!
//! One small file beside the generations. It has no say in which document runs. If it is lost, history says that it does
//! not know, and what differs when an agent starts counts as a change and not as drift.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::durable::{self, Points, Reached};
use super::history::{HeldObject, RefusedDocument};
use crate::crash::Point;

const NAME: &str = "journal";

/// Refused documents kept for `nixcast history`.
const KEPT_REFUSALS: usize = 50;

pub(super) const POINTS: Points = Points {
    created: Point::JournalCreated,
    half_written: Point::JournalHalfWritten,
    written: Point::JournalWritten,
    synced: Point::JournalSynced,
    renamed: Point::JournalRenamed,
    durable: Point::JournalDurable,
};

/// How far a generation has come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "state")]
pub(crate) enum Progress {
    /// The engine ran all of it, for the first time at this moment (seconds since 1970).
    Converged {
        #[serde(with = "crate::moment")]
        at: i64,
        /// The engine process that was last seen to run it.
        #[serde(default)]
        engine_pid: u32,
    },
    /// The engine ran all of it but for these objects, for the first time at this moment.
    Held {
        #[serde(with = "crate::moment")]
        since: i64,
        objects: Vec<HeldObject>,
    },
}

#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Journal {
    /// Nothing is known of generations before this one that have no progress: the journal began later.
    pub(super) begins_with: u64,
    pub(super) progress: BTreeMap<u64, Progress>,
    /// Oldest first.
    pub(super) refusals: Vec<RefusedDocument>,
    #[serde(skip)]
    is_unsaved: bool,
}

impl Journal {
    /// Reads the journal of a ledger whose newest generation is `newest`; one that is missing or damaged begins anew.
    pub(super) fn open(folder: &Path, newest: u64) -> Self {
        let fresh = || Self { begins_with: newest + 1, ..Self::default() };
        let damaged = |cause: &dyn std::fmt::Display| {
            tracing::error!(%cause, "the ledger's journal is damaged: what became of older generations is forgotten");
            fresh()
        };
        match fs::read(folder.join(NAME)) {
            Ok(bytes) => serde_json::from_slice(&bytes).unwrap_or_else(|cause| damaged(&cause)),
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => fresh(),
            Err(cause) => damaged(&cause),
        }
    }

    /// Notes how far a generation has come. What has converged once stays so in history.
    pub(super) fn note_progress(&mut self, generation: u64, progress: Progress) {
        let known = self.progress.get(&generation);
        let news = match (known, progress) {
            (Some(Progress::Converged { .. }), Progress::Held { .. }) => None,
            (Some(Progress::Converged { at, .. }), Progress::Converged { engine_pid, .. }) => {
                Some(Progress::Converged { at: *at, engine_pid })
            }
            (Some(Progress::Held { objects: before, .. }), Progress::Held { objects, .. }) if *before == objects => {
                None
            }
            (_, progress) => Some(progress),
        };
        if let Some(news) = news.filter(|news| known != Some(news)) {
            self.progress.insert(generation, news);
            self.is_unsaved = true;
        }
    }

    /// Notes a refused document; the same one again is counted.
    pub(super) fn note_refusal(&mut self, refused: RefusedDocument) {
        self.is_unsaved = true;
        match self.refusals.last_mut().filter(|last| last.is_same(&refused)) {
            Some(last) => {
                last.last_at = refused.last_at;
                last.times += 1;
            }
            None => {
                self.refusals.push(refused);
                let surplus = self.refusals.len().saturating_sub(KEPT_REFUSALS);
                self.refusals.drain(..surplus);
            }
        }
    }

    /// The newest generation that has run whole.
    pub(super) fn last_converged(&self) -> Option<u64> {
        let converged = |progress: &Progress| matches!(progress, Progress::Converged { .. });
        self.progress.iter().rev().find(|(_, progress)| converged(progress)).map(|(generation, _)| *generation)
    }

    /// Forgets what is known of generations that are forgotten themselves.
    pub(super) fn forget(&mut self, generation: u64) {
        self.is_unsaved |= self.progress.remove(&generation).is_some();
    }

    /// Writes down what is new.
    pub(super) fn save(&mut self, folder: &Path, reached: &mut Reached<'_>) -> io::Result<()> {
        if !self.is_unsaved {
            return Ok(());
        }
        let bytes = serde_json::to_vec_pretty(self)?;
        durable::write(folder, NAME, &bytes, POINTS, reached)?;
        self.is_unsaved = false;
        Ok(())
    }
}
