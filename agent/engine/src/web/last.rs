//! When the running broadcast began, or the last one, for those who come between two. Known since the engine started.

use tokio::sync::watch;

use super::view::BroadcastView;
use crate::tasks;

/// Follows `live` for as long as it lasts; seconds since 1970.
pub(crate) fn began(mut live: watch::Receiver<Option<BroadcastView>>) -> watch::Receiver<Option<i64>> {
    let (began, told) = watch::channel(None);
    tasks::spawn("last-began", async move {
        loop {
            let started_at = live.borrow_and_update().as_ref().map(|broadcast| broadcast.started_at);
            if started_at.is_some() {
                began.send_replace(started_at);
            }
            if live.changed().await.is_err() {
                return;
            }
        }
    });
    told
}
