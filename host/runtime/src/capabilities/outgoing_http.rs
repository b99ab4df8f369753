//! `wasi:http/outgoing-handler`: requests to the destinations that the manifest lists, and to no other.
//!
//! The origin of a request (scheme, host, port) must be listed. An origin whose host is an address is allowed by being
//! listed. An origin whose host is a name is resolved once, and only to addresses that are public or listed too: a
//! component must not become a way into the network that the host stands in. The addresses that were checked are those
//! that are connected to.

mod addresses;
mod destination;

use std::sync::Arc;

use http_body_util::{BodyDataStream, BodyExt as _};
use reqwest::Url;
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpHooks};

use self::addresses::{AddressProhibited, AllowedAddresses};
use self::destination::origin;
pub use self::destination::{AllowedDestination, DestinationError};
use crate::instance::RequestContext;

/// The longest host that a line of the log shows, in bytes: the longest name of DNS.
const MAX_LOGGED_HOST_BYTES: usize = 253;

/// Why requests cannot be sent at all.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct ClientError(#[from] reqwest::Error);

/// The client of one version of a component. None is made for a component without destinations.
#[derive(Clone, Default)]
pub(crate) struct Client(Option<Arc<Allowed>>);

struct Allowed {
    destinations: Vec<AllowedDestination>,
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
        let addresses = Arc::new(AllowedAddresses::new(networks.collect()));
        let http = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .dns_resolver(addresses)
            .build()?;
        Ok(Self(Some(Arc::new(Allowed { destinations: destinations.to_vec(), http }))))
    }
}

/// How `wasi:http` sends an instance's requests.
pub(crate) struct OutgoingHttp {
    client: Client,
    /// The request that the instance answers, for the log.
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
            // What is checked here is parsed as it will be for sending: a host must not be read in two ways.
            let url = Url::parse(&request.uri().to_string()).map_err(|_| Error::HttpRequestUriInvalid)?;
            let allowed = client.0.filter(|allowed| allowed.permits(&url));
            let Some(allowed) = allowed else {
                log_refusal(&context, &url, None);
                return Err(Error::HttpRequestDenied);
            };
            match allowed.send(request, options.unwrap_or_default()).await {
                Ok(response) => Ok((response, Box::new(async { Ok(()) }) as Io)),
                Err(SendError::Prohibited(address)) => {
                    log_refusal(&context, &url, Some(address));
                    Err(Error::DestinationIpProhibited)
                }
                Err(SendError::Failed(error)) => Err(error),
            }
        })
    }
}

/// Writes into the log that a request was refused, by the list or for the address that its host's name leads to, and
/// what the manifest would have to list.
fn log_refusal(context: &RequestContext, url: &Url, address: Option<AddressProhibited>) {
    let host = url.host_str().unwrap_or_default();
    let host = &host[..host.floor_char_boundary(MAX_LOGGED_HOST_BYTES)];
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    let origin = format!("{}://{host}{port}", url.scheme());
    let (reason, missing) = match address {
        None => ("the manifest does not list it".to_owned(), origin.clone()),
        Some(AddressProhibited(address)) => {
            let reason = "is not public, and the manifest does not list it";
            (format!("its host leads to {address}, which {reason}"), address.to_string())
        }
    };
    context.warn(format_args!(
        "a component's request to {origin} was refused: {reason}; add \"{missing}\" to `outgoing` in [components.{}] of the \
         manifest, if it may go there",
        context.component
    ));
}

/// Why a request that is listed was not answered.
enum SendError {
    /// The name of its host leads where it may not go.
    Prohibited(AddressProhibited),
    /// Anything else.
    Failed(Error),
}

impl From<Error> for SendError {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

impl Allowed {
    /// Whether the manifest lists the origin. An origin whose host is an address never meets the resolver: listing it
    /// says that the component may go to that address.
    fn permits(&self, url: &Url) -> bool {
        origin(url).is_some_and(|wanted| self.destinations.contains(&wanted))
    }

    async fn send(
        &self,
        request: http::Request<WasiBody>,
        options: RequestOptions,
    ) -> Result<http::Response<WasiBody>, SendError> {
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

fn explain(error: &reqwest::Error) -> SendError {
    if let Some(prohibited) = prohibited(error) {
        return SendError::Prohibited(prohibited);
    }
    SendError::Failed(if error.is_timeout() {
        Error::ConnectionTimeout
    } else if error.is_connect() {
        Error::ConnectionRefused
    } else {
        Error::HttpProtocolError
    })
}

/// What the resolver refused, if that is the cause.
fn prohibited(error: &reqwest::Error) -> Option<AddressProhibited> {
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        if let Some(prohibited) = cause.downcast_ref() {
            return Some(*prohibited);
        }
        source = cause.source();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether a component with these destinations may send a request to this URL, as far as the list says.
    fn permits(destinations: &[&str], url: &str) -> bool {
        let allowed = Allowed {
            destinations: destinations.iter().filter_map(|text| text.parse().ok()).collect(),
            http: reqwest::Client::new(),
        };
        Url::parse(url).is_ok_and(|url| allowed.permits(&url))
    }

    #[test]
    fn only_a_listed_origin_is_permitted_however_it_is_written() {
        install_tls();
        for url in [
            "http://127.0.0.1:9000/",
            "http://2130706433:9000/",
            "http://0x7f.1:9000/",
            "http://0177.0.0.01:9000/",
            "http://127.0.0.1.:9000/",
        ] {
            assert!(permits(&["http://127.0.0.1:9000"], url), "{url}");
            assert!(permits(&[url], "http://127.0.0.1:9000/"), "{url}");
            // A network lists where names may lead, and no origin.
            assert!(!permits(&["http://localhost:9000", "127.0.0.0/8"], url), "{url}");
        }
        for (listed, url) in [
            ("http://127.0.0.1", "http://[::ffff:127.0.0.1]/"),
            ("http://127.0.0.1", "http://[::127.0.0.1]/"),
            ("http://127.0.0.1", "http://[64:ff9b::127.0.0.1]/"),
            ("http://127.0.0.1", "http://[2002:7f00:1::]/"),
            ("http://127.0.0.1", "https://127.0.0.1/"),
            ("http://127.0.0.1", "http://127.0.0.1:81/"),
            ("http://127.0.0.1", "http://127.0.0.2/"),
            ("https://example.com", "https://example.com./"),
            ("https://example.com", "https://example.com.evil.example/"),
            ("https://example.com", "https://example.com@evil.example/"),
            ("https://example.com", "https://u@example.com/"),
            ("https://example.com", "https://sub.example.com/"),
        ] {
            assert!(!permits(&[listed], url), "{url}");
        }
        assert!(permits(&["https://example.com"], "https://EXAMPLE.com:443/path?query"));
    }

    /// reqwest's client wants an implementation of TLS, which the host's `main` installs as a rule.
    fn install_tls() {
        drop(rustls::crypto::ring::default_provider().install_default());
    }
}
