//! Which networks an address belongs to, and who a client behind proxies is.

use std::net::IpAddr;

use ipnet::IpNet;
use nixcast_schema::Network;

/// Networks to hold addresses against. IPv4 addresses written as IPv6 ("::ffff:192.0.2.1") count as IPv4.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Networks(Vec<IpNet>);

impl Networks {
    /// Leaves out whatever is no network; the settings are checked already.
    #[must_use]
    pub fn new(declared: &[Network]) -> Self {
        let parse = |text: &str| text.parse::<IpNet>().or_else(|_| text.parse::<IpAddr>().map(IpNet::from)).ok();
        Self(declared.iter().filter_map(|Network(text)| parse(text)).collect())
    }

    #[must_use]
    pub fn contain(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|network| network.contains(&address))
    }
}

/// The client's own address: the last one in `forwarded` (the entries of all `X-Forwarded-For` headers, in order) that
/// is not one of the trusted proxies, as long as everyone who passed it on is trusted. What an untrusted client wrote
/// itself is never believed.
#[must_use]
pub fn client_address<'a>(
    peer: IpAddr,
    forwarded: impl DoubleEndedIterator<Item = &'a str>,
    trusted: &Networks,
) -> IpAddr {
    let mut client = peer.to_canonical();
    for hop in forwarded.rev() {
        if !trusted.contain(client) {
            break;
        }
        let Some(address) = hop_address(hop.trim()) else { break };
        client = address.to_canonical();
    }
    client
}

/// Some proxies add the port, and brackets around IPv6.
fn hop_address(hop: &str) -> Option<IpAddr> {
    hop.parse::<IpAddr>()
        .or_else(|_| hop.parse::<std::net::SocketAddr>().map(|address| address.ip()))
        .or_else(|_| hop.trim_matches(['[', ']']).parse::<IpAddr>())
        .ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn networks(list: &[&str]) -> Networks {
        Networks::new(&list.iter().map(|text| Network((*text).to_owned())).collect::<Vec<_>>())
    }

    fn client(peer: &str, forwarded: &str, trusted: &[&str]) -> String {
        let hops = forwarded.split(',').filter(|hop| !hop.is_empty());
        client_address(peer.parse().unwrap(), hops, &networks(trusted)).to_string()
    }

    #[test]
    fn networks_contain_their_addresses() {
        let some = networks(&["10.0.0.0/8", "192.0.2.7", "fd00::/8"]);
        for (address, is_in) in [
            ("10.1.2.3", true),
            ("11.0.0.1", false),
            ("192.0.2.7", true),
            ("192.0.2.8", false),
            ("::ffff:10.0.0.1", true),
            ("fd12::1", true),
            ("fe80::1", false),
        ] {
            assert_eq!(some.contain(address.parse().unwrap()), is_in, "{address}");
        }
        assert!(!Networks::default().contain("127.0.0.1".parse().unwrap()));
    }

    #[test]
    fn only_trusted_proxies_are_believed() {
        let own = ["127.0.0.0/8", "10.0.0.0/8"];
        assert_eq!(client("203.0.113.5", "198.51.100.1", &own), "203.0.113.5", "a client cannot name itself");
        assert_eq!(client("127.0.0.1", "198.51.100.1", &own), "198.51.100.1");
        assert_eq!(client("127.0.0.1", "6.6.6.6, 198.51.100.1, 10.0.0.9", &own), "198.51.100.1");
        assert_eq!(client("127.0.0.1", "", &own), "127.0.0.1");
        assert_eq!(client("127.0.0.1", "10.0.0.7", &own), "10.0.0.7", "a client inside the trusted network");
        assert_eq!(client("127.0.0.1", "198.51.100.1, unknown", &own), "127.0.0.1", "nonsense ends the chain");
        assert_eq!(client("::ffff:127.0.0.1", "[2001:db8::1]:4711", &own), "2001:db8::1");
        assert_eq!(client("127.0.0.1", "198.51.100.1:80", &own), "198.51.100.1");
        assert_eq!(client("127.0.0.1", "198.51.100.1", &[]), "127.0.0.1");
    }
}
