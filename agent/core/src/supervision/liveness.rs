//! Whether a worker that is given pictures still has a word to say.

use std::time::Duration;

use crate::ladder::LatencyLevel;

/// How much earlier than after two segments a worker is given up: one look at it, so that two segments are enough.
const ONE_LOOK: Duration = Duration::from_millis(250);

/// How long a new worker may take to its first word: a program has to be loaded, from a slow disk on a busy machine.
const FIRST_WORD: Duration = Duration::from_secs(10);

/// Most time that one look stands for. A machine that was asleep, or too busy to look, says nothing of its worker.
const LONGEST_LOOK: Duration = Duration::from_millis(500);

/// A worker's silence. It reports once a second as long as it reads pictures, and gives back encoded ones in between,
/// so silence counts only while it is being fed: a publisher that stalls leaves nothing to say.
#[derive(Clone, Debug, Default)]
pub struct Liveness {
    has_spoken: bool,
    is_fed: bool,
    silence: Duration,
}

impl Liveness {
    /// The worker was offered a picture that it could make something of.
    pub fn fed(&mut self) {
        self.is_fed = true;
    }

    /// Anything came from the worker.
    pub fn heard(&mut self) {
        self.has_spoken = true;
        self.silence = Duration::ZERO;
    }

    /// Another look after `elapsed`; true: the worker hangs.
    pub fn looked(&mut self, elapsed: Duration, level: LatencyLevel) -> bool {
        if std::mem::take(&mut self.is_fed) {
            self.silence += elapsed.min(LONGEST_LOOK);
        }
        let two_segments = Duration::from_millis(2 * u64::from(level.grid_ms()));
        let patience = if self.has_spoken { two_segments.saturating_sub(ONE_LOOK) } else { FIRST_WORD };
        self.silence >= patience
    }

    /// Whether it has said nothing since the last look at which it had been fed.
    #[must_use]
    pub fn is_silent(&self) -> bool {
        !self.silence.is_zero()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOOK: Duration = Duration::from_millis(250);

    fn looks_until_given_up(liveness: &mut Liveness, level: u8, mut feed: impl FnMut(u32) -> bool) -> Option<u32> {
        (1..=200).find(|look| {
            if feed(*look) {
                liveness.fed();
            }
            liveness.looked(LOOK, LatencyLevel::new(level))
        })
    }

    #[test]
    fn a_worker_that_is_fed_and_says_nothing_is_given_up_within_two_segments() {
        for level in 0..=4 {
            let mut liveness = Liveness::default();
            liveness.heard();
            let looks = looks_until_given_up(&mut liveness, level, |_| true).unwrap_or(0);
            let took = LOOK * looks;
            let segments = Duration::from_millis(u64::from(LatencyLevel::new(level).grid_ms())) * 2;
            assert!(took <= segments && took + LOOK * 2 > segments, "level {level}: {took:?}");
        }
    }

    #[test]
    fn a_publisher_that_stalls_leaves_the_worker_nothing_to_say() {
        let mut liveness = Liveness::default();
        liveness.heard();
        assert_eq!(looks_until_given_up(&mut liveness, 0, |look| look == 1), None);
        // And what it sends in one burst afterwards is no reason either.
        liveness.fed();
        assert!(!liveness.looked(LOOK, LatencyLevel::new(0)));
    }

    #[test]
    fn a_machine_that_was_asleep_blames_nobody() {
        let mut liveness = Liveness::default();
        liveness.heard();
        liveness.fed();
        assert!(!liveness.looked(Duration::from_secs(3600), LatencyLevel::new(0)));
    }

    #[test]
    fn a_worker_that_speaks_between_two_looks_is_not_silent_at_the_second() {
        let mut liveness = Liveness::default();
        for _ in 0..10 {
            liveness.fed();
            assert!(!liveness.looked(LOOK, LatencyLevel::new(0)));
            assert!(liveness.is_silent(), "nothing was said since this look");
            liveness.heard();
            assert!(!liveness.is_silent());
        }
    }

    #[test]
    fn a_new_worker_has_time_to_start() {
        let looks = looks_until_given_up(&mut Liveness::default(), 0, |_| true);
        assert_eq!(looks, Some(40));
    }
}
