//! The clients that are told how long the parts of their requests took: `SERVER_TIMING`.

use std::net::IpAddr;

use ipnet::IpNet;

use super::proxies;

/// The clients whose responses have the header `Server-Timing`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ServerTiming {
    /// None.
    #[default]
    Off,
    /// Clients in these networks.
    Networks(Vec<IpNet>),
    /// Every client.
    All,
}

impl ServerTiming {
    /// Parses `off`, `all`, or a comma-separated list of networks in CIDR notation.
    pub(super) fn parse(value: &str) -> Result<Self, String> {
        match value.trim() {
            "off" => Ok(Self::Off),
            "all" => Ok(Self::All),
            list => {
                let networks = proxies::networks(list).map_err(|error| format!("{error}; or off, or all"))?;
                if networks.is_empty() {
                    return Err("it names nobody: write off, all, or networks such as 10.0.0.0/8".to_owned());
                }
                Ok(Self::Networks(networks))
            }
        }
    }

    /// Whether a client with this address is told. None stands for the host's own requests.
    #[must_use]
    pub fn includes(&self, client: Option<IpAddr>) -> bool {
        match self {
            Self::Off => false,
            Self::Networks(networks) => {
                client.is_some_and(|client| networks.iter().any(|network| network.contains(&client)))
            }
            Self::All => true,
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

    use super::*;

    fn includes(value: &str, client: &str) -> bool {
        ServerTiming::parse(value)
            .unwrap()
            .includes(Some(client.parse().unwrap()))
    }

    #[test]
    fn nobody_everybody_or_listed_networks_are_told() {
        assert!(!includes("off", "127.0.0.1"));
        assert!(includes("all", "192.0.2.1"));
        assert!(includes("10.0.0.0/8, fd00::/8", "10.1.2.3"));
        assert!(includes("10.0.0.0/8,fd00::/8", "fd12::1"));
        assert!(!includes("10.0.0.0/8, fd00::/8", "192.0.2.1"));
        assert!(!ServerTiming::parse("10.0.0.0/8").unwrap().includes(None));
    }

    #[test]
    fn other_words_are_refused() {
        for value in ["", ",", "on", "yes", "all, 10.0.0.0/8", "10.0.0.0/33"] {
            let error = ServerTiming::parse(value).unwrap_err();
            assert!(error.contains("off") && error.contains("all"), "{value}: {error}");
        }
    }
}
