//! What an instance uses up: execution time and memory.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use wasmtime::ResourceLimiter;

/// Bytes that an entry of a table counts as.
const TABLE_ENTRY: u64 = 8;

/// The time that one request has spent executing. Waiting is not counted: wasmtime's epochs run on while a guest
/// waits for the host, so they say when to look at this clock and not what it shows.
pub(crate) struct CpuMeter {
    origin: Instant,
    spent: AtomicU64,
    poll_started: AtomicU64,
}

/// Not polled at the moment.
const IDLE: u64 = u64::MAX;

impl CpuMeter {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            origin: Instant::now(),
            spent: AtomicU64::new(0),
            poll_started: AtomicU64::new(IDLE),
        })
    }

    /// What has been spent, the poll that is under way included.
    pub(crate) fn spent(&self) -> Duration {
        let started = self.poll_started.load(Ordering::Relaxed);
        let current = if started == IDLE { 0 } else { self.now().saturating_sub(started) };
        Duration::from_nanos(self.spent.load(Ordering::Relaxed) + current)
    }

    fn now(&self) -> u64 {
        u64::try_from(self.origin.elapsed().as_nanos()).unwrap_or(IDLE - 1)
    }
}

/// A future whose polls are counted by a [`CpuMeter`].
pub(crate) struct Metered<F> {
    meter: Arc<CpuMeter>,
    future: Pin<Box<F>>,
}

impl<F: Future> Metered<F> {
    pub(crate) fn new(meter: Arc<CpuMeter>, future: F) -> Self {
        Self { meter, future: Box::pin(future) }
    }
}

impl<F: Future> Future for Metered<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let started = self.meter.now();
        self.meter.poll_started.store(started, Ordering::Relaxed);
        let poll = self.future.as_mut().poll(context);
        self.meter.poll_started.store(IDLE, Ordering::Relaxed);
        self.meter.spent.fetch_add(self.meter.now().saturating_sub(started), Ordering::Relaxed);
        poll
    }
}

/// Counts all linear memories and tables of an instance against one limit. wasmtime's own `StoreLimits` counts each
/// memory for itself, so that a guest with several could have several times as much.
pub(crate) struct MemoryMeter {
    limit: u64,
    used: u64,
}

impl MemoryMeter {
    pub(crate) fn new(limit: u64) -> Self {
        Self { limit, used: 0 }
    }

    fn grow(&mut self, current: usize, desired: usize, unit: u64) -> bool {
        let growth = (desired.saturating_sub(current) as u64).saturating_mul(unit);
        let used = self.used.saturating_add(growth);
        if used > self.limit {
            return false;
        }
        self.used = used;
        true
    }
}

impl ResourceLimiter for MemoryMeter {
    fn memory_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        Ok(self.grow(current, desired, 1))
    }

    fn table_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        Ok(self.grow(current, desired, TABLE_ENTRY))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memories_and_tables_share_one_limit() {
        let mut meter = MemoryMeter::new(1000);
        assert!(meter.grow(0, 600, 1));
        assert!(meter.grow(0, 50, TABLE_ENTRY), "600 + 400 is at the limit");
        assert!(!meter.grow(600, 601, 1), "one more is over it");
        assert!(!meter.grow(0, usize::MAX, TABLE_ENTRY), "and nothing overflows");
    }
}
