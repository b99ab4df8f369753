//! The records in the database that all hosts on it share.

mod hosts;
mod versions;

use std::time::Duration;

use berth_database::{Pool, Server};

pub(crate) use hosts::{Hosts, in_words};
pub(crate) use versions::{Versions, make_live};

/// The records of versions and hosts.
pub(crate) struct Stores {
    pub(crate) versions: Versions,
    pub(crate) hosts: Hosts,
}

impl Stores {
    /// Selects the records in the host's own database. `host` is its name, and `poll_interval` how often it polls; none
    /// if it is alone on its database.
    pub(crate) fn new(pool: Pool, server: Server, host: String, poll_interval: Option<Duration>) -> Self {
        Self {
            versions: Versions::new(pool.clone(), server),
            hosts: Hosts::new(pool, host, poll_interval),
        }
    }
}
