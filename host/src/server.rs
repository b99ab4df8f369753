//! From a socket to the router: accepts connections, limits them, and closes them.

mod refusals;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{ConnectInfo, Request};
use axum::response::Response;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, sleep, timeout_at};
use tokio_io_timeout::TimeoutWriter;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::app::App;
use crate::config::Edge;
use crate::connections::{Connection, Connections};
use crate::drain_body::DrainedBody;
use crate::metrics::ConnectionMetrics;
use crate::routes::Routes;
use refusals::Refusals;

/// How long a stopping host goes on accepting connections while it has requests in flight, because load balancers need
/// time to notice, by `/ready`, that the host is no longer ready.
const STILL_ACCEPTING: Duration = Duration::from_secs(5);

/// How long to wait if the process has no file descriptor left for another connection, and no connection to close.
const OUT_OF_SOCKETS: Duration = Duration::from_millis(100);

/// How long a connection may take to close before the host tries to accept the next.
const CLOSING_TIME: Duration = Duration::from_millis(1);

/// Serves until `stop`, and then while requests are in flight, for the drain timeout at most.
pub async fn serve(listener: TcpListener, app: &App, edge: &Edge, stop: CancellationToken) {
    let routes = Routes::new(app);
    let answer = move |request| {
        let routes = routes.clone();
        async move { routes.answer(request).await }
    };
    let metrics = app.metrics().connections.clone();
    let server = Server::new(answer, edge, metrics, stop.clone());
    tokio::select! {
        () = server.accept(&listener) => {}
        () = stop.cancelled() => {}
    }
    let deadline = Instant::now() + edge.drain_timeout;
    tokio::select! {
        () = server.accept(&listener) => {}
        () = app.in_flight().none_left() => {}
        () = sleep(STILL_ACCEPTING.min(edge.drain_timeout)) => {}
    }
    drop(listener);
    server.tasks.close();
    if timeout_at(deadline, server.tasks.wait()).await.is_err() {
        tracing::warn!(
            connections = server.tasks.len(),
            "requests have not finished in time: breaking them off"
        );
    }
}

/// Serves HTTP/1 on a listener: `answer` gets every request.
pub(crate) struct Server<A> {
    answer: A,
    http: http1::Builder,
    connections: Arc<Connections>,
    write_timeout: Duration,
    tasks: TaskTracker,
    stop: CancellationToken,
    metrics: ConnectionMetrics,
}

impl<A, F> Server<A>
where
    A: Fn(Request) -> F + Clone + Send + 'static,
    F: Future<Output = Response> + Send + 'static,
{
    /// Makes a server whose connections end once `stop` is cancelled, each after its request in flight.
    pub(crate) fn new(answer: A, edge: &Edge, metrics: ConnectionMetrics, stop: CancellationToken) -> Self {
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new())
            .header_read_timeout(edge.header_timeout)
            .max_header_size(edge.max_header_size);
        Self {
            answer,
            http,
            connections: Connections::new(edge.max_connections, edge.max_connections_per_client),
            write_timeout: edge.write_timeout,
            tasks: TaskTracker::new(),
            stop,
            metrics,
        }
    }

    /// Accepts connections and never returns. Each connection has a task of its own.
    pub(crate) async fn accept(&self, listener: &TcpListener) {
        loop {
            match listener.accept().await {
                Ok((socket, peer)) => {
                    if let Some(connection) = self.connections.admit(peer) {
                        self.spawn(socket, peer, connection);
                    } else {
                        self.metrics.refused.increment();
                        tracing::debug!(%peer, "a connection was refused: every other is busy");
                    }
                }
                // Idle connections may hold the file descriptors.
                Err(error) if self.connections.close_oldest() => {
                    tracing::debug!(%error, "the oldest connection was closed to accept another");
                    sleep(CLOSING_TIME).await;
                }
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    sleep(OUT_OF_SOCKETS).await;
                }
            }
        }
    }

    /// Serves a connection. Its requests run in its task: when the client disconnects, they end with it.
    fn spawn(&self, socket: TcpStream, peer: SocketAddr, place: Connection) {
        // Without this option, small pieces of a stream wait 40 ms for an acknowledgement.
        if let Err(error) = socket.set_nodelay(true) {
            tracing::debug!(%error, "TCP_NODELAY cannot be set");
        }
        let mut socket = TimeoutWriter::new(socket);
        socket.set_timeout(Some(self.write_timeout));
        let (answer, activity) = (self.answer.clone(), place.activity());
        let service = service_fn(move |mut request: hyper::Request<Incoming>| {
            request.extensions_mut().insert(ConnectInfo(peer));
            request.extensions_mut().insert(activity.clone());
            let answering = answer(DrainedBody::wrap(request).map(Body::new));
            async move { Ok::<_, Infallible>(answering.await) }
        });
        let mut http = self.http.clone();
        http.keep_alive(!self.stop.is_cancelled());
        let connection = http.serve_connection(TokioIo::new(Refusals::new(Box::pin(socket))), service);
        let stop = self.stop.clone();
        let was_stopping = stop.is_cancelled();
        self.metrics.accepted.increment();
        let open = self.metrics.open.enter();
        self.tasks.spawn(async move {
            let _open = open;
            let mut connection = pin!(connection);
            let ended = tokio::select! {
                biased;
                () = place.closing() => {
                    tracing::debug!(%peer, "the connection was closed: others need its place");
                    return;
                }
                ended = connection.as_mut() => ended,
                () = stop.cancelled(), if !was_stopping => {
                    connection.as_mut().graceful_shutdown();
                    connection.await
                }
            };
            if let Err(error) = ended {
                tracing::debug!(%error, %peer, "the connection ended early");
            }
        });
    }
}
