//! The numbers of a pool, which the host exports.

use std::time::Duration;

use berth_metrics::{Counter, Histogram};
use deadpool::managed::{self, TimeoutType};

/// The use of one pool.
#[derive(Debug)]
pub struct PoolMetrics {
    /// The times until callers had a connection, or none in time.
    pub waits: Histogram,
    /// Callers that had no connection in time, because all were in use.
    pub exhausted: Counter,
    /// Callers that had no connection because none could be opened.
    pub failed: Counter,
    /// The times during which callers had a connection.
    pub uses: Histogram,
    /// Statements that were cancelled because their request had ended.
    pub cancellations: Counter,
    /// Backends that did not end by themselves and were terminated.
    pub terminations: Counter,
}

/// The connections of a pool at the moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolStatus {
    /// The most connections.
    pub max: usize,
    /// Open connections, including those that are being opened.
    pub open: usize,
    /// Connections that callers have.
    pub in_use: usize,
    /// Callers that wait for a connection.
    pub waiting: usize,
}

impl Default for PoolMetrics {
    fn default() -> Self {
        Self {
            waits: Histogram::of_times(),
            exhausted: Counter::default(),
            failed: Counter::default(),
            uses: Histogram::of_times(),
            cancellations: Counter::default(),
            terminations: Counter::default(),
        }
    }
}

impl PoolMetrics {
    /// Counts a caller that has waited for `time`.
    pub(crate) fn record_wait<T, E>(&self, time: Duration, result: &Result<T, managed::PoolError<E>>) {
        self.waits.observe_time(time);
        match result {
            Ok(_) => {}
            Err(managed::PoolError::Timeout(TimeoutType::Wait)) => self.exhausted.increment(),
            Err(_) => self.failed.increment(),
        }
    }
}

/// The connections of `pool` at the moment.
pub(crate) fn status<M: managed::Manager>(pool: &managed::Pool<M>) -> PoolStatus {
    let deadpool::Status {
        max_size,
        size,
        available,
        waiting,
    } = pool.status();
    PoolStatus {
        max: max_size,
        open: size,
        in_use: size.saturating_sub(available),
        waiting,
    }
}
