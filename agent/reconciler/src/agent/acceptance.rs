//! Which document counts: the last one that was good, made durable before anything is done about it.

use std::time::Duration;

use super::drift::RanWhole;
use crate::crash::{self, Point};
use crate::document::{Document, sha256_hex};
use crate::ledger::{Entry, HistoryEvent, Ledger, LedgerError, Origin, Progress, RefusedDocument};
use crate::protocol::HandedIn;
use crate::report::{Refusal, RefusalReason};
use crate::source::{Content, Source};

/// Until a document says otherwise.
const FIRST_INTERVAL: Duration = Duration::from_secs(30);

pub(super) struct Acceptance {
    ledger: Ledger,
    accepted: Option<(Entry, Document)>,
    /// Hash of the content last taken from the source, good or not.
    seen: Option<String>,
    /// Why the source's content is not what counts.
    refusal: Option<Refusal>,
    /// Accepted generations that cannot be used and that no newer one has replaced, each with its reason.
    damaged: Vec<String>,
}

impl Acceptance {
    /// Remembers the last good document.
    pub(super) fn boot(ledger: Ledger) -> Result<Self, LedgerError> {
        let remembered = ledger.remember()?;
        for reason in &remembered.skipped {
            tracing::error!(%reason, "an accepted generation cannot be used; an older one takes its place");
        }
        let accepted = remembered.last_good;
        if let Some((entry, _)) = &accepted {
            tracing::info!(generation = entry.generation, digest = %entry.digest, "remembered the last good settings");
        }
        // A document that was handed in stands across restarts as long as the source has not changed since.
        let seen = accepted
            .as_ref()
            .filter(|(entry, _)| entry.origin.is_handed_in)
            .and_then(|(entry, _)| entry.origin.source_content.clone());
        Ok(Self { ledger, accepted, seen, refusal: None, damaged: remembered.skipped })
    }

    pub(super) fn accepted(&self) -> Option<(&Entry, &Document)> {
        self.accepted.as_ref().map(|(entry, document)| (entry, document))
    }

    pub(super) fn refusal(&self) -> Option<&Refusal> {
        self.refusal.as_ref()
    }

    pub(super) fn interval(&self) -> Duration {
        self.accepted.as_ref().map_or(FIRST_INTERVAL, |(_, document)| {
            Duration::from_secs(u64::from(document.settings.reconcile.interval_seconds))
        })
    }

    /// A good document that could not be written down is worth another try.
    pub(super) fn wants_source_again(&self) -> bool {
        self.refusal.as_ref().is_some_and(|refusal| refusal.reason == RefusalReason::NotDurable)
    }

    pub(super) fn history(&self) -> Result<Vec<HistoryEvent>, LedgerError> {
        self.ledger.history()
    }

    pub(super) fn document(&self, generation: Option<u64>) -> Result<(Entry, String), String> {
        self.ledger.document(generation)
    }

    /// Where the accepted generation was last seen to run whole.
    pub(super) fn ran_whole(&self) -> Option<RanWhole> {
        let generation = self.generation()?;
        Some(RanWhole { generation, engine_pid: self.ledger.ran_whole_on(generation)? })
    }

    /// What is wrong with the ledger, in sentences.
    pub(super) fn ledger_troubles(&self) -> Vec<String> {
        let damaged = self.damaged.iter().map(|reason| format!("the ledger's {reason}"));
        let unwritten = self.ledger.trouble().map(|reason| format!("history cannot be written down: {reason}"));
        damaged.chain(unwritten).collect()
    }

    /// Notes in the ledger how far the accepted generation has come, if there is anything to say.
    pub(super) fn note_progress(&mut self, progress: Option<Progress>) {
        match (progress, &self.accepted) {
            (Some(progress), Some((entry, _))) => self.ledger.note_progress(entry.generation, progress),
            _ => self.ledger.save_journal(),
        }
    }

    /// Takes what the source holds now. True if that changed what counts or why it does not.
    pub(super) fn take_source(&mut self, content: Result<Content, Refusal>, source: &Source) -> bool {
        let before = (self.generation(), self.refusal.clone());
        let origin = |source_content| Origin {
            path: Some(source.path().to_owned()),
            store_path: source.store_path(),
            is_handed_in: false,
            source_content,
        };
        self.refusal = match content {
            Err(refusal) => {
                // What comes after this is news, even if it is what was there before.
                self.seen = self.seen.take().filter(|_| self.is_handed_in());
                Some(refusal)
            }
            Ok(content) if self.seen.as_ref() == Some(&content.hash) && !self.wants_source_again() => {
                self.refusal.take().filter(|refusal| refusal.reason == RefusalReason::Invalid)
            }
            Ok(content) => {
                self.seen = Some(content.hash.clone());
                self.accept(&content.text, origin(Some(content.hash))).err()
            }
        };
        let after = (self.generation(), self.refusal.clone());
        if after.1 != before.1 {
            self.log_refusal();
            if let Some(refusal) = &after.1 {
                self.note_refusal(refusal, &origin(None));
            }
        }
        after != before
    }

    /// Takes a document handed in by a command.
    pub(super) fn take_handed_in(&mut self, document: HandedIn) -> Result<(), Refusal> {
        let HandedIn { text, path, store_path } = document;
        let origin = Origin { path, store_path, is_handed_in: true, source_content: self.seen.clone() };
        let taken = self.accept(&text, origin.clone());
        if let Err(refusal) = &taken {
            self.note_refusal(refusal, &origin);
        }
        taken
    }

    /// What a plan for the source's content is a plan for.
    pub(super) fn preview(&self, text: &str) -> Result<Document, Refusal> {
        if self.seen.as_deref() == Some(sha256_hex(text.as_bytes()).as_str())
            && self.refusal.is_none()
            && let Some((_, accepted)) = &self.accepted
        {
            return Ok(accepted.clone());
        }
        Document::parse(text).map_err(Refusal::of_problems)
    }

    fn accept(&mut self, text: &str, origin: Origin) -> Result<(), Refusal> {
        let document = Document::parse(text).map_err(Refusal::of_problems)?;
        crash::reached(Point::Parsed);
        if self.accepted.as_ref().is_some_and(|(entry, _)| entry.digest == document.digest) {
            return Ok(());
        }
        let now = jiff::Timestamp::now().as_second();
        let entry = self.ledger.accept(&document, origin, now).map_err(|error| Refusal::not_durable(&error))?;
        tracing::info!(generation = entry.generation, digest = %entry.digest, reason = "SettingsAccepted", "accepted settings");
        self.accepted = Some((entry, document));
        self.damaged.clear();
        Ok(())
    }

    fn note_refusal(&mut self, refusal: &Refusal, origin: &Origin) {
        let now = jiff::Timestamp::now().as_second();
        let kept = self.generation().unwrap_or_default();
        self.ledger.note_refusal(RefusedDocument::new(refusal, origin, kept, now));
    }

    fn generation(&self) -> Option<u64> {
        self.accepted.as_ref().map(|(entry, _)| entry.generation)
    }

    fn is_handed_in(&self) -> bool {
        self.accepted.as_ref().is_some_and(|(entry, _)| entry.origin.is_handed_in)
    }

    fn log_refusal(&self) {
        match (&self.refusal, self.generation()) {
            (None, _) => tracing::info!("the source is good again"),
            (Some(refusal), None) => {
                tracing::error!(%refusal, "the settings are refused; nothing was ever accepted, so nothing runs");
            }
            (Some(refusal), Some(generation)) => {
                tracing::error!(%refusal, generation, "the settings are refused; the last good ones go on running");
            }
        }
    }
}
