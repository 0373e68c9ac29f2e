//! How far each playlist has come, for those who wait.
//!
//! One `watch` value a playlist: whoever waits for a part of one rung is not woken by the others, and waking costs a
//! comparison, not a playlist.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use nixcast_core::hls::{Edge, Moment, Presentation, Track};
use tokio::sync::watch;
use tokio::time::timeout;

/// Clones share their values.
#[derive(Clone, Debug, Default)]
pub(crate) struct Edges(Arc<Mutex<BTreeMap<Track, watch::Sender<Edge>>>>);

impl Edges {
    /// Tells those who wait how far `presentation` is. Playlists it no longer has are waited for no more.
    pub(super) fn announce(&self, presentation: &Presentation) {
        let mut edges = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (track, edge) in presentation.edges() {
            match edges.get(track) {
                Some(told) => {
                    told.send_if_modified(|before| std::mem::replace(before, edge) != edge);
                }
                None => {
                    edges.insert(track.clone(), watch::Sender::new(edge));
                }
            }
        }
        let is_there = |track: &Track| presentation.edges().any(|(known, _)| known == track);
        edges.retain(|track, _| is_there(track));
    }

    /// Another broadcast begins, or none: nobody waits for the old one.
    pub(super) fn clear(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Waits until the playlist of `track` has come to `moment`, has ended or is gone. False if none of it happened
    /// `within` that time.
    pub(crate) async fn wait(&self, track: &Track, moment: Moment, within: Duration) -> bool {
        let edge = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(track).map(watch::Sender::subscribe);
        let Some(mut edge) = edge else { return true };
        // An error says that the playlist is gone.
        timeout(within, edge.wait_for(|edge| edge.has(moment))).await.is_ok()
    }
}
