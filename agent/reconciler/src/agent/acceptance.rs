//! Which document counts: the last one that was good, made durable before anything is done about it.

use std::time::Duration;

use crate::document::{Document, sha256_hex};
use crate::ledger::{Entry, Ledger, LedgerError, Origin};
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
        Ok(Self { ledger, accepted, seen, refusal: None })
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

    pub(super) fn history(&self) -> Result<Vec<Entry>, LedgerError> {
        self.ledger.history()
    }

    /// Takes what the source holds now. True if that changed what counts or why it does not.
    pub(super) fn take_source(&mut self, content: Result<Content, Refusal>, source: &Source) -> bool {
        let before = (self.generation(), self.refusal.clone());
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
                let origin = Origin {
                    path: Some(source.path().to_owned()),
                    store_path: source.store_path(),
                    is_handed_in: false,
                    source_content: Some(content.hash),
                };
                self.accept(&content.text, origin).err()
            }
        };
        let after = (self.generation(), self.refusal.clone());
        if after.1 != before.1 {
            self.log_refusal();
        }
        after != before
    }

    /// Takes a document handed in by a command.
    pub(super) fn take_handed_in(&mut self, document: HandedIn) -> Result<(), Refusal> {
        let HandedIn { text, path, store_path } = document;
        let origin = Origin { path, store_path, is_handed_in: true, source_content: self.seen.clone() };
        self.accept(&text, origin)
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
        if self.accepted.as_ref().is_some_and(|(entry, _)| entry.digest == document.digest) {
            return Ok(());
        }
        let now = jiff::Timestamp::now().as_second();
        let entry = self.ledger.accept(&document, origin, now).map_err(|error| Refusal::not_durable(&error))?;
        tracing::info!(generation = entry.generation, digest = %entry.digest, reason = "SettingsAccepted", "accepted settings");
        self.accepted = Some((entry, document));
        Ok(())
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
