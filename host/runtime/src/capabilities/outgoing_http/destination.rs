//! A destination, as the manifest writes it and as a request has it.

use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;
use reqwest::Url;

/// A destination that a component may send requests to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AllowedDestination {
    /// `https://api.example.com` or `http://example.com:8080`: one scheme, host and port.
    Origin {
        /// `http` or `https`.
        scheme: String,
        /// A name in lower case, or an address, as a URL's parser writes them: `2130706433` is `127.0.0.1`.
        host: String,
        /// The port; the scheme's own if none was given.
        port: u16,
    },
    /// `10.1.0.0/16` or `127.0.0.1`: addresses that a listed name may resolve to although they are not public.
    Network(IpNet),
}

/// Text that is neither an origin nor a network.
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
        origin(&url).filter(|_| !has_more).ok_or_else(refuse)
    }
}

/// The origin of a URL, unless its scheme is not HTTP's or it carries credentials.
pub(super) fn origin(url: &Url) -> Option<AllowedDestination> {
    let is_http = matches!(url.scheme(), "http" | "https");
    let has_credentials = !url.username().is_empty() || url.password().is_some();
    if !is_http || has_credentials {
        return None;
    }
    let host = url.host_str()?.trim_start_matches('[').trim_end_matches(']').to_owned();
    let (scheme, port) = (url.scheme().to_owned(), url.port_or_known_default()?);
    Some(AllowedDestination::Origin { scheme, host, port })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(destinations: &[&str]) -> Vec<AllowedDestination> {
        destinations.iter().map(|text| text.parse().unwrap_or_else(|error| unreachable!("{error}"))).collect()
    }

    #[test]
    fn an_origin_has_a_scheme_a_host_and_a_port() {
        let origin = |scheme: &str, host: &str, port| AllowedDestination::Origin {
            scheme: scheme.to_owned(),
            host: host.to_owned(),
            port,
        };
        assert_eq!(
            allowed(&["https://API.example.com/", "http://example.com:8080", "http://[::1]:1"]),
            [
                origin("https", "api.example.com", 443),
                origin("http", "example.com", 8080),
                origin("http", "::1", 1)
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
}
