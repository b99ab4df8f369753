//! The numbers of requests and connections, and how the routes record them.
//!
//! A request is measured around all routes. The route that answers it names itself in a tag among the request's
//! extensions, with its numbers, so that nothing is looked up by the request's path.

use std::sync::{Arc, OnceLock};
use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use berth_metrics::{ByKey, Counter, Gauge, Present};
use berth_runtime::metrics::{RouteMetrics, StatusClass};
use http::{Extensions, StatusCode};

use crate::routes::Probe;

/// The numbers of requests to the host's own routes, and of connections.
#[derive(Debug, Default)]
pub struct HttpMetrics {
    /// The host's own routes, by path pattern.
    pub routes: ByKey<String, RouteMetrics>,
    /// Requests that no route has answered: unknown paths, preflights, requests beyond the limit in flight.
    pub unmatched: Arc<RouteMetrics>,
    /// The connections of clients.
    pub connections: ConnectionMetrics,
    /// The most connections of clients.
    pub max_connections: usize,
}

/// The connections of a listener. Clones share the numbers.
#[derive(Clone, Debug, Default)]
pub struct ConnectionMetrics {
    /// Open connections.
    pub open: Gauge,
    /// Connections that were accepted.
    pub accepted: Arc<Counter>,
    /// Connections that were refused, because every other was busy.
    pub refused: Arc<Counter>,
}

impl HttpMetrics {
    /// The numbers of a host that allows so many connections.
    pub(crate) fn new(max_connections: usize) -> Self {
        Self {
            max_connections,
            ..Self::default()
        }
    }
}

/// The route of a request, once it is known. Clones share it.
#[derive(Clone)]
pub(crate) struct RouteTag(Arc<OnceLock<(Arc<RouteMetrics>, Present)>>);

impl RouteTag {
    /// Names the route that answers the request with these extensions. The first name counts.
    pub(crate) fn set(extensions: &Extensions, route: &Arc<RouteMetrics>) {
        if let Some(Self(tag)) = extensions.get() {
            tag.get_or_init(|| (Arc::clone(route), route.in_flight.enter()));
        }
    }
}

/// A request that is measured. Dropping it records it: with the response's body, or before there was a response.
pub(crate) struct Measured {
    began: Instant,
    tag: RouteTag,
    unmatched: Arc<RouteMetrics>,
    class: StatusClass,
    /// Whether the request is one of the host's own, which probe a version.
    is_probe: bool,
}

impl Measured {
    /// Begins to measure a request.
    pub(crate) fn begin(request: &mut Request, metrics: &HttpMetrics) -> Self {
        let is_probe = request.extensions().get::<Probe>().is_some();
        let tag = RouteTag(Arc::default());
        request.extensions_mut().insert(tag.clone());
        Self {
            began: Instant::now(),
            tag,
            unmatched: Arc::clone(&metrics.unmatched),
            class: StatusClass::None,
            is_probe,
        }
    }

    /// Adds the status of the response. Without it, the client has gone before the response.
    pub(crate) fn set_status(&mut self, status: StatusCode) {
        self.class = StatusClass::of(status);
    }
}

impl Drop for Measured {
    fn drop(&mut self) {
        if self.is_probe {
            return;
        }
        let route = self.tag.0.get().map_or(&self.unmatched, |(route, _)| route);
        route.record(self.class, self.began.elapsed());
    }
}

/// Names the host's own route that answers a request.
pub(crate) async fn tag(
    State(metrics): State<Arc<HttpMetrics>>,
    path: Option<MatchedPath>,
    request: Request,
    next: Next,
) -> Response {
    if let Some(path) = path {
        RouteTag::set(request.extensions(), &metrics.routes.get(path.as_str()));
    }
    next.run(request).await
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use berth_metrics::Counters;

    use super::*;
    use crate::routes::guarded_body::guard_body;

    fn counted(statuses: &Counters<StatusClass>) -> Vec<(&'static str, u64)> {
        statuses.all().filter(|(_, count)| *count > 0).collect()
    }

    #[test]
    fn a_request_counts_at_its_route_when_its_response_has_been_sent() {
        let metrics = HttpMetrics::default();
        let route = metrics.routes.get("/health");
        let mut request = Request::new(Body::empty());
        let mut measured = Measured::begin(&mut request, &metrics);
        RouteTag::set(request.extensions(), &route);
        RouteTag::set(request.extensions(), &metrics.routes.get("/other"));
        assert_eq!(route.in_flight.get(), 1);
        measured.set_status(StatusCode::OK);
        let response = guard_body(Response::new(Body::from("body")), measured);
        assert_eq!(counted(&route.statuses), []);
        drop((response, request));
        assert_eq!(counted(&route.statuses), [("2xx", 1)]);
        assert_eq!(route.in_flight.get(), 0);
        assert_eq!(counted(&metrics.unmatched.statuses), []);
    }

    #[test]
    fn a_request_without_route_or_response_counts_as_such_and_a_probe_does_not() {
        let metrics = HttpMetrics::default();
        drop(Measured::begin(&mut Request::new(Body::empty()), &metrics));
        let mut probe = Request::new(Body::empty());
        probe.extensions_mut().insert(Probe);
        drop(Measured::begin(&mut probe, &metrics));
        assert_eq!(counted(&metrics.unmatched.statuses), [("none", 1)]);
    }
}
