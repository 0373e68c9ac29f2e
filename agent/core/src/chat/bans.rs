//! Addresses and networks that are kept out.

use std::net::IpAddr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::bounds::{MAX_BANS, MAX_NOTE_CHARS};

/// Larger networks than a /8 of IPv4 or a /16 of IPv6 are a slip of the finger.
const LEAST_PREFIX: (u8, u8) = (8, 16);

/// A ban, as stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NetworkBan {
    /// An address ("192.0.2.7") or a network in CIDR notation ("192.0.2.0/24"), in its one spelling.
    pub network: String,
    pub at_ms: i64,
    /// None: for good.
    pub until_ms: Option<i64>,
    /// Why, as far as somebody said.
    pub note: String,
}

/// Why a network cannot be banned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BanError {
    #[error("it is neither an address like 192.0.2.7 nor a network like 192.0.2.0/24")]
    NoNetwork,
    #[error("it is too large: at least /8 for IPv4 and /16 for IPv6")]
    TooLarge,
    #[error("{MAX_BANS} networks are banned, which is all that is kept; lift a ban first")]
    Full,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Bans(Vec<(IpNet, NetworkBan)>);

/// An address counts as a network of its own; host bits are cleared, and IPv4 inside IPv6 is IPv4.
fn parse(text: &str) -> Option<IpNet> {
    let text = text.trim();
    let network = match text.parse::<IpAddr>() {
        Ok(address) => IpNet::from(address.to_canonical()),
        Err(_) => text.parse::<IpNet>().ok()?,
    };
    let inner = (network.prefix_len() >= 96).then(|| network.addr().to_canonical());
    match inner {
        Some(address @ IpAddr::V4(_)) if matches!(network, IpNet::V6(_)) => {
            IpNet::new(address, network.prefix_len() - 96).ok()
        }
        _ => Some(network),
    }
    .map(|network| network.trunc())
}

pub(super) fn spell(network: IpNet) -> String {
    if network.prefix_len() == network.max_prefix_len() { network.addr().to_string() } else { network.to_string() }
}

/// What can be banned.
pub(super) fn bannable(text: &str) -> Result<IpNet, BanError> {
    let network = parse(text).ok_or(BanError::NoNetwork)?;
    let least = if matches!(network, IpNet::V4(_)) { LEAST_PREFIX.0 } else { LEAST_PREFIX.1 };
    if network.prefix_len() < least { Err(BanError::TooLarge) } else { Ok(network) }
}

impl Bans {
    /// Leaves out what is no network.
    pub(super) fn new(stored: Vec<NetworkBan>) -> Self {
        Self(stored.into_iter().filter_map(|ban| Some((parse(&ban.network)?, ban))).take(MAX_BANS).collect())
    }

    /// Adds a ban, or puts it in the place of an earlier one of the same network.
    pub(super) fn add(
        &mut self,
        network: &str,
        at_ms: i64,
        until_ms: Option<i64>,
        note: &str,
    ) -> Result<NetworkBan, BanError> {
        let network = bannable(network)?;
        let note = note.chars().filter(|char| !char.is_control()).take(MAX_NOTE_CHARS).collect();
        let ban = NetworkBan { network: spell(network), at_ms, until_ms, note };
        match self.0.iter().position(|(known, _)| *known == network) {
            Some(index) => self.0[index].1 = ban.clone(),
            None if self.0.len() >= MAX_BANS => return Err(BanError::Full),
            None => self.0.push((network, ban.clone())),
        }
        Ok(ban)
    }

    /// Gives back the ban that was lifted.
    pub(super) fn remove(&mut self, network: &str) -> Option<NetworkBan> {
        let network = parse(network)?;
        let index = self.0.iter().position(|(known, _)| *known == network)?;
        Some(self.0.remove(index).1)
    }

    /// Takes out the bans whose time is over.
    pub(super) fn expire(&mut self, now_ms: i64) -> Vec<NetworkBan> {
        let over = |(_, ban): &mut (IpNet, NetworkBan)| ban.until_ms.is_some_and(|until| until <= now_ms);
        self.0.extract_if(.., over).map(|(_, ban)| ban).collect()
    }

    /// Also by a ban whose time is over and that has not been taken out yet, so that a clock that is set back changes
    /// nothing.
    pub(super) fn contain(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|(network, _)| network.contains(&address))
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &NetworkBan> {
        self.0.iter().map(|(_, ban)| ban)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_network_has_one_spelling() {
        let mut bans = Bans::default();
        for (text, spelled) in [
            ("192.0.2.7", Ok("192.0.2.7")),
            (" 192.0.2.7/32 ", Ok("192.0.2.7")),
            ("::ffff:192.0.2.7", Ok("192.0.2.7")),
            ("192.0.2.99/24", Ok("192.0.2.0/24")),
            ("::ffff:192.0.2.99/120", Ok("192.0.2.0/24")),
            ("2001:DB8::1/64", Ok("2001:db8::/64")),
            ("::1", Ok("::1")),
            ("example.org", Err(BanError::NoNetwork)),
            ("192.0.2.0/33", Err(BanError::NoNetwork)),
            ("0.0.0.0/0", Err(BanError::TooLarge)),
            ("10.0.0.0/7", Err(BanError::TooLarge)),
            ("::ffff:0.0.0.0/96", Err(BanError::TooLarge)),
            ("2001::/15", Err(BanError::TooLarge)),
        ] {
            let added = bans.add(text, 0, None, "");
            assert_eq!(added.as_ref().map(|ban| ban.network.as_str()).map_err(|error| *error), spelled, "{text}");
        }
        assert_eq!(bans.iter().count(), 4, "one for each network");
        assert!(bans.remove("192.0.2.8/24").is_some() && bans.remove("192.0.2.8/24").is_none());
    }

    #[test]
    fn a_ban_keeps_out_until_its_end() {
        let mut bans = Bans::default();
        bans.add("192.0.2.0/24", 0, Some(1_000), "a\nb").unwrap();
        assert_eq!(bans.iter().next().unwrap().note, "ab");
        let address = "::ffff:192.0.2.200".parse().unwrap();
        assert!(!bans.contain("192.0.3.1".parse().unwrap()));
        assert!(bans.expire(999).is_empty());
        assert!(bans.contain(address));
        assert_eq!(bans.expire(1_000).len(), 1);
        assert!(!bans.contain(address));
    }

    #[test]
    fn more_bans_than_fit_are_refused() {
        let mut bans = Bans::default();
        for number in 0..1_000_u32 {
            bans.add(&IpAddr::from((0x0a00_0000 + number).to_be_bytes()).to_string(), 0, None, "").unwrap();
        }
        assert_eq!(bans.add("192.0.2.7", 0, None, ""), Err(BanError::Full));
        assert!(bans.add("10.0.0.0", 5, None, "again").is_ok());
    }
}
