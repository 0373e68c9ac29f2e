//! How often somebody may do something: a leaky bucket, counted in thirds of a millisecond because three messages in two
//! seconds are one each 666 2/3 ms.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};

use super::bounds::MAX_ADDRESSES;

/// So many at once, then one per `interval`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rate {
    /// Thirds of a millisecond.
    interval: i64,
    burst: i64,
}

/// Messages, renames and other things that everybody sees, of one user: one at once, then three in two seconds
/// (Owncast).
pub(super) const OF_USER: Rate = Rate { interval: 2_000, burst: 1 };
/// The same of one address, ten times as much: a school or an office comes from one.
pub(super) const OF_ADDRESS: Rate = Rate { interval: 200, burst: 10 };
/// Votes of one user: who reads a list of questions votes for several in a row.
pub(super) const VOTES: Rate = Rate { interval: 1_500, burst: 10 };
/// New accounts of one address: a lecture hall behind one address comes in at once, a script gets five a second.
pub(super) const REGISTRATIONS: Rate = Rate { interval: 600, burst: 300 };

/// Who floods the chat is not heard for so long (Owncast).
pub(super) const MUTE_MS: i64 = 10_000;

/// When the next one is due at the even pace. The default is a bucket that nobody has taken from.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Bucket {
    due: i64,
}

impl Bucket {
    /// Takes one, or says that it is too early.
    pub(super) fn take(&mut self, rate: Rate, now_ms: i64) -> bool {
        let now = now_ms.saturating_mul(3);
        // Further ahead than a bucket gets by itself: the clock was set back.
        let due = if self.due > now + rate.burst * rate.interval { now } else { self.due.max(now) };
        let fits = due - now <= (rate.burst - 1) * rate.interval;
        self.due = if fits { due + rate.interval } else { due };
        fits
    }

    fn is_idle(self, now_ms: i64) -> bool {
        self.due <= now_ms.saturating_mul(3)
    }
}

/// A bucket for each address. IPv6 counts by /64, which is what one home is given.
#[derive(Clone, Debug, Default)]
pub(super) struct AddressRates {
    buckets: HashMap<IpAddr, Bucket>,
}

impl AddressRates {
    pub(super) fn take(&mut self, address: IpAddr, rate: Rate, now_ms: i64) -> bool {
        let home = home_of(address);
        if self.buckets.len() >= MAX_ADDRESSES && !self.buckets.contains_key(&home) {
            self.sweep(now_ms);
            if self.buckets.len() >= MAX_ADDRESSES {
                return false;
            }
        }
        self.buckets.entry(home).or_default().take(rate, now_ms)
    }

    /// Forgets the addresses that have been quiet: a new bucket would be as full as theirs.
    pub(super) fn sweep(&mut self, now_ms: i64) {
        self.buckets.retain(|_, bucket| !bucket.is_idle(now_ms));
    }
}

/// Those who share it count as one: an address, or a /64 of IPv6.
pub(super) fn home_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64)).into(),
        address => address,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_user_has_one_at_once_and_three_in_two_seconds() {
        let mut bucket = Bucket::default();
        let taken: Vec<_> = (0..=2_001).filter(|ms| bucket.take(OF_USER, *ms)).collect();
        assert_eq!(taken, [0, 667, 1_334, 2_001]);
    }

    #[test]
    fn a_clock_that_is_set_back_mutes_nobody() {
        let mut bucket = Bucket::default();
        assert!(bucket.take(OF_USER, 9_000_000));
        assert!(bucket.take(OF_USER, 1_000));
        assert!(!bucket.take(OF_USER, 1_001));
    }

    #[test]
    fn an_address_is_a_home_and_has_ten_times_as_much() {
        let mut rates = AddressRates::default();
        let address = |host: u16| IpAddr::from([0x2001, 0xdb8, 0, 1, 0, 0, 0, host]);
        for host in 0..10 {
            assert!(rates.take(address(host), OF_ADDRESS, 0));
        }
        assert!(!rates.take(address(10), OF_ADDRESS, 0));
        assert!(rates.take("2001:db8:0:2::1".parse().unwrap(), OF_ADDRESS, 0));
        assert!(rates.take("::ffff:192.0.2.1".parse().unwrap(), OF_ADDRESS, 0));
        assert_eq!(rates.buckets.len(), 3);
        rates.sweep(10_000);
        assert!(rates.buckets.is_empty());
    }

    #[test]
    fn more_addresses_than_fit_are_refused_until_some_are_quiet() {
        let mut rates = AddressRates::default();
        let address = |number: usize| IpAddr::from(u32::try_from(number).unwrap().to_be_bytes());
        for number in 0..MAX_ADDRESSES {
            assert!(rates.take(address(number), OF_ADDRESS, 0));
        }
        assert!(!rates.take(address(MAX_ADDRESSES), OF_ADDRESS, 0));
        assert!(rates.take(address(0), OF_ADDRESS, 0), "whoever is known already goes on");
        assert!(rates.take(address(MAX_ADDRESSES), OF_ADDRESS, 1_000));
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn no_window_holds_more_than_the_rate(steps in proptest::collection::vec(0_i64..900, 1..200)) {
            let mut bucket = Bucket::default();
            let mut now = 0;
            let mut taken = Vec::new();
            for step in steps {
                now += step;
                if bucket.take(OF_ADDRESS, now) {
                    taken.push(now);
                }
            }
            for (first, start) in taken.iter().enumerate() {
                let within = taken[first..].iter().take_while(|at| **at - start < 2_000).count();
                prop_assert!(within <= 10 + 30, "{} in two seconds", within);
            }
        }
    }
}
