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

/// The memory that there is for all instances of a host together: bytes that nobody has taken. A clone is the same.
#[derive(Clone, Debug)]
pub(crate) struct GuestMemory(Arc<AtomicU64>);

impl GuestMemory {
    pub(crate) fn new(bytes: u64) -> Self {
        Self(Arc::new(AtomicU64::new(bytes)))
    }

    fn take(&self, bytes: u64) -> Result<(), NoGuestMemory> {
        let taken = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(bytes));
        taken.map(drop).map_err(|_| NoGuestMemory)
    }

    fn give_back(&self, bytes: u64) {
        self.0.fetch_add(bytes, Ordering::Relaxed);
    }
}

/// An instance within its own limit asked for more than the others have left.
#[derive(Debug, thiserror::Error)]
#[error("the instances of this host have taken all the memory that there is for them")]
pub(crate) struct NoGuestMemory;

/// Counts all linear memories and tables of an instance against one limit. wasmtime's own `StoreLimits` counts each
/// memory for itself, so that a guest with several could have several times as much.
///
/// A guest that meets its own limit is told so, and may do with less. One that meets the host's ends: its request can be
/// made again when others are done.
pub(crate) struct MemoryMeter {
    limit: u64,
    used: u64,
    shared: GuestMemory,
}

impl MemoryMeter {
    pub(crate) fn new(limit: u64, shared: GuestMemory) -> Self {
        Self { limit, used: 0, shared }
    }

    fn grow(&mut self, current: usize, desired: usize, unit: u64) -> Result<bool, NoGuestMemory> {
        let growth = (desired.saturating_sub(current) as u64).saturating_mul(unit);
        let used = self.used.saturating_add(growth);
        if used > self.limit {
            return Ok(false);
        }
        self.shared.take(growth)?;
        self.used = used;
        Ok(true)
    }
}

impl Drop for MemoryMeter {
    fn drop(&mut self) {
        self.shared.give_back(self.used);
    }
}

impl ResourceLimiter for MemoryMeter {
    fn memory_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        self.grow(current, desired, 1).map_err(wasmtime::Error::new)
    }

    fn table_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        self.grow(current, desired, TABLE_ENTRY).map_err(wasmtime::Error::new)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

    use super::*;

    #[test]
    fn memories_and_tables_share_one_limit() {
        let mut meter = MemoryMeter::new(1000, GuestMemory::new(2000));
        assert!(meter.grow(0, 600, 1).unwrap());
        assert!(meter.grow(0, 50, TABLE_ENTRY).unwrap(), "600 + 400 is at the limit");
        assert!(!meter.grow(600, 601, 1).unwrap(), "one more is over it");
        assert!(!meter.grow(0, usize::MAX, TABLE_ENTRY).unwrap(), "and nothing overflows");
    }

    #[test]
    fn instances_share_what_the_host_has_and_give_it_back() {
        let memory = GuestMemory::new(1000);
        let mut first = MemoryMeter::new(800, memory.clone());
        let mut second = MemoryMeter::new(800, memory.clone());
        assert!(first.grow(0, 800, 1).unwrap());
        assert!(second.grow(0, 200, 1).unwrap());
        assert!(second.grow(200, 201, 1).is_err(), "within its own limit, and the host's is met");
        drop(first);
        assert!(second.grow(200, 800, 1).unwrap());
        drop(second);
        assert!(memory.take(1000).is_ok(), "all of it is there again");
    }
}
