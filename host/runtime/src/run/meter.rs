//! Measures an instance's execution time and memory.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use futures_util::task::AtomicWaker;
use wasmtime::ResourceLimiterAsync;

use super::guest_memory::{Charge, NoGuestMemory};
use crate::limits::QUEUE_TIME;

/// Interval of the epoch: the resolution of a component's `cpu` limit, and the longest time that a guest can
/// block a worker thread's other requests.
pub(crate) const TICK: Duration = Duration::from_millis(10);

/// Bytes that an entry of a table takes.
pub(crate) const TABLE_ENTRY_BYTES: u64 = 8;

/// Measures the processor time of one request, and records whether the request has met its memory limit. Neither
/// waiting for the host nor waiting for a processor counts: wasmtime's epochs advance during both, so they only say
/// when to read this clock.
///
/// Reading a thread's processor time is a system call, and two calls for each poll were a tenth of a request's cost.
/// Most requests end within [`FIRST_TIME`], which is measured by the wall clock instead.
pub(crate) struct CpuMeter {
    origin: Instant,
    /// Processor time of the completed polls, in nanoseconds.
    spent: AtomicU64,
    /// The clock at the start of the current poll, in nanoseconds, or [`IDLE`].
    poll_started: AtomicU64,
    /// Whether the current poll ends because the guest was interrupted.
    is_interrupted: AtomicBool,
    /// Whether the guest waits for the host, so that polling it would not advance it.
    is_waiting: AtomicBool,
    polled: AtomicWaker,
    has_reached_memory_limit: AtomicBool,
}

/// Marks that no poll is running.
const IDLE: u64 = u64::MAX;

/// Wall-clock time of a request before its threads' clocks are read.
const FIRST_TIME: Duration = Duration::from_millis(1);

impl CpuMeter {
    pub(crate) fn new() -> Arc<Self> {
        let (spent, poll_started) = (AtomicU64::new(0), AtomicU64::new(IDLE));
        Arc::new(Self {
            origin: Instant::now(),
            spent,
            poll_started,
            is_interrupted: AtomicBool::new(false),
            is_waiting: AtomicBool::new(false),
            polled: AtomicWaker::new(),
            has_reached_memory_limit: AtomicBool::new(false),
        })
    }

    /// Whether the instance was refused memory because of its own limit.
    pub(crate) fn has_reached_memory_limit(&self) -> bool {
        self.has_reached_memory_limit.load(Ordering::Relaxed)
    }

    /// The spent time, including the current poll. Must be called on the polling thread.
    pub(crate) fn spent(&self) -> Duration {
        let spent = Duration::from_nanos(self.spent.load(Ordering::Relaxed));
        match self.poll_started.load(Ordering::Relaxed) {
            IDLE => spent,
            started => spent + Clock::after(spent).since(self.origin, started),
        }
    }

    /// Adds the time of `poll`.
    pub(crate) fn measure<R>(&self, poll: impl FnOnce() -> R) -> R {
        let clock = Clock::after(Duration::from_nanos(self.spent.load(Ordering::Relaxed)));
        let started = clock.now(self.origin);
        self.poll_started.store(started, Ordering::Relaxed);
        let result = poll();
        self.poll_started.store(IDLE, Ordering::Relaxed);
        self.spent
            .fetch_add(nanoseconds(clock.since(self.origin, started)), Ordering::Relaxed);
        result
    }

    /// Polls the guest, adds the time of the poll, and records whether the guest waits.
    pub(crate) fn poll<T>(&self, poll: impl FnOnce() -> Poll<T>) -> Poll<T> {
        self.is_waiting.store(false, Ordering::Relaxed);
        let poll = self.measure(poll);
        let is_interrupted = self.is_interrupted.swap(false, Ordering::Relaxed);
        self.is_waiting
            .store(poll.is_pending() && !is_interrupted, Ordering::Release);
        self.polled.wake();
        poll
    }

    /// The time of the completed polls, for threads that do not poll.
    pub(crate) fn counted(&self) -> Duration {
        Duration::from_nanos(self.spent.load(Ordering::Relaxed))
    }

    /// Records that the guest is interrupted, and continues at the next poll.
    pub(crate) fn interrupt(&self) {
        self.is_interrupted.store(true, Ordering::Relaxed);
    }

    /// Whether the guest waits for the host. The task of `context` is woken after the next poll.
    pub(crate) fn is_waiting(&self, context: &Context<'_>) -> bool {
        self.polled.register(context.waker());
        self.is_waiting.load(Ordering::Acquire)
    }
}

/// The clock of a poll.
#[derive(Clone, Copy)]
enum Clock {
    Wall,
    /// The processor time of the calling thread.
    Thread,
}

impl Clock {
    /// The clock of a request that has spent this much.
    fn after(spent: Duration) -> Self {
        if spent < FIRST_TIME {
            Self::Wall
        } else {
            Self::Thread
        }
    }

    /// The current time in nanoseconds.
    fn now(self, origin: Instant) -> u64 {
        nanoseconds(match self {
            Self::Wall => origin.elapsed(),
            Self::Thread => thread_time(),
        })
    }

    /// A guest yields after a [`TICK`]: wall-clock time beyond that is a thread's wait for a processor.
    fn since(self, origin: Instant, started: u64) -> Duration {
        let time = Duration::from_nanos(self.now(origin).saturating_sub(started));
        match self {
            Self::Wall => time.min(TICK),
            Self::Thread => time,
        }
    }
}

fn thread_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::try_from(time).unwrap_or_default()
}

/// Nanoseconds, always less than [`IDLE`].
pub(crate) fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(IDLE - 1)
}

/// A future whose polls a [`CpuMeter`] measures.
pub(crate) struct Metered<F> {
    meter: Arc<CpuMeter>,
    future: Pin<Box<F>>,
}

impl<F: Future> Metered<F> {
    pub(crate) fn new(meter: Arc<CpuMeter>, future: F) -> Self {
        Self {
            meter,
            future: Box::pin(future),
        }
    }
}

impl<F: Future> Future for Metered<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { meter, future } = &mut *self;
        meter.poll(|| future.as_mut().poll(context))
    }
}

/// Counts all linear memories and tables of an instance against one limit. wasmtime's own `StoreLimits` counts each
/// memory separately, so that a guest with several could exceed the limit several times.
///
/// A guest that meets its own limit gets an error, and may continue with less. A guest that meets the host's
/// limit waits for [`QUEUE_TIME`], and then ends: its request can be retried when others are done.
pub(crate) struct MemoryMeter {
    limit: u64,
    used: u64,
    charge: Charge,
    /// Whether the last memory request of the instance was not granted.
    is_short: bool,
    /// Is notified when the instance meets its limit.
    meter: Arc<CpuMeter>,
}

impl MemoryMeter {
    /// `charge` is the initial memory of the instance, and grows with the instance.
    pub(crate) fn new(limit: u64, charge: Charge, meter: Arc<CpuMeter>) -> Self {
        Self {
            limit,
            used: 0,
            charge,
            is_short: false,
            meter,
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
            self.meter.has_reached_memory_limit.store(true, Ordering::Relaxed);
            return Ok(false);
        }
        let missing = used.saturating_sub(self.charge.bytes());
        if !self.charge.try_grow(missing) {
            self.is_short = true;
            self.charge.grow_within(missing, QUEUE_TIME).await?;
            self.is_short = false;
        }
        self.used = used;
        Ok(true)
    }
}

impl Drop for MemoryMeter {
    fn drop(&mut self) {
        let held = if self.is_short { self.limit } else { self.used };
        self.charge.account().record_instance(held);
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

    use super::*;
    use crate::run::guest_memory::GuestMemory;

    fn meter(limit: u64, memory: &GuestMemory) -> MemoryMeter {
        MemoryMeter::new(limit, memory.account("one").charge(), CpuMeter::new())
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
        let [mut first, mut second] =
            [(); 2].map(|()| MemoryMeter::new(1000, account.charge(), CpuMeter::new()));
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

    #[tokio::test]
    async fn the_next_instances_begin_with_what_the_last_ones_held() {
        let memory = GuestMemory::new(1_000_000);
        let account = memory.account("one");
        for _ in 0..100 {
            let charge = account.charge_for_instance(2000).await.unwrap();
            let mut meter = MemoryMeter::new(2000, charge, CpuMeter::new());
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

    #[test]
    fn a_thread_that_waits_is_charged_a_tick_at_most() {
        let meter = CpuMeter::new();
        for _ in 0..5 {
            meter.measure(|| std::thread::sleep(2 * TICK));
        }
        assert!((TICK..2 * TICK).contains(&meter.spent()), "{:?}", meter.spent());
    }

    #[test]
    fn a_poll_counts_while_it_is_under_way() {
        let meter = CpuMeter::new();
        meter.measure(|| while meter.spent() < TICK {});
        meter.measure(|| while meter.spent() < 2 * TICK {});
        assert!(meter.spent() >= 2 * TICK);
    }
}
