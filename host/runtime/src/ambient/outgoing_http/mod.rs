//! `wasi:http/outgoing-handler`: requests to the destinations that the manifest lists, and to no others.
//!
//! The origin of a request (scheme, host, port) must be listed. An origin whose host is an address is allowed if it is
//! listed. An origin whose host is a name is resolved once, and only to addresses that are public or listed too,
//! because a component must not gain access to the host's network. The host connects only to addresses that passed the
//! check.

//!
//! A request is sent as the guest wrote it: the host neither adds to nor rewrites its path, its query or its
//! headers, but for `traceparent` where the host sends traces.

mod addresses;
mod client;
mod connection;
mod destination;
mod failure;
mod kept;
mod request_body;
mod response_body;
mod tls;

use std::sync::Arc;

use berth_metrics::Operation;
use berth_traces::{KeyValue, Span, SpanKind};
use http_body_util::BodyExt as _;
use tokio_rustls::TlsConnector;
use url::Url;
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpHooks};

use self::addresses::AllowedAddresses;
use self::client::HttpClient;
use self::connection::Connector;
use self::destination::url_of;
pub use self::destination::{AllowedDestination, DestinationError, Origin};
use self::failure::{AddressProhibited, Failure};
use self::response_body::ResponseBody;
pub use self::tls::{Authorities, AuthoritiesError};
use crate::metrics::OutgoingOutcome;
use crate::request::RequestContext;

/// The longest host name in a log line, in bytes: the longest name of DNS.
const MAX_LOGGED_HOST_BYTES: usize = 253;

/// Why no requests can be sent.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct ClientError(#[from] rustls::Error);

/// The client of one version of a component. A component without destinations has none.
#[derive(Clone, Default)]
pub(crate) struct Client(Option<Arc<Allowed>>);

struct Allowed {
    destinations: Vec<AllowedDestination>,
    http: HttpClient,
}

impl Client {
    pub(crate) fn new(
        destinations: &[AllowedDestination],
        authorities: &Authorities,
    ) -> Result<Self, ClientError> {
        if destinations.is_empty() {
            return Ok(Self(None));
        }
        Ok(Self(Some(Arc::new(Allowed::new(
            destinations.to_vec(),
            authorities,
        )?))))
    }
}

impl Allowed {
    fn new(destinations: Vec<AllowedDestination>, authorities: &Authorities) -> Result<Self, ClientError> {
        let networks = destinations.iter().filter_map(|destination| match destination {
            AllowedDestination::Network(network) => Some(*network),
            AllowedDestination::Origin(_) => None,
        });
        let addresses = AllowedAddresses::new(networks.collect());
        let is_https = destinations.iter().any(AllowedDestination::is_https);
        let tls = TlsConnector::from(Arc::new(authorities.client_config(is_https)?));
        Ok(Self {
            destinations,
            http: HttpClient::new(Connector { addresses, tls }),
        })
    }

    /// The origin of a URL, if the manifest lists it. If the host is an address, nothing is resolved: listing the
    /// origin allows its address.
    fn permitted(&self, url: &Url) -> Option<Origin> {
        let origin = Origin::from_url(url)?;
        let is_listed = |listed: &AllowedDestination| matches!(listed, AllowedDestination::Origin(listed) if *listed == origin);
        self.destinations.iter().any(is_listed).then_some(origin)
    }
}

/// Sends an instance's requests for `wasi:http`.
pub(crate) struct OutgoingHttp {
    client: Client,
    /// The request that the instance serves, for the log.
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
            let response = send(client, request, options.unwrap_or_default(), context).await?;
            Ok((response, Box::new(async { Ok(()) }) as Io))
        })
    }
}

async fn send(
    client: Client,
    mut request: http::Request<WasiBody>,
    options: RequestOptions,
    context: Arc<RequestContext>,
) -> Result<http::Response<WasiBody>, Error> {
    let metrics = &context.metrics;
    let operation = Operation::begin(
        &metrics.outgoing,
        &metrics.outgoing_times,
        OutgoingOutcome::Abandoned,
    );
    let Some(url) = url_of(request.uri()) else {
        operation.end(OutgoingOutcome::Refused);
        return Err(Error::HttpRequestUriInvalid);
    };
    let permitted = client
        .0
        .and_then(|allowed| Some((allowed.permitted(&url)?, allowed)));
    let Some((origin, allowed)) = permitted else {
        operation.end(OutgoingOutcome::Refused);
        log_refusal(&context, &url, None);
        return Err(Error::HttpRequestDenied);
    };
    let span = begin_span(&context.span, &request, &origin);
    span.write_on(request.headers_mut());
    let sent = allowed.http.send(&origin, request, options).await;
    operation.end(match &sent {
        Ok(response) => OutgoingOutcome::of(response.status()),
        Err(Failure::Prohibited(_)) => OutgoingOutcome::Refused,
        Err(_) => OutgoingOutcome::Failed,
    });
    end_span(&span, &sent);
    match sent {
        Ok(response) => Ok(response.map(|inner| {
            let limit = options.between_bytes_timeout;
            ResponseBody {
                inner,
                limit,
                waiting: None,
                origin,
                context,
            }
            .boxed_unsync()
        })),
        Err(failure) => {
            match failure {
                Failure::Prohibited(address) => log_refusal(&context, &url, Some(address)),
                _ => log_failure(&context, &origin, &failure),
            }
            Err(failure.into())
        }
    }
}

/// The span of a request, by OpenTelemetry's conventions for HTTP clients
/// (<https://opentelemetry.io/docs/specs/semconv/http/http-spans/#http-client-span>), without the path, which may have a
/// secret.
fn begin_span(parent: &Span, request: &http::Request<WasiBody>, origin: &Origin) -> Span {
    parent.child(SpanKind::Client, || {
        let method = request.method().as_str().to_owned();
        let attributes = vec![
            KeyValue::new("http.request.method", method.clone()),
            KeyValue::new("url.full", origin.to_string()),
        ];
        (method, attributes)
    })
}

fn end_span<B>(span: &Span, answer: &Result<http::Response<B>, Failure>) {
    match answer {
        Ok(response) => {
            let status = response.status();
            span.set(|| {
                [KeyValue::new(
                    "http.response.status_code",
                    i64::from(status.as_u16()),
                )]
            });
            if status.is_client_error() || status.is_server_error() {
                span.fail(|| status.as_str().to_owned());
            }
        }
        Err(_) => span.fail(|| "no_answer".to_owned()),
    }
    span.end();
}

/// Logs that a request was refused, either by the list or because of the address of its host's name, and the entry
/// that the manifest would need.
fn log_refusal(context: &RequestContext, url: &Url, address: Option<AddressProhibited>) {
    let host = url.host_str().unwrap_or_default();
    let host = &host[..host.floor_char_boundary(MAX_LOGGED_HOST_BYTES)];
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    let origin = format!("{}://{host}{port}", url.scheme());
    let (reason, missing) = match address {
        None => ("the manifest does not list it".to_owned(), origin.clone()),
        Some(AddressProhibited(address)) => {
            let reason = "is not public, and the manifest does not list it";
            (
                format!("its host leads to {address}, which {reason}"),
                address.to_string(),
            )
        }
    };
    context.warn(format_args!(
        "a component's request to {origin} was refused: {reason}; add \"{missing}\" to `outgoing` in [components.{}] of the \
         manifest, if it may go there",
        context.component
    ));
}

/// Logs why an allowed request got no response, or an incomplete one.
fn log_failure(context: &RequestContext, origin: &Origin, failure: &Failure) {
    let component = &context.component;
    if failure.is_unknown_authority() {
        context.warn(format_args!(
            "a component's request to {origin} failed: {failure}; name the authority's certificate as `outgoing_ca` in \
             [components.{component}] of the manifest, if it is a private one"
        ));
    } else {
        context.warn(format_args!(
            "a component's request to {origin} failed: {failure}"
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether the list of destinations allows a component to send a request to this URL.
    fn permits(destinations: &[&str], url: &str) -> bool {
        let destinations = destinations.iter().filter_map(|text| text.parse().ok()).collect();
        let allowed = Allowed::new(destinations, &Authorities::default());
        let url = url.parse().ok().and_then(|uri| url_of(&uri));
        allowed.is_ok_and(|allowed| url.is_some_and(|url| allowed.permitted(&url).is_some()))
    }

    #[test]
    fn only_a_listed_origin_is_permitted_however_it_is_written() {
        for url in [
            "http://127.0.0.1:9000/",
            "http://2130706433:9000/",
            "http://0x7f.1:9000/",
            "http://0177.0.0.01:9000/",
            "http://127.0.0.1.:9000/",
        ] {
            assert!(permits(&["http://127.0.0.1:9000"], url), "{url}");
            assert!(permits(&[url], "http://127.0.0.1:9000/"), "{url}");
            // A listed network allows addresses of names, but no origin.
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
        assert!(permits(
            &["https://example.com"],
            "https://EXAMPLE.com:443/path?query"
        ));
    }
}
