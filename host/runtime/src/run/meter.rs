//! Measures an instance's execution time.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use futures_util::task::AtomicWaker;

use crate::request::usage::RequestUsage;

/// Interval of the epoch: the resolution of a component's `cpu` limit, and the longest time that a guest can
/// block a worker thread's other requests.
pub(crate) const TICK: Duration = Duration::from_millis(10);

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
    /// The counters of the request, which are read while the guest runs.
    usage: Arc<RequestUsage>,
}

/// Marks that no poll is running.
const IDLE: u64 = u64::MAX;

/// Wall-clock time of a request before its threads' clocks are read.
const FIRST_TIME: Duration = Duration::from_millis(1);

impl CpuMeter {
    /// A meter for a request with these counters.
    pub(crate) fn new(usage: Arc<RequestUsage>) -> Arc<Self> {
        let (spent, poll_started) = (AtomicU64::new(0), AtomicU64::new(IDLE));
        Arc::new(Self {
            origin: Instant::now(),
            spent,
            poll_started,
            is_interrupted: AtomicBool::new(false),
            is_waiting: AtomicBool::new(false),
            polled: AtomicWaker::new(),
            has_reached_memory_limit: AtomicBool::new(false),
            usage,
        })
    }

    /// Records that the instance was refused memory because of its own limit.
    pub(crate) fn reach_memory_limit(&self) {
        self.has_reached_memory_limit.store(true, Ordering::Relaxed);
    }

    /// Whether the instance was refused memory because of its own limit.
    pub(crate) fn has_reached_memory_limit(&self) -> bool {
        self.has_reached_memory_limit.load(Ordering::Relaxed)
    }

    /// Records that the instance holds `bytes` of memory.
    pub(crate) fn hold_memory(&self, bytes: u64) {
        self.usage.hold_memory(bytes);
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
        let spent = nanoseconds(clock.since(self.origin, started));
        self.spent.fetch_add(spent, Ordering::Relaxed);
        self.usage.add_cpu(spent);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_that_waits_is_charged_a_tick_at_most() {
        let meter = CpuMeter::new(Arc::default());
        for _ in 0..5 {
            meter.measure(|| std::thread::sleep(2 * TICK));
        }
        assert!((TICK..2 * TICK).contains(&meter.spent()), "{:?}", meter.spent());
    }

    #[test]
    fn a_poll_counts_while_it_is_under_way() {
        let meter = CpuMeter::new(Arc::default());
        meter.measure(|| while meter.spent() < TICK {});
        meter.measure(|| while meter.spent() < 2 * TICK {});
        assert!(meter.spent() >= 2 * TICK);
    }
}
