//! The names by which programs may reach the operators' listener without the token.
//!
//! A page can make the name of its site lead to an address of this machine (DNS rebinding). Its requests then are those of
//! the listener's own pages, but they carry that name. An address cannot be made to lead elsewhere.

use std::net::{Ipv4Addr, Ipv6Addr};

use http::{HeaderMap, header};

use super::error::AdminError;

/// The names beside IP addresses and `localhost`.
pub(super) struct HostNames {
    names: Vec<String>,
}

impl HostNames {
    /// `names` are in lower case.
    pub(super) fn new(names: &[String]) -> Self {
        Self {
            names: names.to_vec(),
        }
    }

    /// Returns an error if the request was sent to a name that is not among these. Browsers send `Host`
    /// with every request.
    pub(super) fn check(&self, headers: &HeaderMap) -> Result<(), AdminError> {
        let Some(host) = headers.get(header::HOST) else {
            return Ok(());
        };
        let host = host.to_str().unwrap_or_default();
        let name = name_of(host).to_ascii_lowercase();
        let is_local = name == "localhost" || name.ends_with(".localhost");
        if is_local || is_address(&name) || self.names.contains(&name) {
            Ok(())
        } else {
            Err(AdminError::UnknownName(name))
        }
    }
}

/// The host without its port, and without the dot that ends a whole name.
fn name_of(host: &str) -> &str {
    let name = match host.rfind(']') {
        Some(end) => host.get(..=end).unwrap_or(host),
        None => host.split(':').next().unwrap_or(host),
    };
    name.strip_suffix('.').unwrap_or(name)
}

fn is_address(name: &str) -> bool {
    let inner = name.strip_prefix('[').and_then(|name| name.strip_suffix(']'));
    match inner {
        Some(address) => address.parse::<Ipv6Addr>().is_ok(),
        None => name.parse::<Ipv4Addr>().is_ok(),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

    use super::*;

    fn check(host: &str) -> Result<(), AdminError> {
        let names = HostNames::new(&["berth.example.com".to_owned()]);
        names.check(&[(header::HOST, host.parse().unwrap())].into_iter().collect())
    }

    #[test]
    fn addresses_localhost_and_listed_names_lead_here() {
        for host in [
            "127.0.0.1:8001",
            "10.1.2.3",
            "[::1]:8001",
            "[::1]",
            "localhost:8001",
            "LOCALHOST",
            "localhost.:8001",
            "berth.localhost",
            "Berth.Example.com:8001",
        ] {
            assert!(check(host).is_ok(), "{host}");
        }
    }

    #[test]
    fn another_name_does_not() {
        for host in [
            "evil.example",
            "localhost.evil.example",
            "127.0.0.1.evil.example:8001",
            "evillocalhost",
            "a.berth.example.com",
            "berth",
            "0x7f000001",
            "",
        ] {
            assert!(check(host).is_err(), "{host}");
        }
    }
}
