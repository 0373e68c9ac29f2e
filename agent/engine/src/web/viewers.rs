//! How many watch: the clients that fetched a media playlist of the running broadcast a moment ago.
//!
//! A client is an address with a user agent, kept only as a keyed hash: the key is random, new for each broadcast and
//! never written down, and an entry goes when its client does. Two people behind one address with the same browser
//! count as one, as they do in Owncast.

use std::collections::hash_map::RandomState;
use std::collections::{BTreeSet, HashMap};
use std::hash::BuildHasher;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};

use super::view::BroadcastView;
use crate::tasks;

/// Clients remembered at once, about 5 MiB. Whoever would leave first makes room for one more.
const MOST_VIEWERS: usize = 50_000;

/// Target durations after which a client that fetched nothing has left. A player asks for a playlist once in one of
/// them, or in one and a half when it came too early (RFC 8216bis, section 6.3.4), so one lost answer is forgiven.
const TARGETS_MISSED: u32 = 3;

/// Least time until a client has left: a connection may stall for some seconds while the player's buffer plays on.
/// Owncast waits 15 s whatever the segments.
const LEAST_STAY: Duration = Duration::from_secs(12);

/// Between two figures that open pages are told: each is a message to every one of them.
const TOLD_EVERY: Duration = Duration::from_secs(2);

/// Counts viewers. Clones count together.
#[derive(Clone, Debug, Default)]
pub(crate) struct Viewers(Arc<Mutex<Audience>>);

impl Viewers {
    /// A client asked for a media playlist of `broadcast` at `now`; `target_s` is its target duration. One that waits
    /// for its answer is counted meanwhile, because no answer takes longer than three target durations.
    pub(crate) fn saw(&self, broadcast: &str, client: (IpAddr, &[u8]), target_s: u64, now: Instant) {
        let mut audience = self.lock();
        audience.attend(broadcast);
        let client = audience.key.hash_one(client);
        audience.keep(client, now, now + stay(target_s));
    }

    /// Who watches `broadcast` at `now`.
    pub(crate) fn count(&self, broadcast: &str, now: Instant) -> usize {
        let mut audience = self.lock();
        audience.attend(broadcast);
        audience.dismiss(now);
        audience.leaving.len()
    }

    /// The most viewers at once since `broadcast` began.
    pub(crate) fn peak(&self, broadcast: &str) -> usize {
        let mut audience = self.lock();
        audience.attend(broadcast);
        audience.peak
    }

    /// Counts the viewers of `live` again and again. None while nobody publishes.
    pub(crate) fn follow(&self, mut live: watch::Receiver<Option<BroadcastView>>) -> watch::Receiver<Option<usize>> {
        let (count, told) = watch::channel(None);
        let viewers = self.clone();
        tasks::spawn("viewers", async move {
            let mut ticks = interval(TOLD_EVERY);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            while live.has_changed().is_ok() {
                ticks.tick().await;
                let broadcast = live.borrow_and_update().as_ref().map(|broadcast| broadcast.id.clone());
                let now = broadcast.map(|broadcast| viewers.count(&broadcast, Instant::now()));
                if now.is_none() {
                    viewers.forget();
                }
                count.send_if_modified(|before| std::mem::replace(before, now) != now);
            }
        });
        told
    }

    /// The broadcast is over, and nobody is remembered.
    fn forget(&self) {
        *self.lock() = Audience::default();
    }

    /// Locked for the length of one entry, never across an await.
    fn lock(&self) -> MutexGuard<'_, Audience> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The viewers of one broadcast.
#[derive(Debug, Default)]
struct Audience {
    broadcast: String,
    key: RandomState,
    /// When each client has left, unless it is seen again.
    stays: HashMap<u64, Instant>,
    /// The same, first to leave first.
    leaving: BTreeSet<(Instant, u64)>,
    peak: usize,
}

impl Audience {
    /// Another broadcast has another audience, and another key.
    fn attend(&mut self, broadcast: &str) {
        if self.broadcast != broadcast {
            *self = Self { broadcast: broadcast.to_owned(), ..Self::default() };
        }
    }

    fn keep(&mut self, client: u64, now: Instant, until: Instant) {
        self.dismiss(now);
        let until = match self.stays.get(&client) {
            Some(&already) => {
                self.leaving.remove(&(already, client));
                already.max(until)
            }
            None => {
                if self.stays.len() >= MOST_VIEWERS {
                    self.dismiss_first();
                }
                until
            }
        };
        self.stays.insert(client, until);
        self.leaving.insert((until, client));
        self.peak = self.peak.max(self.stays.len());
    }

    fn dismiss(&mut self, now: Instant) {
        while self.leaving.first().is_some_and(|(until, _client)| *until <= now) {
            self.dismiss_first();
        }
    }

    fn dismiss_first(&mut self) {
        if let Some((_until, client)) = self.leaving.pop_first() {
            self.stays.remove(&client);
        }
    }
}

/// How long whoever asked for a media playlist of this target duration counts as a viewer.
fn stay(target_s: u64) -> Duration {
    LEAST_STAY.max(Duration::from_secs(target_s).saturating_mul(TARGETS_MISSED))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    const SHORT: u64 = 2;
    const LONG: u64 = 9;

    fn client(last: u8) -> (IpAddr, &'static [u8]) {
        (IpAddr::from([192, 0, 2, last]), b"player/1")
    }

    #[test]
    fn a_viewer_is_an_address_with_a_user_agent() {
        let (viewers, now) = (Viewers::default(), Instant::now());
        for _again in 0..3 {
            viewers.saw("a", client(1), SHORT, now);
            viewers.saw("a", client(2), SHORT, now);
            viewers.saw("a", (client(1).0, b"player/2"), SHORT, now);
        }
        assert_eq!((viewers.count("a", now), viewers.peak("a")), (3, 3));
    }

    #[test]
    fn whoever_stops_fetching_has_left_after_three_target_durations_and_not_before_twelve_seconds() {
        for (target_s, stay) in [(SHORT, 12), (LONG, 27)] {
            let (viewers, now) = (Viewers::default(), Instant::now());
            viewers.saw("a", client(1), target_s, now);
            let at = |ms| now + Duration::from_millis(ms);
            assert_eq!(viewers.count("a", at(stay * 1000 - 1)), 1, "{target_s}");
            assert_eq!(viewers.count("a", at(stay * 1000)), 0, "{target_s}");
            assert_eq!(viewers.peak("a"), 1, "the peak stays");
        }
    }

    #[test]
    fn fetching_sound_does_not_shorten_the_stay_a_long_picture_gave() {
        let (viewers, now) = (Viewers::default(), Instant::now());
        viewers.saw("a", client(1), LONG, now);
        viewers.saw("a", client(1), SHORT, now + Duration::from_secs(1));
        assert_eq!(viewers.count("a", now + Duration::from_secs(26)), 1);
    }

    #[test]
    fn a_new_broadcast_begins_with_nobody_and_another_key() {
        let (viewers, now) = (Viewers::default(), Instant::now());
        viewers.saw("a", client(1), SHORT, now);
        let hash = |viewers: &Viewers| viewers.lock().key.hash_one(client(1));
        let before = hash(&viewers);
        assert_eq!((viewers.count("b", now), viewers.peak("b")), (0, 0));
        assert_ne!(hash(&viewers), before);
        viewers.saw("b", client(1), SHORT, now);
        viewers.forget();
        assert_eq!((viewers.count("b", now), viewers.lock().stays.len()), (0, 0));
    }

    #[test]
    fn the_table_is_bounded_and_who_would_leave_first_makes_room() {
        let (viewers, now) = (Viewers::default(), Instant::now());
        let first = (IpAddr::from([127, 0, 0, 1]), &b"first"[..]);
        viewers.saw("a", first, SHORT, now);
        for number in 0..u32::try_from(MOST_VIEWERS).unwrap() {
            viewers.saw("a", (IpAddr::from(number.to_be_bytes()), b""), SHORT, now + Duration::from_secs(1));
        }
        assert_eq!((viewers.count("a", now), viewers.lock().stays.len()), (MOST_VIEWERS, MOST_VIEWERS));
        let key = viewers.lock().key.hash_one(first);
        assert!(!viewers.lock().stays.contains_key(&key));
    }
}
