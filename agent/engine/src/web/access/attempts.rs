//! Wrong passwords by the address they came from, and how long each has to wait. Reads no clock.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::time::{Duration, Instant};

/// Wrong passwords in a row that cost nothing but the check: people mistype.
const FREE_TRIES: u32 = 5;

/// Wait after the next one, doubled with each that follows up to [`LONGEST_WAIT`].
const FIRST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// An address that has been quiet for so long starts anew.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(900);

/// Addresses remembered at once. The one that has been quiet longest makes room.
const MOST_ADDRESSES: usize = 1024;

#[derive(Debug, Default)]
pub(super) struct Attempts(HashMap<IpAddr, Failures>);

#[derive(Clone, Copy, Debug)]
struct Failures {
    in_a_row: u32,
    last: Instant,
}

impl Attempts {
    /// How long `client` has to wait before its next password is looked at.
    pub(super) fn wait(&self, client: IpAddr, now: Instant) -> Option<Duration> {
        let failures = self.0.get(&network(client)).filter(|failures| !failures.is_forgotten(now))?;
        let over = failures.in_a_row.checked_sub(FREE_TRIES)?;
        let wait = FIRST_WAIT.saturating_mul(1 << over.min(10)).min(LONGEST_WAIT);
        (failures.last + wait).checked_duration_since(now).filter(|left| !left.is_zero())
    }

    /// Counts a wrong password; says whether it is the one from which on `client` has to wait.
    pub(super) fn failed(&mut self, client: IpAddr, now: Instant) -> bool {
        let client = network(client);
        if !self.0.contains_key(&client) && self.0.len() >= MOST_ADDRESSES {
            self.make_room();
        }
        let failures = self.0.entry(client).or_insert(Failures { in_a_row: 0, last: now });
        if failures.is_forgotten(now) {
            failures.in_a_row = 0;
        }
        failures.in_a_row = failures.in_a_row.saturating_add(1);
        failures.last = now;
        failures.in_a_row == FREE_TRIES
    }

    pub(super) fn succeeded(&mut self, client: IpAddr) {
        self.0.remove(&network(client));
    }

    fn make_room(&mut self) {
        let quietest = self.0.iter().min_by_key(|(_, failures)| failures.last).map(|(client, _)| *client);
        if let Some(client) = quietest {
            self.0.remove(&client);
        }
    }
}

impl Failures {
    fn is_forgotten(&self, now: Instant) -> bool {
        now.duration_since(self.last) > FORGOTTEN_AFTER
    }
}

/// Who has one IPv6 address usually has all of its /64.
fn network(client: IpAddr) -> IpAddr {
    const HOST_BITS: u32 = 64;
    match client.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> HOST_BITS << HOST_BITS)),
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn client(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn fail(attempts: &mut Attempts, times: u32, client: IpAddr, now: Instant) {
        for _failure in 0..times {
            attempts.failed(client, now);
        }
    }

    #[test]
    fn waits_grow_from_the_fifth_failure_and_end_with_a_success() {
        let (mut attempts, now, here) = (Attempts::default(), Instant::now(), client("192.0.2.1"));
        let mut waits = Vec::new();
        for _failure in 0..13 {
            attempts.failed(here, now);
            waits.push(attempts.wait(here, now).map_or(0, |wait| wait.as_secs()));
        }
        assert_eq!(waits, [0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 60, 60, 60]);
        assert!(attempts.wait(here, now + Duration::from_secs(60)).is_none(), "the wait is over");
        assert!(attempts.wait(client("192.0.2.2"), now).is_none(), "others do not wait");
        attempts.succeeded(here);
        assert!(attempts.wait(here, now).is_none() && attempts.0.is_empty());
    }

    #[test]
    fn an_address_is_forgotten_after_a_quarter_of_an_hour() {
        let (mut attempts, now, here) = (Attempts::default(), Instant::now(), client("192.0.2.1"));
        fail(&mut attempts, 20, here, now);
        let later = now + FORGOTTEN_AFTER + Duration::from_secs(1);
        assert!(!attempts.failed(here, later) && attempts.wait(here, later).is_none());
    }

    #[test]
    fn a_network_of_ipv6_addresses_counts_as_one_client() {
        let (mut attempts, now) = (Attempts::default(), Instant::now());
        for host in 0..20 {
            attempts.failed(client(&format!("2001:db8:1:2::{host:x}")), now);
        }
        assert!(attempts.wait(client("2001:db8:1:2:ffff::1"), now).is_some());
        assert!(attempts.wait(client("2001:db8:1:3::1"), now).is_none());
        fail(&mut attempts, 20, client("::ffff:192.0.2.1"), now);
        assert!(attempts.wait(client("192.0.2.1"), now).is_some(), "IPv4 in the form of IPv6 is IPv4");
    }

    #[test]
    fn the_table_is_bounded_and_the_quietest_makes_room() {
        let (mut attempts, start, first) = (Attempts::default(), Instant::now(), client("10.9.9.9"));
        fail(&mut attempts, 9, first, start);
        for number in 0..u32::try_from(MOST_ADDRESSES).unwrap() {
            attempts.failed(IpAddr::from(number.to_be_bytes()), start + Duration::from_millis(u64::from(number) + 1));
        }
        assert_eq!(attempts.0.len(), MOST_ADDRESSES);
        assert!(!attempts.0.contains_key(&first) && attempts.0.contains_key(&client("0.0.0.0")));
    }
}
