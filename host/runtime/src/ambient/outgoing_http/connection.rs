//! One connection to an origin, which is used for one request at a time.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::{ready, select_ok};
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_rustls::TlsConnector;
use tokio_util::io::InspectReader;

use super::addresses::AllowedAddresses;
use super::destination::Origin;
use super::failure::Failure;
use super::request_body::RequestBody;

/// How long the addresses of one family are tried alone, if a host has addresses of both families.
const FALLBACK_DELAY: Duration = Duration::from_millis(300);

/// Opens connections.
pub(super) struct Connector {
    pub(super) addresses: AllowedAddresses,
    pub(super) tls: TlsConnector,
}

/// An open connection, and the task that drives it. On drop, the connection is closed.
pub(super) struct Connection {
    sender: SendRequest<RequestBody>,
    /// The number of received bytes.
    received: Arc<AtomicU64>,
}

/// A request that got no response.
pub(super) struct Unanswered {
    pub(super) failure: Failure,
    /// Whether the connection closed before the request was written.
    pub(super) is_unsent: bool,
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

impl Connector {
    /// Opens a connection, within `limit` if there is one.
    pub(super) async fn connect(
        &self,
        origin: &Origin,
        limit: Option<Duration>,
    ) -> Result<(Connection, impl Future<Output = ()> + Send + 'static), Failure> {
        let deadline = limit.map(|limit| Instant::now() + limit);
        let addresses = within(
            deadline,
            Failure::UnresolvedInTime,
            self.addresses.resolve(origin),
        )
        .await?;
        let stream = within(
            deadline,
            Failure::UnconnectedInTime,
            self.open(origin, &addresses),
        )
        .await?;
        let received = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&received);
        let stream = InspectReader::new(stream, move |bytes: &[u8]| {
            counted.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        });
        let handshake = http1::handshake(TokioIo::new(stream)).await;
        let (sender, driver) = handshake.map_err(|error| Failure::answering(&error, false))?;
        // The request reports failures of the connection.
        Ok((Connection { sender, received }, driver.map(drop)))
    }

    async fn open(&self, origin: &Origin, addresses: &[SocketAddr]) -> Result<Box<dyn Stream>, Failure> {
        let stream = connect(addresses).await.map_err(Failure::connecting)?;
        // Without this option, a small piece of a body waits for the acknowledgement of the previous piece.
        stream.set_nodelay(true).map_err(Failure::connecting)?;
        if !origin.is_https {
            return Ok(Box::new(stream));
        }
        let name = ServerName::try_from(origin.host.clone())
            .map_err(|_| Failure::Tls(format!("`{}` is no name for a server", origin.host)))?;
        let stream = self
            .tls
            .connect(name, stream)
            .await
            .map_err(|error| Failure::handshaking(&error))?;
        Ok(Box::new(stream))
    }
}

async fn within<T>(
    deadline: Option<Instant>,
    late: Failure,
    work: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    match deadline {
        Some(deadline) => timeout_at(deadline, work).await.unwrap_or(Err(late)),
        None => work.await,
    }
}

/// Connects to the first address that accepts: the addresses of the first family in their order, then those of the
/// other family when the first has failed or takes too long.
async fn connect(addresses: &[SocketAddr]) -> io::Result<TcpStream> {
    let is_preferred = |address: &&SocketAddr| address.is_ipv4() == addresses[0].is_ipv4();
    let (preferred, others): (Vec<_>, Vec<_>) = addresses.iter().partition(is_preferred);
    let mut preferred = TcpStream::connect(&*preferred).boxed();
    if others.is_empty() {
        return preferred.await;
    }
    let preferred = match timeout(FALLBACK_DELAY, &mut preferred).await {
        Ok(Ok(stream)) => return Ok(stream),
        Ok(Err(error)) => ready(Err(error)).boxed(),
        Err(_) => preferred,
    };
    select_ok([preferred, TcpStream::connect(&*others).boxed()])
        .await
        .map(|(stream, _)| stream)
}

impl Connection {
    /// Whether a request can be sent immediately.
    pub(super) fn is_ready(&self) -> bool {
        self.sender.is_ready()
    }

    /// Waits until the previous response has been read to its end. Returns whether the connection is still open.
    pub(super) async fn becomes_ready(&mut self) -> bool {
        self.sender.ready().await.is_ok()
    }

    /// Sends a request, and waits for the head of its response, up to `limit` if there is one.
    pub(super) async fn send(
        &mut self,
        request: Request<RequestBody>,
        limit: Option<Duration>,
    ) -> Result<Response<Incoming>, Unanswered> {
        let before = self.received.load(Ordering::Relaxed);
        let sending = self.sender.try_send_request(request);
        let result = match limit {
            Some(limit) => timeout(limit, sending).await.map_err(|_| Unanswered {
                failure: Failure::Unanswered,
                is_unsent: false,
            })?,
            None => sending.await,
        };
        result.map_err(|mut error| {
            let has_begun = self.received.load(Ordering::Relaxed) > before;
            let failure = Failure::answering(error.error(), has_begun);
            Unanswered {
                failure,
                is_unsent: error.take_message().is_some(),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

    use std::future::pending;

    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn every_address_of_a_host_is_tried() {
        let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let good = server.local_addr().unwrap();
        // No server listens at port 0.
        let bad: [SocketAddr; 2] = [([127, 0, 0, 1], 0).into(), ([0, 0, 0, 0, 0, 0, 0, 1], 0).into()];
        for addresses in [vec![bad[0], good], vec![bad[1], bad[0], good], vec![good, bad[1]]] {
            assert_eq!(
                connect(&addresses).await.unwrap().peer_addr().unwrap(),
                good,
                "{addresses:?}"
            );
        }
        assert!(connect(&bad).await.is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn a_late_name_and_a_late_connection_are_told_apart() {
        let deadline = Some(Instant::now() + Duration::from_millis(50));
        for (late, code) in [
            (Failure::UnresolvedInTime, "DNS lookup timed out"),
            (Failure::UnconnectedInTime, "connection timeout"),
        ] {
            let Err(failure) = within::<()>(deadline, late, pending()).await else {
                unreachable!("{code}")
            };
            assert_eq!(wasmtime_wasi_http::Error::from(failure).to_string(), code);
        }
    }
}
