//! When the last broadcast began and ended, for those who come between two.
//!
//! Known since the engine started; what it remembers over a restart is the broadcast that still waits for its publisher.

use tokio::sync::watch;

use super::view::BroadcastView;
use crate::broadcast::unix_millis;
use crate::tasks;

/// Seconds since 1970.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Last {
    /// Of the running broadcast, or of the last one.
    pub(crate) began: Option<i64>,
    /// Of the last one that is over.
    pub(crate) ended: Option<i64>,
}

impl Last {
    fn turn(&mut self, live: Option<&BroadcastView>, was_live: bool, now: i64) {
        match live {
            Some(broadcast) => self.began = Some(broadcast.started_at),
            None if was_live => self.ended = Some(now),
            None => {}
        }
    }
}

/// Follows `live` for as long as it lasts.
pub(crate) fn follow(mut live: watch::Receiver<Option<BroadcastView>>) -> watch::Receiver<Last> {
    let (last, told) = watch::channel(Last::default());
    tasks::spawn("last-broadcast", async move {
        let mut was_live = false;
        loop {
            let now = live.borrow_and_update().clone();
            last.send_modify(|last| last.turn(now.as_ref(), was_live, unix_millis() / 1000));
            was_live = now.is_some();
            if live.changed().await.is_err() {
                return;
            }
        }
    });
    told
}

#[cfg(test)]
mod tests {
    use super::*;

    fn broadcast(started_at: i64) -> BroadcastView {
        BroadcastView {
            id: "0".to_owned(),
            started_at,
            reconnecting: None,
            playlist: String::new(),
            ladder_revision: 0,
            variants: Vec::new(),
        }
    }

    #[test]
    fn the_last_end_stays_while_the_next_broadcast_runs() {
        let mut last = Last::default();
        last.turn(None, false, 5);
        assert_eq!(last, Last::default());
        last.turn(Some(&broadcast(10)), false, 11);
        last.turn(None, true, 20);
        assert_eq!(last, Last { began: Some(10), ended: Some(20) });
        last.turn(Some(&broadcast(30)), false, 31);
        assert_eq!(last, Last { began: Some(30), ended: Some(20) });
    }
}
