//! An HTTP/1 client over hyper's connections.
//!
//! reqwest changes the guest's paths, and the client of hyper-util has no option for a fresh connection, nor for a
//! connect timeout per request.

use std::sync::Arc;

use http::uri::PathAndQuery;
use http::{Method, Request, Response, Uri};
use hyper::body::Incoming;
use wasmtime_wasi_http::{RequestOptions, WasiBody};

use super::connection::{Connection, Connector, Unanswered};
use super::destination::Origin;
use super::failure::Failure;
use super::kept::KeptConnections;
use super::request_body::{RepeatableBody, RequestBody};

/// Sends requests, and keeps idle connections for later requests.
pub(super) struct HttpClient {
    connector: Connector,
    kept: Arc<KeptConnections>,
}

impl HttpClient {
    pub(super) fn new(connector: Connector) -> Self {
        Self {
            connector,
            kept: Arc::default(),
        }
    }

    /// Sends a request to `origin`, with the guest's path, query and headers unchanged.
    ///
    /// An origin may close an idle connection at the moment when the next request is sent on it. The request is then
    /// sent again on a fresh connection, if a second sending is safe.
    pub(super) async fn send(
        &self,
        origin: &Origin,
        request: Request<WasiBody>,
        options: RequestOptions,
    ) -> Result<Response<Incoming>, Failure> {
        let (mut head, body) = request.into_parts();
        if head.method == Method::CONNECT {
            return Err(Failure::Method);
        }
        let root = PathAndQuery::from_static("/");
        head.uri = Uri::from(head.uri.path_and_query().cloned().unwrap_or(root));
        let head = Request::from_parts(head, ());
        let body = RepeatableBody::new(body);
        let request = || head.clone().map(|()| body.sent_from_beginning());

        if let Some(connection) = self.kept.take(origin) {
            match self.send_on(connection, origin, request(), options).await {
                Ok(response) => return Ok(response),
                Err(unanswered) if may_repeat(&unanswered, head.method(), &body) => {}
                Err(unanswered) => return Err(unanswered.failure),
            }
        }
        let (connection, driver) = self.connector.connect(origin, options.connect_timeout).await?;
        self.kept.drive(origin.clone(), driver);
        let response = self.send_on(connection, origin, request(), options).await;
        response.map_err(|unanswered| unanswered.failure)
    }

    async fn send_on(
        &self,
        mut connection: Connection,
        origin: &Origin,
        request: Request<RequestBody>,
        options: RequestOptions,
    ) -> Result<Response<Incoming>, Unanswered> {
        let response = connection.send(request, options.first_byte_timeout).await?;
        self.kept.keep(origin.clone(), connection);
        Ok(response)
    }
}

/// Whether a request that failed on an idle connection can be sent again.
fn may_repeat(unanswered: &Unanswered, method: &Method, body: &RepeatableBody) -> bool {
    matches!(unanswered.failure, Failure::Closed)
        && (unanswered.is_unsent || method.is_idempotent())
        && body.can_be_sent_again()
}
