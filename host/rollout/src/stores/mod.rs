//! The records in the database that all hosts on it share.

mod hosts;
mod reports;
mod versions;

use std::time::Duration;

use berth_database::{Pool, Server};

pub(crate) use hosts::{Hosts, in_words};
pub(crate) use reports::Reports;
pub(crate) use versions::{Versions, make_live};

/// The records of versions, hosts and swaps.
pub(crate) struct Stores {
    pub(crate) versions: Versions,
    pub(crate) hosts: Hosts,
    pub(crate) reports: Reports,
}

impl Stores {
    /// Selects the records in the host's own database. `host` is its name, and `poll_interval` how often it polls; none
    /// if it is alone on its database.
    pub(crate) fn new(pool: Pool, server: Server, host: String, poll_interval: Option<Duration>) -> Self {
        Self {
            versions: Versions::new(pool.clone(), server),
            reports: Reports::new(pool.clone(), host.clone()),
            hosts: Hosts::new(pool, host, poll_interval),
        }
    }
}
