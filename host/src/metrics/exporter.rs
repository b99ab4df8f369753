//! Answers a scraper: reads all numbers, and writes the page.

use std::fmt;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use axum::response::{IntoResponse as _, Response};
use berth_database::{Pool, Server};
use berth_rollout::Rollout;
use http::{HeaderMap, StatusCode, header};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;

use super::format::Format;
use super::page::Page;
use super::{components, host, process, services};
use crate::app::App;
use crate::logging::Queue;

/// All that has numbers.
pub struct Sources {
    /// Requests, connections, logins, and the live deployment.
    pub app: App,
    /// Swaps and guest memory.
    pub rollout: Arc<Rollout>,
    /// The server of the host's database.
    pub server: Server,
    /// The host's own connections.
    pub pool: Pool,
    /// The log.
    pub log: Queue,
}

/// The metrics of a host. The host is read when a scraper asks, and asks the database nothing.
pub struct Exporter {
    registry: Registry,
}

struct HostCollector {
    sources: Sources,
    /// When the host started, in seconds since 1970.
    started: f64,
}

impl Exporter {
    /// The metrics of `sources`, whose process has just started.
    #[must_use]
    pub fn new(sources: Sources) -> Self {
        let started = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let mut registry = Registry::default();
        registry.register_collector(Box::new(HostCollector {
            sources,
            started: started.as_secs_f64(),
        }));
        Self { registry }
    }

    /// The page, in the format that the scraper prefers.
    pub(crate) fn answer(&self, headers: &HeaderMap) -> Response {
        let format = Format::accepted(headers);
        let mut page = String::new();
        match encode(&mut page, &self.registry) {
            Ok(()) => ([(header::CONTENT_TYPE, format.content_type())], format.page(page)).into_response(),
            Err(error) => {
                tracing::error!(%error, "the metrics cannot be written because of a bug of the host");
                StatusCode::INTERNAL_SERVER_ERROR.into_response()
            }
        }
    }
}

impl Collector for HostCollector {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut page = Page::new(encoder);
        let deployment = self.sources.app.registry().current();
        host::write(&mut page, &self.sources)?;
        components::write(&mut page, &deployment)?;
        services::write(&mut page, &deployment, &self.sources)?;
        process::write(&mut page, self.started)
    }
}

impl fmt::Debug for HostCollector {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("HostCollector")
    }
}
