//! What the engine has counted since its start, for `/metrics`.
//!
//! One set for the process, like the process's own CPU time: whoever sees something happen counts it where it happens,
//! and nothing is decided by these numbers.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// A number that only grows, until the engine ends.
#[derive(Debug)]
pub(crate) struct Count(AtomicU64);

impl Count {
    const fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    pub(crate) fn add(&self, more: u64) {
        self.0.fetch_add(more, Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// How many of something there are now.
#[derive(Debug)]
pub(crate) struct Gauge(AtomicUsize);

impl Gauge {
    /// One more, until the answer is dropped.
    pub(crate) fn enter(&'static self) -> Entered {
        self.0.fetch_add(1, Ordering::Relaxed);
        Entered(self)
    }

    pub(crate) fn get(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

/// One of what a [`Gauge`] counts.
#[derive(Debug)]
pub(crate) struct Entered(&'static Gauge);

impl Drop for Entered {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// HTTP connections that are open.
pub(crate) static HTTP_CONNECTIONS: Gauge = Gauge(AtomicUsize::new(0));

/// Bytes received on RTMP connections, admitted or not.
pub(crate) static INGEST_BYTES: Count = Count::new();
/// Pictures received from admitted publishers.
pub(crate) static INGEST_PICTURES: Count = Count::new();
/// Sound frames received from admitted publishers.
pub(crate) static INGEST_SOUND_FRAMES: Count = Count::new();
/// Publishers that were let in.
pub(crate) static SESSIONS_ADMITTED: Count = Count::new();
/// Publishers that were refused.
pub(crate) static SESSIONS_REFUSED: Count = Count::new();
/// Publishers that came back to their broadcast, or took over from a connection of their own.
pub(crate) static RESUMES: Count = Count::new();
/// Broadcasts that went on air, which is when their first segments could be fetched.
pub(crate) static BROADCASTS: Count = Count::new();
/// Segments put into playlists, of pictures and of sound.
pub(crate) static SEGMENTS: Count = Count::new();
/// Parts of segments put into playlists, of pictures and of sound.
pub(crate) static PARTS: Count = Count::new();
/// Units dropped because the worker's queue was full.
pub(crate) static UNITS_DROPPED: Count = Count::new();
/// Workers that ended without having been asked to.
pub(crate) static WORKERS_LOST: Count = Count::new();
/// Logins refused for a wrong name or password.
pub(crate) static LOGINS_FAILED: Count = Count::new();
/// Requests for settings to be applied.
pub(crate) static APPLIES: Count = Count::new();

/// HTTP answers by the first digit of their status, from 1 to 5.
static ANSWERS: [Count; 5] = [const { Count::new() }; 5];

/// Counts an answer with this HTTP status.
pub(crate) fn answered(status: u16) {
    if let Some(count) = usize::from(status / 100).checked_sub(1).and_then(|class| ANSWERS.get(class)) {
        count.add(1);
    }
}

/// Classes of HTTP status ("2xx") and how many answers had one.
pub(crate) fn answers() -> impl Iterator<Item = (&'static str, u64)> {
    ["1xx", "2xx", "3xx", "4xx", "5xx"].into_iter().zip(ANSWERS.iter().map(Count::get))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_counted_by_class() {
        let class = |name: &str| answers().find(|(class, _)| *class == name).map(|(_, count)| count);
        let before = class("4xx");
        for status in [404, 499, 99, 600, 0] {
            answered(status);
        }
        assert_eq!(class("4xx"), before.map(|count| count + 2));
    }
}
