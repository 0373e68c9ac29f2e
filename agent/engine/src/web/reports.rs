//! What open pages say of how playback goes: whether the picture stood still for want of data.
//!
//! Only our own page reports; other players are viewers of whom nothing is known. What a page says is believed and not
//! checked, so nothing is decided by it: it is shown to the operator, and forgotten with the page. Called by the event
//! socket, of which there are no more than [`super::MOST_PAGES`].

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde::Deserialize;

/// A page that plays reports every ten seconds; one that was silent for longer than two reports take is not counted.
const COUNTED_FOR: Duration = Duration::from_secs(25);

/// How long a page that stood still counts as one in trouble. Owncast forgets errors with each of its rounds, which are
/// two minutes long.
const TROUBLED_FOR: Duration = Duration::from_secs(60);

/// The reports of all open pages. Clones share them.
#[derive(Clone, Debug, Default)]
pub(super) struct Reports {
    pages: Arc<Mutex<HashMap<u64, Report>>>,
    next: Arc<AtomicU64>,
}

#[derive(Clone, Copy, Debug)]
struct Report {
    at: Instant,
    stalled_at: Option<Instant>,
}

/// How playback goes in the pages that say so.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Playback {
    pub(super) reporting: usize,
    /// Of those, the ones whose picture has not stood still lately.
    pub(super) smooth: usize,
}

/// One open page. It is forgotten when this is dropped.
#[derive(Debug)]
pub(super) struct OpenPage {
    reports: Reports,
    number: u64,
}

/// What a page says, as JSON.
#[derive(Debug, Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase")]
enum Said {
    /// It plays, and the picture stood still this often since it last said so.
    Playback { stalls: u32 },
}

impl Reports {
    pub(super) fn open_page(&self) -> OpenPage {
        OpenPage { reports: self.clone(), number: self.next.fetch_add(1, Ordering::Relaxed) }
    }

    pub(super) fn playback(&self, now: Instant) -> Playback {
        let is_recent = |at: Instant, within: Duration| now.saturating_duration_since(at) < within;
        let pages = self.lock();
        let reporting = pages.values().filter(|report| is_recent(report.at, COUNTED_FOR));
        reporting.fold(Playback::default(), |sum, report| Playback {
            reporting: sum.reporting + 1,
            smooth: sum.smooth + usize::from(report.stalled_at.is_none_or(|at| !is_recent(at, TROUBLED_FOR))),
        })
    }

    /// Locked for the length of one entry, never across an await.
    fn lock(&self) -> MutexGuard<'_, HashMap<u64, Report>> {
        self.pages.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl OpenPage {
    /// Takes what the page sent at `now`. What makes no sense is passed over.
    pub(super) fn hear(&self, text: &str, now: Instant) {
        let Ok(Said::Playback { stalls }) = serde_json::from_str(text) else { return };
        let mut pages = self.reports.lock();
        let report = pages.entry(self.number).or_insert(Report { at: now, stalled_at: None });
        report.at = now;
        if stalls > 0 {
            report.stalled_at = Some(now);
        }
    }
}

impl Drop for OpenPage {
    fn drop(&mut self) {
        self.reports.lock().remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn playback(reporting: usize, smooth: usize) -> Playback {
        Playback { reporting, smooth }
    }

    fn told(stalls: u32) -> String {
        format!("{{\"kind\":\"playback\",\"stalls\":{stalls}}}")
    }

    #[test]
    fn a_page_that_stood_still_is_in_trouble_for_a_minute() {
        let (reports, now) = (Reports::default(), Instant::now());
        let at = |seconds| now + Duration::from_secs(seconds);
        let [one, other] = [reports.open_page(), reports.open_page()];
        one.hear(&told(0), now);
        other.hear(&told(2), now);
        assert_eq!(reports.playback(now), playback(2, 1));
        for seconds in (10..60).step_by(10) {
            one.hear(&told(0), at(seconds));
            other.hear(&told(0), at(seconds));
            assert_eq!(reports.playback(at(seconds)), playback(2, 1));
        }
        assert_eq!(reports.playback(at(60)), playback(2, 2));
    }

    #[test]
    fn who_is_silent_or_gone_or_makes_no_sense_is_not_counted() {
        let (reports, now) = (Reports::default(), Instant::now());
        let page = reports.open_page();
        for nonsense in ["", "{}", "[]", "{\"kind\":\"playback\"}", "{\"kind\":\"playback\",\"stalls\":-1}", "stalls"] {
            page.hear(nonsense, now);
        }
        assert_eq!(reports.playback(now), playback(0, 0));
        page.hear(&told(0), now);
        assert_eq!(reports.playback(now + COUNTED_FOR), playback(0, 0), "a viewer who paused says nothing");
        assert_eq!(reports.playback(now), playback(1, 1));
        drop(page);
        assert_eq!(reports.playback(now), playback(0, 0));
        assert!(reports.lock().is_empty());
    }
}
