//! Threads of low priority for guests with long computations.
//!
//! A guest runs in the task of its connection, on the host's own threads, and occupies a thread for one tick at a
//! time. A guest that has used [`FOREGROUND_TIME`] moves to the background: the kernel gives the background threads
//! the processor time that the host's own threads leave, and at least a small share. Guests of a component whose
//! requests take [`FOREGROUND_MEAN`] on average begin in the background.
//!
//! The components share the background equally: at any time, the queue holds at most as many guests of a component
//! as there are background threads.
//!
//! Timers, sockets and tasks of a guest still belong to the host's runtime, which is entered for each poll, because
//! no other request may wait for a thread of low priority.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, TryLockError};
use std::task::{Context, Poll, ready};
use std::thread;
use std::time::Duration;

use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::Semaphore;
use tokio_util::sync::PollSemaphore;
use tokio_util::task::AbortOnDropHandle;

use super::meter::{CpuMeter, nanoseconds};

/// Processor time after which a guest moves to the background.
const FOREGROUND_TIME: Duration = Duration::from_millis(10);

/// Mean processor time of a component's requests above which its guests begin in the background.
const FOREGROUND_MEAN: Duration = Duration::from_millis(2);

/// Divisor of the mean: each request has a weight of one sixteenth.
const MEAN_PARTS: u64 = 16;

/// Niceness of the background threads, relative to the host's other threads, on the scale of `nice(1)`: beside a busy
/// thread of the host, a background thread gets a tenth of the processor.
#[cfg(target_os = "linux")]
const NICENESS: i32 = 10;

/// The background threads. Clones share them; the threads end with the last clone.
#[derive(Clone)]
pub(crate) struct Background(Arc<Threads>);

struct Threads {
    handle: Handle,
    runtime: Option<Runtime>,
}

impl Background {
    /// Starts one thread for each processor that the host may use.
    pub(crate) fn start() -> io::Result<Self> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(processors())
            .thread_name("background")
            .on_thread_start(lower_priority)
            .build()?;
        Ok(Self(Arc::new(Threads {
            handle: runtime.handle().clone(),
            runtime: Some(runtime),
        })))
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        // Dropping a runtime blocks until its threads have ended, which no task may do.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

fn processors() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

/// Lowers the priority of the calling thread. Only Linux has priorities of threads.
fn lower_priority() {
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{getpriority_process, setpriority_process};

        let lowered = getpriority_process(None).and_then(|own| setpriority_process(None, own + NICENESS));
        if let Err(error) = lowered {
            tracing::warn!("guests that compute for long keep their priority, and slow others down: {error}");
        }
    }
}

/// How a component's guests use the processors. Clones share the counters.
#[derive(Clone)]
pub(crate) struct ProcessorUse {
    /// One permit for each guest that may be in the background's queue.
    queue_places: Arc<Semaphore>,
    /// Mean processor time of a request, in nanoseconds. A request counts as at most [`FOREGROUND_TIME`].
    mean: Arc<AtomicU64>,
}

impl ProcessorUse {
    pub(crate) fn new() -> Self {
        Self {
            queue_places: Arc::new(Semaphore::new(processors())),
            mean: Arc::default(),
        }
    }

    /// Records a request that has ended. If two end at the same moment, one may be lost.
    pub(crate) fn record(&self, spent: Duration) {
        let mean = self.mean.load(Ordering::Relaxed);
        let spent = nanoseconds(spent.min(FOREGROUND_TIME));
        self.mean
            .store(mean - mean / MEAN_PARTS + spent / MEAN_PARTS, Ordering::Relaxed);
    }

    fn is_heavy(&self) -> bool {
        self.mean.load(Ordering::Relaxed) >= nanoseconds(FOREGROUND_MEAN)
    }
}

/// A guest that runs in the task that polls it, until it moves to the background. On drop, the guest ends.
pub(crate) struct Scheduled<F: Future> {
    background: Background,
    component: ProcessorUse,
    meter: Arc<CpuMeter>,
    stage: Stage<F>,
}

enum Stage<F: Future> {
    Foreground(Pin<Box<F>>),
    Background {
        guest: Arc<Guest<F>>,
        end: AbortOnDropHandle<Option<F::Output>>,
    },
    Ended,
}

impl<F> Scheduled<F>
where
    F: Future<Output: Send> + Send + 'static,
{
    /// `meter` counts the processor time of `guest`.
    pub(crate) fn new(
        background: Background,
        component: ProcessorUse,
        meter: Arc<CpuMeter>,
        guest: F,
    ) -> Self {
        Self {
            background,
            component,
            meter,
            stage: Stage::Foreground(Box::pin(guest)),
        }
    }

    /// Moves the guest to the background.
    fn move_away(&mut self) {
        self.stage = match std::mem::replace(&mut self.stage, Stage::Ended) {
            Stage::Foreground(guest) => {
                let guest = Arc::new(Guest {
                    future: Mutex::new(Some(guest)),
                    host: Handle::current(),
                });
                let work = Arc::clone(&guest).run(self.component.clone(), Arc::clone(&self.meter));
                let end = AbortOnDropHandle::new(self.background.0.handle.spawn(work));
                Stage::Background { guest, end }
            }
            stage => stage,
        };
    }
}

impl<F> Future for Scheduled<F>
where
    F: Future<Output: Send> + Send + 'static,
{
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let this = &mut *self;
        if let Stage::Foreground(guest) = &mut this.stage
            && !this.component.is_heavy()
        {
            let poll = this.meter.poll(|| guest.as_mut().poll(context));
            if poll.is_ready() || this.meter.spent() < FOREGROUND_TIME {
                return poll;
            }
        }
        this.move_away();
        let Stage::Background { end, .. } = &mut this.stage else {
            return Poll::Pending;
        };
        match ready!(Pin::new(end).poll(context)) {
            Ok(Some(result)) => Poll::Ready(result),
            Ok(None) => Poll::Pending,
            Err(error) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                // The background threads have ended, because the host is shutting down.
                Err(_) => Poll::Pending,
            },
        }
    }
}

impl<F: Future> Drop for Scheduled<F> {
    fn drop(&mut self) {
        self.component.record(self.meter.spent());
        // Otherwise the guest's resources would be freed only when a background thread polls it.
        if let Stage::Background { guest, .. } = &self.stage {
            guest.end_unless_polled();
        }
    }
}

/// A guest in the background. `None` after the guest has ended.
struct Guest<F> {
    future: Mutex<Option<Pin<Box<F>>>>,
    /// The runtime of its timers, sockets and tasks.
    host: Handle,
}

impl<F: Future> Guest<F> {
    /// Runs the guest to its end; `None` if the guest was cancelled before.
    async fn run(self: Arc<Self>, component: ProcessorUse, meter: Arc<CpuMeter>) -> Option<F::Output> {
        let mut places = PollSemaphore::new(component.queue_places);
        poll_fn(|context| {
            let place = ready!(places.poll_acquire(context));
            let poll = self.poll(&meter, context);
            drop(place);
            poll
        })
        .await
    }

    fn poll(&self, meter: &CpuMeter, context: &mut Context<'_>) -> Poll<Option<F::Output>> {
        let mut slot = self.future.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(future) = slot.as_mut() else {
            return Poll::Ready(None);
        };
        let _host = self.host.enter();
        let poll = meter.poll(|| future.as_mut().poll(context));
        if poll.is_ready() {
            *slot = None;
        }
        poll.map(Some)
    }
}

impl<F> Guest<F> {
    fn end_unless_polled(&self) {
        let _host = self.host.enter();
        match self.future.try_lock() {
            Ok(mut slot) => *slot = None,
            Err(TryLockError::Poisoned(slot)) => *slot.into_inner() = None,
            Err(TryLockError::WouldBlock) => {}
        }
    }
}

impl<F> Drop for Guest<F> {
    fn drop(&mut self) {
        self.end_unless_polled();
    }
}

#[cfg(test)]
mod tests;
