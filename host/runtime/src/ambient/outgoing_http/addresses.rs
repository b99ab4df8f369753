//! The addresses to which the name of a listed origin may resolve.
//!
//! Names are resolved only in this module, and connections go to the checked address: a later change of the name's
//! addresses has no effect.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use ipnet::IpNet;
use tokio::time::timeout;

use super::destination::Origin;
use super::failure::{AddressProhibited, Failure};

/// Timeout of resolving a name. Shorter than the default timeout of a request, so that the component learns the
/// reason.
const RESOLVE_TIMEOUT: Duration = Duration::from_secs(5);

/// The addresses that names may resolve to: public ones, and those that the manifest lists.
pub(super) struct AllowedAddresses(Vec<IpNet>);

impl AllowedAddresses {
    /// Allows public addresses, and those of these networks.
    pub(super) fn new(networks: Vec<IpNet>) -> Self {
        Self(networks)
    }

    /// The allowed addresses of an origin's host. If the host is an address, it is allowed because the origin is
    /// listed.
    pub(super) async fn resolve(&self, origin: &Origin) -> Result<Vec<SocketAddr>, Failure> {
        if let Some(address) = origin.address() {
            return Ok(vec![SocketAddr::new(address, origin.port)]);
        }
        let lookup = tokio::net::lookup_host((&*origin.host, origin.port));
        let found = timeout(RESOLVE_TIMEOUT, lookup)
            .await
            .map_err(|_| Failure::UnresolvedInTime)?;
        let allowed = self.filter(found.map_err(Failure::Unresolved)?)?;
        if allowed.is_empty() {
            return Err(Failure::Unresolved(io::ErrorKind::NotFound.into()));
        }
        Ok(allowed)
    }

    fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        is_public(address) || self.0.iter().any(|network| network.contains(&address))
    }

    /// Selects the allowed addresses of a name.
    fn filter(&self, found: impl Iterator<Item = SocketAddr>) -> Result<Vec<SocketAddr>, AddressProhibited> {
        let (allowed, prohibited): (Vec<_>, Vec<_>) = found.partition(|found| self.contains(found.ip()));
        match prohibited.first() {
            Some(first) if allowed.is_empty() => Err(AddressProhibited(first.ip().to_canonical())),
            _ => Ok(allowed),
        }
    }
}

/// Whether an address is public: not of this machine, not of a private network, and not special (IANA's
/// special-purpose registries for IPv4 and IPv6).
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            let [a, b, ..] = v4.octets();
            let shared = a == 100 && (64..128).contains(&b);
            let benchmark = a == 198 && (b == 18 || b == 19);
            let special = v4.is_loopback() || v4.is_private() || v4.is_link_local() || v4.is_documentation();
            let special_24 = [[192, 0, 0], [192, 88, 99]]
                .iter()
                .any(|net| v4.octets().starts_with(net));
            !(special || shared || benchmark || special_24 || a == 0 || a >= 224)
        }
        IpAddr::V6(v6) => {
            let [a, b, ..] = v6.segments();
            // All IPv6 forms that contain an IPv4 address, except 6to4 and Teredo, are outside of 2000::/3.
            let global = a & 0xe000 == 0x2000;
            let documentation = a == 0x2001 && b == 0xdb8 || a == 0x3fff && b < 0x1000;
            let tunnel_or_special = a == 0x2001 && b < 0x200 || a == 0x2002;
            global && !documentation && !tunnel_or_special
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_public_addresses_are_public() {
        for special in [
            "127.0.0.1",
            "10.0.0.1",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "224.0.0.1",
            "255.255.255.255",
            "198.18.0.1",
            "192.0.0.1",
            "::1",
            "::",
            "fe80::1",
            "fc00::1",
            "ff02::1",
            "192.88.99.1",
            "2001:db8::1",
            "3fff::1",
            "2002:7f00:1::",
            "64:ff9b::7f00:1",
        ] {
            assert!(
                special.parse().is_ok_and(|address| !is_public(address)),
                "{special}"
            );
        }
        for public in ["1.1.1.1", "100.128.0.1", "172.32.0.1", "2606:4700::1111"] {
            assert!(public.parse().is_ok_and(is_public), "{public}");
        }
    }

    #[test]
    fn a_mapped_address_is_the_address_that_it_maps() {
        let addresses = AllowedAddresses(vec![]);
        assert!(
            "::ffff:127.0.0.1"
                .parse()
                .is_ok_and(|address| !addresses.contains(address))
        );
        let listed = AllowedAddresses(vec![IpNet::from(IpAddr::from([127, 0, 0, 1]))]);
        assert!(
            "::ffff:127.0.0.1"
                .parse()
                .is_ok_and(|address| listed.contains(address))
        );
    }

    #[test]
    fn only_allowed_addresses_of_a_name_are_tried() {
        let addresses = |texts: &[&str]| -> Vec<SocketAddr> {
            texts
                .iter()
                .filter_map(|text| text.parse().ok())
                .map(|ip| SocketAddr::new(ip, 0))
                .collect()
        };
        let filter = |listed: &[IpNet], found: &[&str]| {
            AllowedAddresses(listed.to_vec()).filter(addresses(found).into_iter())
        };
        let loopback = IpAddr::from([127, 0, 0, 1]);
        assert_eq!(
            filter(&[], &["1.1.1.1", "127.0.0.1", "::1"]),
            Ok(addresses(&["1.1.1.1"]))
        );
        assert_eq!(
            filter(&[], &["127.0.0.1", "::1"]),
            Err(AddressProhibited(loopback))
        );
        assert_eq!(
            filter(&[], &["::ffff:127.0.0.1"]),
            Err(AddressProhibited(loopback))
        );
        assert_eq!(
            filter(&[loopback.into()], &["127.0.0.1", "::1"]),
            Ok(addresses(&["127.0.0.1"]))
        );
        for special in [
            "64:ff9b::7f00:1",
            "2002:7f00:1::",
            "::7f00:1",
            "::ffff:0:7f00:1",
            "64:ff9b:1::7f00:1",
        ] {
            assert!(filter(&[loopback.into()], &[special]).is_err(), "{special}");
        }
    }
}
