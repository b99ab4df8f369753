//! The client of a request: its address and its protocol, as far as they can be verified.
//!
//! The other end of the connection may be a proxy. A proxy in `TRUSTED_PROXIES` is trusted about its own client, in
//! `Forwarded` or `X-Forwarded-For`, and so on from right to left until an address is not a trusted proxy's. This
//! happens once, before any other code reads the request: the verified client is stored in the request's extensions,
//! and the headers are removed, so that no later code can mistake a client's claim for a proxy's.

mod forwarded;
mod trace_id;

use std::convert::Infallible;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use axum::extract::{ConnectInfo, FromRequestParts, Request};
use http::request::Parts;
use http::{HeaderMap, HeaderName};

use crate::config::TrustedProxies;
use forwarded::Hop;
pub use trace_id::TraceId;

/// The verified client of a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Client {
    /// The client's address; an IPv4 address is never written as IPv6. None for the host's own requests.
    pub address: Option<IpAddr>,
    /// Whether the client used TLS to a proxy. Without `TRUSTED_PROXIES` any client may claim so, because a false claim
    /// only makes the host stricter with its own cookie.
    pub https: bool,
    /// The authority that the client asked a trusted proxy for, if the proxy does not repeat it in `Host`.
    pub host: Option<String>,
    /// The trace that a trusted proxy says the request belongs to.
    pub trace_id: Option<TraceId>,
}

impl Client {
    /// Determines a request's client, and stores it in the request's extensions.
    pub(crate) fn identify(request: &mut Request, proxies: &TrustedProxies) -> Self {
        let peer = request.extensions().get::<ConnectInfo<SocketAddr>>();
        let peer = peer.map(|ConnectInfo(address)| address.ip().to_canonical());
        let client = Self::new(peer, request.headers(), proxies);
        remove_claims(request.headers_mut());
        request.extensions_mut().insert(client.clone());
        client
    }

    fn new(peer: Option<IpAddr>, headers: &HeaderMap, proxies: &TrustedProxies) -> Self {
        let trusted = peer.is_some_and(|peer| proxies.contains(peer));
        let mut client = match peer {
            Some(peer) if trusted => Self::behind(peer, headers, proxies),
            peer => Self {
                address: peer,
                ..Self::default()
            },
        };
        client.https |= (trusted || proxies.is_empty()) && forwarded::is_https(headers);
        client
    }

    /// The client of `peer`, a trusted proxy. If `Forwarded` and `X-Forwarded-For` contradict each other, the client
    /// sent one of them, and the host cannot tell which, so it trusts neither.
    fn behind(peer: IpAddr, headers: &HeaderMap, proxies: &TrustedProxies) -> Self {
        let by_forwarded = trace(peer, forwarded::forwarded(headers), proxies);
        let by_forwarded_for = trace(peer, forwarded::forwarded_for(headers), proxies);
        let client = match (by_forwarded, by_forwarded_for) {
            (Some(one), Some(other)) if one.address != other.address => None,
            (one, other) => one.or(other),
        };
        let mut client = client.unwrap_or(Self {
            address: Some(peer),
            ..Self::default()
        });
        client.host = forwarded::host(headers).or(client.host);
        client.trace_id = TraceId::of(headers);
        client
    }

    /// The address by which this client's logins are counted: an IPv4 address, or the /64 network of an IPv6 address,
    /// which usually belongs to a single customer.
    #[must_use]
    pub fn network(&self) -> Option<IpAddr> {
        self.address.map(|address| match address.to_canonical() {
            IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64)).into(),
            v4 @ IpAddr::V4(_) => v4,
        })
    }
}

impl<S: Sync> FromRequestParts<S> for Client {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(parts.extensions.get().cloned().unwrap_or_default())
    }
}

/// Follows `hops`, the nearest proxy's first, as long as trusted proxies report them. None without hops. A hop that
/// cannot be parsed ends the search at the proxy before it.
fn trace(peer: IpAddr, hops: impl Iterator<Item = Option<Hop>>, proxies: &TrustedProxies) -> Option<Client> {
    let mut hops = hops.peekable();
    hops.peek()?;
    let mut client = Client {
        address: Some(peer),
        ..Client::default()
    };
    for hop in hops {
        let Some(hop) = hop.filter(|_| client.address.is_some_and(|address| proxies.contains(address)))
        else {
            break;
        };
        client = Client {
            address: Some(hop.address),
            https: hop.https,
            host: hop.host,
            trace_id: None,
        };
    }
    Some(client)
}

/// Removes the headers about clients, whether proxies or clients sent them.
fn remove_claims(headers: &mut HeaderMap) {
    let claims: Vec<HeaderName> = headers.keys().filter(|name| is_claim(name)).cloned().collect();
    for name in claims {
        headers.remove(name);
    }
}

fn is_claim(name: &HeaderName) -> bool {
    let name = name.as_str();
    name == "forwarded" || name == "x-real-ip" || name.starts_with("x-forwarded-")
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

    use axum::body::Body;
    use http::Request;

    use super::*;
    use crate::config::Config;

    fn proxies(networks: &str) -> TrustedProxies {
        let manifest = tempfile::NamedTempFile::new().unwrap();
        let path = manifest.path().to_str().unwrap();
        let variables = [("BERTH_MANIFEST", path), ("TRUSTED_PROXIES", networks)];
        Config::read(&variables.into_iter().collect())
            .unwrap()
            .trusted_proxies
    }

    fn identified(peer: &str, headers: &[(&str, &str)], networks: &str) -> (Client, HeaderMap) {
        let mut request = Request::builder();
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut request = request.body(Body::empty()).unwrap();
        request
            .extensions_mut()
            .insert(ConnectInfo(SocketAddr::new(peer.parse().unwrap(), 80)));
        let client = Client::identify(&mut request, &proxies(networks));
        assert_eq!(request.extensions().get(), Some(&client));
        (client, request.headers().clone())
    }

    fn address(peer: &str, headers: &[(&str, &str)]) -> String {
        identified(peer, headers, "10.0.0.0/8, fd00::/8")
            .0
            .address
            .unwrap()
            .to_string()
    }

    #[test]
    fn a_stranger_is_not_believed() {
        for header in [("x-forwarded-for", "192.0.2.1"), ("forwarded", "for=192.0.2.1")] {
            assert_eq!(address("203.0.113.9", &[header]), "203.0.113.9");
            assert_eq!(address("::ffff:203.0.113.9", &[header]), "203.0.113.9");
        }
    }

    #[test]
    fn trusted_proxies_are_followed_from_the_right() {
        for (header, expected) in [
            (("x-forwarded-for", "192.0.2.1"), "192.0.2.1"),
            (
                ("x-forwarded-for", "198.51.100.1, 192.0.2.1, 10.0.0.2"),
                "192.0.2.1",
            ),
            (
                ("x-forwarded-for", "198.51.100.1, nonsense, 10.0.0.2"),
                "10.0.0.2",
            ),
            (("x-forwarded-for", "10.0.0.3, 10.0.0.2"), "10.0.0.3"),
            (("x-forwarded-for", ""), "10.0.0.1"),
            (
                (
                    "forwarded",
                    "for=198.51.100.1, for=192.0.2.1, for=\"[fd00::2]:4711\"",
                ),
                "192.0.2.1",
            ),
            (("forwarded", "for=192.0.2.1, for=_hidden"), "10.0.0.1"),
        ] {
            assert_eq!(address("10.0.0.1", &[header]), expected, "{header:?}");
            assert_eq!(address("::ffff:10.0.0.1", &[header]), expected, "{header:?}");
        }
    }

    #[test]
    fn of_two_headers_that_differ_neither_is_believed() {
        let both = |one, other| address("10.0.0.1", &[("forwarded", one), ("x-forwarded-for", other)]);
        assert_eq!(both("for=192.0.2.1", "192.0.2.1"), "192.0.2.1");
        assert_eq!(both("for=192.0.2.1", "198.51.100.1"), "10.0.0.1");
        assert_eq!(both("for=192.0.2.1", "nonsense"), "10.0.0.1");
    }

    #[test]
    fn the_claims_are_gone_and_other_headers_are_not() {
        let sent = [
            ("x-forwarded-for", "192.0.2.1"),
            ("X-Forwarded-Any", "1"),
            ("x-real-ip", "1"),
            ("x-mine", "1"),
        ];
        let (_, headers) = identified("10.0.0.1", &sent, "");
        assert_eq!(
            headers.keys().map(HeaderName::as_str).collect::<Vec<_>>(),
            ["x-mine"]
        );
    }

    #[test]
    fn a_scheme_is_believed_from_anybody_or_else_from_trusted_proxies() {
        let https = |peer, header, networks| identified(peer, &[header], networks).0.https;
        let claim = ("x-forwarded-proto", "https");
        assert!(https("203.0.113.9", claim, ""));
        assert!(https("10.0.0.1", claim, "10.0.0.0/8"));
        assert!(!https("203.0.113.9", claim, "10.0.0.0/8"));
        assert!(https(
            "10.0.0.1",
            ("forwarded", "for=192.0.2.1;proto=https"),
            "10.0.0.0/8"
        ));
        assert!(!https(
            "203.0.113.9",
            ("forwarded", "for=192.0.2.1;proto=https"),
            "10.0.0.0/8"
        ));
    }

    #[test]
    fn the_host_is_a_trusted_proxys_to_tell() {
        let host = |peer, header| identified(peer, &[header], "10.0.0.0/8").0.host;
        assert_eq!(
            host("10.0.0.1", ("x-forwarded-host", "a.example")).as_deref(),
            Some("a.example")
        );
        assert_eq!(
            host("10.0.0.1", ("forwarded", "for=192.0.2.1;host=a.example")).as_deref(),
            Some("a.example")
        );
        assert_eq!(host("203.0.113.9", ("x-forwarded-host", "a.example")), None);
    }

    #[test]
    fn a_trace_is_a_trusted_proxys_to_tell() {
        let trace = "0af7651916cd43dd8448eb211c80319c";
        let header = format!("00-{trace}-b7ad6b7169203331-01");
        let told = |peer, networks| {
            let sent = [("traceparent", &*header), ("x-forwarded-for", "192.0.2.1")];
            let (client, headers) = identified(peer, &sent, networks);
            assert!(headers.contains_key("traceparent"), "a component may read it");
            client.trace_id.map(|trace| trace.to_string())
        };
        assert_eq!(told("10.0.0.1", "10.0.0.0/8").as_deref(), Some(trace));
        assert_eq!(told("203.0.113.9", "10.0.0.0/8"), None);
        assert_eq!(told("203.0.113.9", ""), None);
    }

    #[test]
    fn logins_are_counted_by_ipv4_address_or_ipv6_network() {
        let network = |address: &str| {
            Client {
                address: Some(address.parse().unwrap()),
                ..Client::default()
            }
            .network()
            .unwrap()
        };
        assert_eq!(network("::ffff:192.0.2.1"), network("192.0.2.1"));
        assert_eq!(network("2001:db8::1"), network("2001:db8::ffff:1"));
        assert_ne!(network("2001:db8::1"), network("2001:db8:0:1::1"));
        assert_eq!(Client::default().network(), None);
    }
}
