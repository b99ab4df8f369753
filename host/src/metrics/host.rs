//! The series of the host: requests to its own routes, connections, logins, the log, and its memory for guests.

use std::fmt;

use sqlx::postgres::PgSslMode;

use super::catalog as of;
use super::exporter::Sources;
use super::page::{Page, Series};
use crate::metrics::http::HttpMetrics;
use berth_metrics::Label as _;
use berth_runtime::metrics::{RouteMetrics, StatusClass};

/// The route of requests that no route has answered.
const UNMATCHED: &str = "unmatched";

pub(super) fn write(page: &mut Page<'_>, sources: &Sources) -> fmt::Result {
    page.write(&of::BUILD_INFO, |series| {
        let profile = if cfg!(debug_assertions) {
            "debug"
        } else {
            "release"
        };
        series.add(&[env!("CARGO_PKG_VERSION"), profile], 1_u64)
    })?;
    page.write_one(&of::DRAINING, u64::from(sources.app.is_draining()))?;
    requests(page, sources.app.metrics())?;
    limits(page, sources)?;
    page.write(&of::LOGINS, |series| {
        let mut logins = sources.app.auth().logins().all();
        logins.try_for_each(|(outcome, count)| series.add(&[outcome], count))
    })?;
    page.write_one(&of::LOG_LINES_LOST, sources.log.lost_lines())?;
    page.write(&of::DATABASE_INFO, |series| {
        series.add(&[tls(sources.server.direct().get_ssl_mode())], 1_u64)
    })
}

fn requests(page: &mut Page<'_>, metrics: &HttpMetrics) -> fmt::Result {
    let mut routes = metrics.routes.all();
    routes.push((UNMATCHED.to_owned(), metrics.unmatched.clone()));
    page.write(&of::HTTP_REQUESTS, |series| {
        routes.iter().try_for_each(|(route, metrics)| {
            let mut statuses = metrics.statuses.all();
            statuses.try_for_each(|(status, count)| series.add(&[route, status], count))
        })
    })?;
    page.write(&of::HTTP_DURATION, |series| {
        routes
            .iter()
            .try_for_each(|(route, metrics)| times(series, &[route], metrics))
    })
}

/// Adds the times of each class of statuses that a route has had.
pub(super) fn times(series: &mut Series<'_>, labels: &[&str], metrics: &RouteMetrics) -> fmt::Result {
    for (status, times) in StatusClass::ALL.iter().zip(&metrics.times) {
        let times = times.read();
        if times.count > 0 {
            series.add_histogram(&[labels, &[status.as_str()]].concat(), &times)?;
        }
    }
    Ok(())
}

fn limits(page: &mut Page<'_>, sources: &Sources) -> fmt::Result {
    let in_flight = sources.app.in_flight();
    let (requests, most) = in_flight.count();
    page.write_one(&of::REQUESTS_IN_FLIGHT, requests)?;
    page.write_one(&of::REQUESTS_IN_FLIGHT_MAX, most)?;
    page.write_one(&of::REQUESTS_REFUSED, in_flight.refused())?;
    let metrics = sources.app.metrics();
    page.write_one(&of::CONNECTIONS, metrics.connections.open.get())?;
    page.write_one(&of::CONNECTIONS_MAX, metrics.max_connections)?;
    page.write_one(&of::CONNECTIONS_ACCEPTED, metrics.connections.accepted.get())?;
    page.write_one(&of::CONNECTIONS_REFUSED, metrics.connections.refused.get())?;
    let memory = sources.rollout.guest_memory();
    page.write_one(&of::GUEST_MEMORY_HELD, memory.held)?;
    page.write_one(&of::GUEST_MEMORY_LIMIT, memory.limit)
}

/// The name of `sslmode`, as in a URL.
fn tls(mode: PgSslMode) -> &'static str {
    match mode {
        PgSslMode::Disable => "disable",
        PgSslMode::Allow => "allow",
        PgSslMode::Prefer => "prefer",
        PgSslMode::Require => "require",
        PgSslMode::VerifyCa => "verify-ca",
        PgSslMode::VerifyFull => "verify-full",
    }
}
