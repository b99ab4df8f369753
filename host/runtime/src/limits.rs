//! What one request may cost: the limits of a component, with their defaults.

use std::time::Duration;

use crate::log_budget::LogLimits;

const MIB: u64 = 1024 * 1024;

/// The limits of one component, applied to each of its instances. The manifest's `limits` table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of all linear memories and tables of an instance together.
    pub memory: u64,
    /// Wall-clock time from the request's arrival to the last byte of its response.
    pub time: Duration,
    /// Time that the instance may spend executing, waiting not counted.
    pub cpu: Duration,
    /// Instances that run at the same time; more wait in a queue, for a short while.
    pub concurrency: usize,
    /// Bytes of a request's body.
    pub body: u64,
    /// Rows of one PostgreSQL result.
    pub rows: u32,
    /// Bytes of one PostgreSQL result, and of one statement's parameters.
    pub result: u64,
    /// What it may write into the host's log.
    pub log: LogLimits,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory: 64 * MIB,
            time: Duration::from_secs(10),
            cpu: Duration::from_secs(1),
            concurrency: 64,
            body: MIB,
            rows: 10_000,
            result: 16 * MIB,
            log: LogLimits::default(),
        }
    }
}
