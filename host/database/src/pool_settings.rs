//! The settings of a pool.

use std::time::Duration;

use crate::rows::ClaimKey;

/// The settings of a [`Pool`](crate::Pool) or a [`SessionPool`](crate::SessionPool).
#[derive(Clone, Debug)]
pub struct PoolSettings {
    /// The maximum number of open connections.
    pub max_connections: usize,
    /// How long a caller waits for a connection before it gets [`PoolError::Exhausted`](crate::PoolError::Exhausted).
    pub queue_timeout: Duration,
    /// Timeout of opening a connection, and of a ping.
    pub connect_timeout: Duration,
    /// How long PostgreSQL works on one statement before it cancels it. Zero means without a limit.
    pub statement_timeout: Duration,
    /// The schema in which unqualified names are looked up; `None` leaves the role's own setting.
    pub search_path: Option<String>,
    /// The key of callers' claims, if rows have owners.
    pub claims: Option<ClaimKey>,
}
