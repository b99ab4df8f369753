//! From a socket to the router: connections, their limits, and how they end.

mod refusals;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::ConnectInfo;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep, timeout_at};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::app::App;
use crate::config::Edge;
use crate::linger::Lingering;
use crate::routes::Routes;
use refusals::Refusals;

/// How long a host that is told to stop goes on accepting connections while it has requests in flight: load balancers
/// take a moment to notice that it is no longer ready, and `/ready` is how they do.
const STILL_ACCEPTING: Duration = Duration::from_secs(5);

/// How long to wait when the process has no file descriptors left for another connection.
const OUT_OF_SOCKETS: Duration = Duration::from_millis(100);

/// Serves until `stop`, and then for as long as requests are in flight, but no longer than the drain timeout.
pub async fn serve(listener: TcpListener, app: &App, edge: &Edge, stop: CancellationToken) {
    let server = Server::new(app, edge, stop.clone());
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
    server.connections.close();
    if timeout_at(deadline, server.connections.wait()).await.is_err() {
        tracing::warn!(
            connections = server.connections.len(),
            "requests have not finished in time: breaking them off"
        );
    }
}

struct Server {
    routes: Routes,
    http: http1::Builder,
    slots: Arc<Semaphore>,
    connections: TaskTracker,
    stop: CancellationToken,
}

impl Server {
    fn new(app: &App, edge: &Edge, stop: CancellationToken) -> Self {
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new())
            .header_read_timeout(edge.header_timeout)
            .max_header_size(edge.max_header_size);
        Self {
            routes: Routes::new(app),
            http,
            slots: Arc::new(Semaphore::new(edge.max_connections)),
            connections: TaskTracker::new(),
            stop,
        }
    }

    /// Accepts connections for ever, each in a task of its own.
    async fn accept(&self, listener: &TcpListener) {
        loop {
            let Ok(slot) = Arc::clone(&self.slots).acquire_owned().await else { return };
            match listener.accept().await {
                Ok((socket, peer)) => self.spawn(socket, peer, slot),
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    sleep(OUT_OF_SOCKETS).await;
                }
            }
        }
    }

    /// Serves one connection. Its requests live in its task: when the client goes away, they end with it.
    fn spawn(&self, socket: TcpStream, peer: SocketAddr, slot: OwnedSemaphorePermit) {
        // Without it, what is streamed in small pieces waits 40 ms for an acknowledgement.
        if let Err(error) = socket.set_nodelay(true) {
            tracing::debug!(%error, "TCP_NODELAY cannot be set");
        }
        let routes = self.routes.clone();
        let service = service_fn(move |mut request: hyper::Request<Incoming>| {
            request.extensions_mut().insert(ConnectInfo(peer));
            let request = Lingering::of(request).map(Body::new);
            let routes = routes.clone();
            async move { Ok::<_, Infallible>(routes.answer(request).await) }
        });
        let mut http = self.http.clone();
        http.keep_alive(!self.stop.is_cancelled());
        let connection = http.serve_connection(TokioIo::new(Refusals::new(socket)), service);
        let stop = self.stop.clone();
        let was_stopping = stop.is_cancelled();
        self.connections.spawn(async move {
            let _slot = slot;
            let mut connection = pin!(connection);
            let ended = tokio::select! {
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
