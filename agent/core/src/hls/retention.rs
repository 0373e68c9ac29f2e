//! Which bytes the engine must keep.

use std::collections::{BTreeMap, BTreeSet};

use super::uri::Uri;
use super::window::{Content, Window};

/// Why and how long one address stays fetchable.
#[derive(Clone, Copy, Debug)]
struct Hold {
    /// How long after it was last listed, milliseconds.
    hold_ms: i64,
    unlisted_since_ms: Option<i64>,
}

/// Every address handed out and not yet freed.
///
/// A segment stays fetchable after it left its playlists for its own duration and that of the longest playlist that
/// listed it (RFC 8216bis section 6.2.2), for players that work from an older copy; an init section likewise. The
/// parts of a segment are pieces of its bytes and stay as long as it does.
#[derive(Clone, Debug, Default)]
pub(super) struct Retention {
    held: BTreeMap<Uri, Hold>,
}

impl Retention {
    /// Keeps `uri`, and for at least `hold_us` after it is last listed.
    pub(super) fn keep(&mut self, uri: &Uri, hold_us: i64) {
        // Rounded up: a second too long costs memory, a moment too short costs a viewer.
        let hold_ms = hold_us / 1000 + 1;
        if let Some(hold) = self.held.get_mut(uri) {
            hold.hold_ms = hold.hold_ms.max(hold_ms);
        } else {
            self.held.insert(uri.clone(), Hold { hold_ms, unlisted_since_ms: None });
        }
    }

    /// Keeps everything `window` lists now, for long enough after it no longer does.
    pub(super) fn keep_listed(&mut self, window: &Window) {
        for entry in window.all() {
            if let Content::Segment { uri, map, .. } = &entry.content {
                let hold_us = entry.span.duration_us.saturating_add(window.listed_us());
                self.keep(uri, hold_us);
                self.keep(map, hold_us);
            }
        }
    }

    /// Frees what is not in `listed` and has not been for long enough.
    pub(super) fn sweep(&mut self, listed: &BTreeSet<&Uri>, now_ms: i64) -> Vec<Uri> {
        for (uri, hold) in &mut self.held {
            hold.unlisted_since_ms =
                if listed.contains(uri) { None } else { Some(hold.unlisted_since_ms.unwrap_or(now_ms)) };
        }
        let is_over = |hold: &Hold| hold.unlisted_since_ms.is_some_and(|since| now_ms - since >= hold.hold_ms);
        self.held.extract_if(.., |_, hold| is_over(hold)).map(|(uri, _)| uri).collect()
    }

    /// Everything held.
    pub(super) fn uris(&self) -> impl Iterator<Item = &Uri> {
        self.held.keys()
    }
}
