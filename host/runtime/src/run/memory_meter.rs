//! Measures an instance's memory, and applies its limit.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::Instant;
use wasmtime::ResourceLimiterAsync;

use super::guest_memory::{Charge, NoGuestMemory};
use super::meter::CpuMeter;
use crate::limits::QUEUE_TIME;
use crate::metrics::{ComponentMetrics, Limit};

/// Bytes that an entry of a table takes.
pub(crate) const TABLE_ENTRY_BYTES: u64 = 8;

/// Counts all linear memories and tables of an instance against one limit. wasmtime's own `StoreLimits` counts each
/// memory separately, so that a guest with several could exceed the limit several times.
///
/// A guest that meets its own limit gets an error, and may continue with less. A guest that meets the host's
/// limit waits, up to [`QUEUE_TIME`] in all, and then ends: its request can be retried when others are done.
pub(crate) struct MemoryMeter {
    limit: u64,
    used: u64,
    charge: Charge,
    /// Whether the last memory request of the instance was not granted.
    is_short: bool,
    /// How long the instance may still wait for memory.
    patience: Duration,
    /// Is notified when the instance meets its limit.
    meter: Arc<CpuMeter>,
    /// The numbers of the component.
    metrics: Arc<ComponentMetrics>,
}

impl MemoryMeter {
    /// `charge` is the initial memory of the instance, and grows with the instance.
    pub(crate) fn new(
        limit: u64,
        charge: Charge,
        meter: Arc<CpuMeter>,
        metrics: Arc<ComponentMetrics>,
    ) -> Self {
        Self {
            limit,
            used: 0,
            charge,
            is_short: false,
            patience: QUEUE_TIME,
            meter,
            metrics,
        }
    }

    /// Sets another limit.
    pub(crate) fn set_limit(&mut self, limit: u64) {
        self.limit = limit;
    }

    /// Bytes of all memories and tables.
    pub(crate) fn used(&self) -> u64 {
        self.used
    }

    async fn grow(&mut self, current: usize, desired: usize, unit: u64) -> Result<bool, NoGuestMemory> {
        let growth = (desired.saturating_sub(current) as u64).saturating_mul(unit);
        let used = self.used.saturating_add(growth);
        if used > self.limit {
            if !self.meter.has_reached_memory_limit() {
                self.metrics.limits.increment(Limit::Memory);
            }
            self.meter.reach_memory_limit();
            return Ok(false);
        }
        let missing = used.saturating_sub(self.charge.bytes());
        if !self.charge.try_grow(missing) {
            self.is_short = true;
            let started = Instant::now();
            self.charge.grow_within(missing, self.patience).await?;
            self.patience = self.patience.saturating_sub(started.elapsed());
            self.is_short = false;
        }
        self.used = used;
        self.meter.hold_memory(used);
        Ok(true)
    }
}

impl Drop for MemoryMeter {
    fn drop(&mut self) {
        let held = if self.is_short { self.limit } else { self.used };
        self.charge.account().record_instance(held);
        self.metrics.memory.observe(self.used);
        self.metrics.peak_memory.raise(self.used);
        self.metrics.cpu.add(self.meter.spent());
    }
}

#[async_trait]
impl ResourceLimiterAsync for MemoryMeter {
    async fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _: Option<usize>,
    ) -> wasmtime::Result<bool> {
        self.grow(current, desired, 1).await.map_err(wasmtime::Error::new)
    }

    async fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        _: Option<usize>,
    ) -> wasmtime::Result<bool> {
        self.grow(current, desired, TABLE_ENTRY_BYTES)
            .await
            .map_err(wasmtime::Error::new)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

    use futures_util::future::join_all;

    use super::*;
    use crate::run::guest_memory::GuestMemory;

    fn meter(limit: u64, memory: &GuestMemory) -> MemoryMeter {
        MemoryMeter::new(
            limit,
            memory.account("one").charge(),
            CpuMeter::new(Arc::default()),
            Arc::default(),
        )
    }

    #[tokio::test]
    async fn memories_and_tables_share_one_limit() {
        let memory = GuestMemory::new(16_000);
        let mut meter = meter(1000, &memory);
        assert!(meter.grow(0, 600, 1).await.unwrap());
        assert!(
            meter.grow(0, 50, TABLE_ENTRY_BYTES).await.unwrap(),
            "600 + 400 is at the limit"
        );
        assert!(!meter.grow(600, 601, 1).await.unwrap(), "one more is over it");
        assert!(
            !meter.grow(0, usize::MAX, TABLE_ENTRY_BYTES).await.unwrap(),
            "and nothing overflows"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn an_instance_waits_for_what_others_hold_and_ends_if_they_keep_it() {
        let memory = GuestMemory::new(1600);
        let mut first = meter(1000, &memory);
        let mut second = meter(1000, &memory);
        assert!(first.grow(0, 1000, 1).await.unwrap());
        assert!(
            second.grow(0, 400, 1).await.unwrap(),
            "1,400 of 1,600 are not for trials"
        );
        let refused = second.grow(400, 401, 1).await;
        assert!(refused.is_err(), "within its own limit, and the host's is met");
        let (grown, ()) = tokio::join!(second.grow(400, 800, 1), async { drop(first) });
        assert!(grown.unwrap(), "it was given what the first gave back");
    }

    #[tokio::test(start_paused = true)]
    async fn of_two_that_wait_for_each_other_one_ends_and_the_other_goes_on() {
        let memory = GuestMemory::new(1600);
        let account = memory.account("one");
        let [mut first, mut second] = [(); 2].map(|()| {
            MemoryMeter::new(
                1000,
                account.charge(),
                CpuMeter::new(Arc::default()),
                Arc::default(),
            )
        });
        assert!(first.grow(0, 700, 1).await.unwrap());
        assert!(second.grow(0, 700, 1).await.unwrap());
        let mut other = Box::pin(second.grow(700, 1000, 1));
        tokio::select! {
            biased;
            ended = first.grow(700, 1000, 1) => assert!(ended.is_err()),
            _ = &mut other => panic!("both have waited as long"),
        }
        let waits_on = tokio::time::timeout(10 * QUEUE_TIME, &mut other).await;
        assert!(waits_on.is_err(), "the first has not given back what it holds");
        drop(first);
        assert!(other.await.unwrap());
    }

    #[tokio::test(start_paused = true)]
    async fn instances_that_wait_for_each_other_at_each_step_end_in_time() {
        const STEPS: usize = 60;
        let memory = GuestMemory::new(160);
        let account = memory.account("one");
        let instance = async || {
            let mut meter = MemoryMeter::new(
                1000,
                account.charge(),
                CpuMeter::new(Arc::default()),
                Arc::default(),
            );
            for used in 0..STEPS {
                meter.grow(used, used + 1, 1).await?;
                tokio::task::yield_now().await;
            }
            Ok::<_, NoGuestMemory>(())
        };
        let started = Instant::now();
        let ended = join_all((0..16).map(|_| instance())).await;
        assert!(ended.iter().any(Result::is_ok) && ended.iter().any(Result::is_err));
        assert!(started.elapsed() < 2 * QUEUE_TIME, "{:?}", started.elapsed());
    }

    #[tokio::test]
    async fn the_next_instances_begin_with_what_the_last_ones_held() {
        let memory = GuestMemory::new(1_000_000);
        let account = memory.account("one");
        for _ in 0..100 {
            let charge = account.charge_for_instance(2000).await.unwrap();
            let mut meter = MemoryMeter::new(2000, charge, CpuMeter::new(Arc::default()), Arc::default());
            meter.grow(0, 1000, 1).await.unwrap();
        }
        let bytes = account.charge_for_instance(2000).await.unwrap().bytes();
        assert!((950..=1000).contains(&bytes), "{bytes}");
        assert_eq!(
            account.charge_for_instance(500).await.unwrap().bytes(),
            500,
            "but no more than the limit"
        );
    }
}
