//! `wasi:http/outgoing-handler`: requests to the destinations that the manifest lists, and to no other.
//!
//! A listed name that resolves to an address of this machine or of a private network is refused as well, unless that
//! address is listed: a component must not become a way into the network that the host stands in.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;
use std::sync::Arc;

use http_body_util::{BodyDataStream, BodyExt as _};
use ipnet::IpNet;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpHooks};

use crate::instance::RequestContext;

/// A destination that a component may send requests to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AllowedDestination {
    /// `https://api.example.com` or `http://example.com:8080`: one scheme, host and port.
    Origin {
        /// `http` or `https`.
        scheme: String,
        /// A name in lower case, or an address.
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
        let uri = text.trim_end_matches('/').parse::<http::Uri>().map_err(|_| refuse())?;
        let origin = origin(&uri).ok_or_else(refuse)?;
        if uri.path_and_query().is_some_and(|path| path.as_str() != "/") {
            return Err(refuse());
        }
        Ok(origin)
    }
}

fn origin(uri: &http::Uri) -> Option<AllowedDestination> {
    let scheme = uri.scheme_str()?.to_ascii_lowercase();
    let default_port = match scheme.as_str() {
        "http" => 80,
        "https" => 443,
        _ => return None,
    };
    let authority = uri.authority()?;
    if authority.as_str().contains('@') {
        return None;
    }
    let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase();
    Some(AllowedDestination::Origin { scheme, host, port: authority.port_u16().unwrap_or(default_port) })
}

/// Why requests cannot be sent at all.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct ClientError(#[from] reqwest::Error);

/// The client of one version of a component. None is made for a component without destinations.
#[derive(Clone, Default)]
pub(crate) struct Client(Option<Arc<Allowed>>);

struct Allowed {
    origins: Vec<AllowedDestination>,
    addresses: Arc<AllowedAddresses>,
    http: reqwest::Client,
}

impl Client {
    pub(crate) fn new(destinations: &[AllowedDestination]) -> Result<Self, ClientError> {
        if destinations.is_empty() {
            return Ok(Self(None));
        }
        let networks = destinations.iter().filter_map(|destination| match destination {
            AllowedDestination::Network(network) => Some(*network),
            AllowedDestination::Origin { .. } => None,
        });
        let addresses = Arc::new(AllowedAddresses(networks.collect()));
        let http = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .dns_resolver(Arc::clone(&addresses))
            .build()?;
        Ok(Self(Some(Arc::new(Allowed { origins: destinations.to_vec(), addresses, http }))))
    }
}

/// The addresses that names may resolve to: public ones, and those that the manifest lists.
struct AllowedAddresses(Vec<IpNet>);

impl AllowedAddresses {
    fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        is_public(address) || self.0.iter().any(|network| network.contains(&address))
    }
}

impl Resolve for AllowedAddresses {
    fn resolve(&self, name: Name) -> Resolving {
        let networks = Self(self.0.clone());
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let allowed: Vec<SocketAddr> = found.filter(|address| networks.contains(address.ip())).collect();
            if allowed.is_empty() {
                return Err(io::Error::from(io::ErrorKind::PermissionDenied).into());
            }
            Ok(Box::new(allowed.into_iter()) as Addrs)
        })
    }
}

/// Whether an address is one of the public internet's: neither this machine's, nor a private network's, nor special
/// (IANA's special-purpose registries for IPv4 and IPv6).
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            let [a, b, ..] = v4.octets();
            let shared = a == 100 && (64..128).contains(&b);
            let benchmark = a == 198 && (b == 18 || b == 19);
            let special = v4.is_loopback() || v4.is_private() || v4.is_link_local() || v4.is_documentation();
            !(special || shared || benchmark || a == 0 || a >= 224 || v4.octets()[..3] == [192, 0, 0])
        }
        IpAddr::V6(v6) => {
            let [a, b, ..] = v6.segments();
            let global = a & 0xe000 == 0x2000;
            let documentation_or_tunnel = a == 0x2001 && (b == 0xdb8 || b < 0x200) || a == 0x2002;
            global && !documentation_or_tunnel
        }
    }
}

/// How `wasi:http` sends an instance's requests.
pub(crate) struct OutgoingHttp {
    client: Client,
    context: Arc<RequestContext>,
}

impl OutgoingHttp {
    pub(crate) fn new(client: Client, context: Arc<RequestContext>) -> Self {
        Self { client, context }
    }
}

type Io = Box<dyn Future<Output = Result<(), Error>> + Send>;
type Reply = Result<(http::Response<WasiBody>, Io), Error>;

impl WasiHttpHooks for OutgoingHttp {
    fn send_request(
        &mut self,
        request: http::Request<WasiBody>,
        options: Option<RequestOptions>,
        _: Io,
    ) -> Box<dyn Future<Output = Reply> + Send> {
        let (client, context) = (self.client.clone(), Arc::clone(&self.context));
        Box::new(async move {
            let allowed = client.0.filter(|allowed| allowed.permits(request.uri()));
            let Some(allowed) = allowed else {
                context.warn(format_args!(
                    "a request to {} was refused: the manifest's `outgoing` does not list its destination",
                    request.uri().host().unwrap_or_default()
                ));
                return Err(Error::HttpRequestDenied);
            };
            let response = allowed.send(request, options.unwrap_or_default()).await?;
            let finished: Io = Box::new(async { Ok(()) });
            Ok((response, finished))
        })
    }
}

impl Allowed {
    fn permits(&self, uri: &http::Uri) -> bool {
        let Some(wanted) = origin(uri) else { return false };
        // A literal address never meets the resolver.
        let literal =
            uri.host().map(|host| host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>());
        let address_allowed = match literal {
            Some(Ok(address)) => self.addresses.contains(address) || self.origins.contains(&wanted),
            _ => true,
        };
        address_allowed && self.origins.contains(&wanted)
    }

    async fn send(
        &self,
        request: http::Request<WasiBody>,
        options: RequestOptions,
    ) -> Result<http::Response<WasiBody>, Error> {
        let request =
            request.map(|body| reqwest::Body::wrap_stream(BodyDataStream::new(body.map_err(Failed))));
        let request = reqwest::Request::try_from(request).map_err(|_| Error::HttpRequestUriInvalid)?;
        let sending = self.http.execute(request);
        let response = match options.first_byte_timeout {
            Some(limit) => {
                tokio::time::timeout(limit, sending).await.map_err(|_| Error::ConnectionReadTimeout)?
            }
            None => sending.await,
        };
        let response = http::Response::from(response.map_err(|error| explain(&error))?);
        Ok(response.map(|body| body.map_err(|_| Error::HttpResponseIncomplete).boxed_unsync()))
    }
}

/// The guest's own body failed. reqwest wants an error type that wasi-http's is not.
#[derive(Debug, thiserror::Error)]
#[error("the component's request body broke off: {0:?}")]
struct Failed(Error);

fn explain(error: &reqwest::Error) -> Error {
    if error.is_timeout() {
        Error::ConnectionTimeout
    } else if denied(error) {
        Error::DestinationIpProhibited
    } else if error.is_connect() {
        Error::ConnectionRefused
    } else {
        Error::HttpProtocolError
    }
}

/// Whether the resolver refused every address.
fn denied(error: &reqwest::Error) -> bool {
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        let io = cause.downcast_ref::<io::Error>();
        if io.is_some_and(|io| io.kind() == io::ErrorKind::PermissionDenied) {
            return true;
        }
        source = cause.source();
    }
    false
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
        for bad in
            ["example.com", "ftp://example.com", "https://u@example.com", "https://example.com/path", ""]
        {
            assert!(bad.parse::<AllowedDestination>().is_err(), "{bad}");
        }
    }

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
            "2001:db8::1",
            "2002:7f00:1::",
            "64:ff9b::7f00:1",
        ] {
            assert!(special.parse().is_ok_and(|address| !is_public(address)), "{special}");
        }
        for public in ["1.1.1.1", "100.128.0.1", "172.32.0.1", "2606:4700::1111"] {
            assert!(public.parse().is_ok_and(is_public), "{public}");
        }
    }

    #[test]
    fn a_mapped_address_is_the_address_that_it_maps() {
        let addresses = AllowedAddresses(vec![]);
        assert!("::ffff:127.0.0.1".parse().is_ok_and(|address| !addresses.contains(address)));
        let listed = AllowedAddresses(vec![IpNet::from(IpAddr::from([127, 0, 0, 1]))]);
        assert!("::ffff:127.0.0.1".parse().is_ok_and(|address| listed.contains(address)));
    }
}
