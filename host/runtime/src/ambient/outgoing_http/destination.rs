//! Destinations, in the manifest and in requests.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use http::Uri;
use ipnet::IpNet;
use url::{Position, Url};

/// A destination that a component may send requests to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AllowedDestination {
    /// `https://api.example.com` or `http://example.com:8080`.
    Origin(Origin),
    /// `10.1.0.0/16` or `127.0.0.1`: addresses that a listed name may resolve to although they are not public.
    Network(IpNet),
}

/// One scheme, host and port.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Origin {
    /// Whether the scheme is `https` rather than `http`.
    pub is_https: bool,
    /// A name in lower case, or an address, as a URL parser normalizes them: `2130706433` is `127.0.0.1`.
    pub host: String,
    /// The port; the scheme's default if none was given.
    pub port: u16,
}

/// A text that is neither an origin nor a network.
#[derive(Debug, thiserror::Error)]
#[error(
    "`{0}` is not a destination; write `https://host`, `http://host:port`, or a network as `10.1.0.0/16`"
)]
pub struct DestinationError(String);

impl FromStr for AllowedDestination {
    type Err = DestinationError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refuse = || DestinationError(text.to_owned());
        if let Ok(network) = text.parse() {
            return Ok(Self::Network(network));
        }
        if let Ok(address) = text.parse::<IpAddr>() {
            return Ok(Self::Network(address.into()));
        }
        let url = Url::parse(text).map_err(|_| refuse())?;
        let has_more = url.path() != "/" || url.query().is_some() || url.fragment().is_some();
        Origin::from_url(&url)
            .filter(|_| !has_more)
            .map(Self::Origin)
            .ok_or_else(refuse)
    }
}

impl AllowedDestination {
    /// Whether requests to the destination are encrypted.
    #[must_use]
    pub fn is_https(&self) -> bool {
        matches!(self, Self::Origin(origin) if origin.is_https)
    }
}

impl Origin {
    /// The origin of a URL; `None` if its scheme is not HTTP's or the URL contains credentials.
    pub(super) fn from_url(url: &Url) -> Option<Self> {
        let is_https = match url.scheme() {
            "https" => true,
            "http" => false,
            _ => return None,
        };
        if !url.username().is_empty() || url.password().is_some() {
            return None;
        }
        let host = url
            .host_str()?
            .trim_start_matches('[')
            .trim_end_matches(']')
            .to_owned();
        Some(Self {
            is_https,
            host,
            port: url.port_or_known_default()?,
        })
    }

    /// The origin's host, if the host is an address.
    pub(super) fn address(&self) -> Option<IpAddr> {
        self.host.parse().ok()
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { is_https, host, port } = self;
        let (scheme, own_port) = if *is_https { ("https", 443) } else { ("http", 80) };
        if host.contains(':') {
            write!(formatter, "{scheme}://[{host}]")?;
        } else {
            write!(formatter, "{scheme}://{host}")?;
        }
        if *port == own_port {
            Ok(())
        } else {
            write!(formatter, ":{port}")
        }
    }
}

/// Scheme and authority of a request, parsed once for both the check and the connection, because a host must not be
/// interpreted in two ways. Path and query are not parsed, and are sent as the guest wrote them.
pub(super) fn url_of(uri: &Uri) -> Option<Url> {
    let url = Url::parse(&format!("{}://{}", uri.scheme()?, uri.authority()?)).ok()?;
    // Refuses an authority that the parser splits into more than an authority.
    (&url[Position::BeforePath..] == "/").then_some(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(destinations: &[&str]) -> Vec<AllowedDestination> {
        destinations
            .iter()
            .map(|text| text.parse().unwrap_or_else(|error| unreachable!("{error}")))
            .collect()
    }

    #[test]
    fn an_origin_has_a_scheme_a_host_and_a_port() {
        let origin = |is_https, host: &str, port| {
            AllowedDestination::Origin(Origin {
                is_https,
                host: host.to_owned(),
                port,
            })
        };
        assert_eq!(
            allowed(&[
                "https://API.example.com/",
                "http://example.com:8080",
                "http://[::1]:1"
            ]),
            [
                origin(true, "api.example.com", 443),
                origin(false, "example.com", 8080),
                origin(false, "::1", 1)
            ]
        );
        for bad in [
            "",
            "example.com",
            "ftp://example.com",
            "https://u@example.com",
            "https://example.com/path",
            "https://example.com?query",
            "https://*.example.com:x",
        ] {
            assert!(bad.parse::<AllowedDestination>().is_err(), "{bad}");
        }
    }

    #[test]
    fn an_origin_is_shown_as_the_manifest_writes_it() {
        for text in [
            "https://example.com",
            "http://example.com:8080",
            "http://[::1]:1",
            "https://[::1]",
        ] {
            let [AllowedDestination::Origin(origin)] = &allowed(&[text])[..] else {
                unreachable!("{text}")
            };
            assert_eq!(origin.to_string(), text);
        }
    }
}
