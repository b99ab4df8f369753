//! The proxies whose headers about their clients are trusted: `TRUSTED_PROXIES`.

use std::net::IpAddr;

use ipnet::IpNet;

/// The networks of the proxies before the host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrustedProxies(Vec<IpNet>);

impl TrustedProxies {
    /// Parses a comma-separated list of networks in CIDR notation; a plain address is a network with a single address.
    pub(super) fn parse(value: &str) -> Result<Self, String> {
        networks(value).map(Self)
    }

    /// Whether no proxy is trusted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether `address` belongs to a trusted proxy. `address` must not be an IPv4 address within an IPv6 address.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&address))
    }
}

/// Parses a comma-separated list of networks in CIDR notation, and plain addresses.
pub(super) fn networks(value: &str) -> Result<Vec<IpNet>, String> {
    let entries = value.split(',').map(str::trim).filter(|entry| !entry.is_empty());
    entries.map(network).collect()
}

fn network(entry: &str) -> Result<IpNet, String> {
    let address = || {
        entry
            .parse::<IpAddr>()
            .map(|address| IpNet::from(address.to_canonical()))
    };
    entry
        .parse()
        .or_else(|_| address())
        .map_err(|_| format!("{entry:?} is not a network: write 10.0.0.0/8, fd00::/8 or an address"))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

    use super::*;

    #[test]
    fn networks_and_addresses_are_read() {
        let trusted = TrustedProxies::parse("10.0.0.0/8, 192.0.2.1,fd00::/8,").unwrap();
        for (address, is_trusted) in [
            ("10.255.0.1", true),
            ("11.0.0.1", false),
            ("192.0.2.1", true),
            ("192.0.2.2", false),
            ("fd12::1", true),
            ("fe80::1", false),
        ] {
            assert_eq!(
                trusted.contains(address.parse().unwrap()),
                is_trusted,
                "{address}"
            );
        }
        assert!(!trusted.is_empty());
        assert!(TrustedProxies::default().is_empty());
    }

    #[test]
    fn what_is_no_network_is_refused() {
        for entry in ["proxy", "10.0.0.0/33", "10.0.0", "10.0.0.0/8;fd00::/8", "*"] {
            assert!(TrustedProxies::parse(entry).is_err(), "{entry}");
        }
    }
}
