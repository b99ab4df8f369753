//! `/metrics` of the operators' listener: the numbers of the host, in Prometheus' formats.
//!
//! - `catalog`: the list of all metrics, from which docs/metrics.md and the panels for Grafana are made
//! - `http`: the numbers of requests and connections, which the routes record
//! - `exporter`: reads all numbers when a scraper asks
//! - `components`, `services`, `host`: the series of components, of what they use, and of the host
//! - `process`: the numbers of the process
//! - `page`, `format`: the page that is written, and its two formats
//! - `reference`: docs/metrics.md and the panels for Grafana
//!
//! Every crate records its own numbers (`berth_metrics`) and knows no name of a metric. A label's value comes from the
//! manifest or from a fixed set, never from a request or a component, so the number of series is bounded. The series of
//! a component end with the component: they are read from the live deployment.

mod catalog;
mod components;
mod exporter;
mod format;
mod host;
mod http;
mod page;
mod process;
#[cfg(test)]
mod reference;
mod services;

pub use exporter::{Exporter, Sources};
pub use http::{ConnectionMetrics, HttpMetrics};
pub(crate) use http::{Measured, RouteTag, tag};
