//! A component's share of the host's log: lines and bytes per second, with a burst.
//!
//! Every line that a component can cause at will is charged: its log calls, its output, and the host's lines about its
//! failures. A line beyond the budget is dropped and counted, and a line of the host reports the count soon after.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use berth_metrics::Counter;
use tokio::runtime::Handle;
use tokio::time::{Instant, sleep};

/// How long dropped lines are counted before the log reports their number.
const REPORT_INTERVAL: Duration = Duration::from_secs(10);

/// The log limits of one component.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLimits {
    /// Lines a second.
    pub lines: u64,
    /// Bytes of text a second.
    pub bytes: u64,
    /// The burst, as the time in which the limits allow as many lines and bytes.
    pub burst: Duration,
}

impl Default for LogLimits {
    fn default() -> Self {
        Self {
            lines: 100,
            bytes: 64 * 1024,
            burst: Duration::from_secs(10),
        }
    }
}

/// The log budget of one component. Clones share it.
#[derive(Clone, Debug)]
pub struct LogBudget(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    component: String,
    limits: LogLimits,
    state: Mutex<State>,
    /// All dropped lines, which earlier budgets of the component have begun to count.
    dropped: Arc<DroppedLines>,
}

/// Lines that were dropped, and their bytes.
#[derive(Debug, Default)]
struct DroppedLines {
    lines: Counter,
    bytes: Counter,
}

#[derive(Debug)]
struct State {
    /// The time that the written lines are worth, minus the time that has passed since. At most the burst and one
    /// line.
    lines: Duration,
    /// The time that the written bytes are worth, likewise.
    bytes: Duration,
    settled: Instant,
    dropped: Dropped,
}

#[derive(Debug, Default)]
struct Dropped {
    lines: u64,
    bytes: u64,
}

impl LogBudget {
    /// The budget of the component of this name.
    #[must_use]
    pub fn new(component: &str, limits: &LogLimits) -> Self {
        Self::counting(component, limits, Arc::default())
    }

    /// The budget of the component with other limits. It goes on counting dropped lines.
    #[must_use]
    pub(crate) fn with_limits(&self, limits: &LogLimits) -> Self {
        Self::counting(&self.0.component, limits, Arc::clone(&self.0.dropped))
    }

    fn counting(component: &str, limits: &LogLimits, dropped: Arc<DroppedLines>) -> Self {
        let state = State {
            lines: Duration::ZERO,
            bytes: Duration::ZERO,
            settled: Instant::now(),
            dropped: Dropped::default(),
        };
        Self(Arc::new(Shared {
            component: component.to_owned(),
            limits: limits.clone(),
            state: Mutex::new(state),
            dropped,
        }))
    }

    /// Whether a line of `bytes` bytes may be written. A refused line is counted as dropped.
    #[must_use]
    pub fn admit(&self, bytes: usize) -> bool {
        let Shared { limits, .. } = &*self.0;
        let mut state = self.0.state();
        state.settle();
        // A long line is not split: a line is written if there is any budget left, and the next line waits
        // longer.
        if state.lines < limits.burst && state.bytes < limits.burst {
            state.lines += worth(1, limits.lines);
            state.bytes += worth(bytes, limits.bytes);
            return true;
        }
        let first = state.dropped.lines == 0;
        state.dropped.lines += 1;
        state.dropped.bytes += bytes as u64;
        drop(state);
        self.0.dropped.lines.increment();
        self.0.dropped.bytes.add(bytes as u64);
        if first {
            self.report_later();
        }
        false
    }

    /// The lines that were dropped so far, and their bytes.
    #[must_use]
    pub fn dropped(&self) -> (u64, u64) {
        (self.0.dropped.lines.get(), self.0.dropped.bytes.get())
    }

    /// Charges `bytes` more bytes for an admitted line.
    pub(crate) fn charge(&self, bytes: usize) {
        self.0.state().bytes += worth(bytes, self.0.limits.bytes);
    }

    /// Reports dropped lines after the interval. Without a runtime, dropping the budget reports them.
    fn report_later(&self) {
        let Ok(runtime) = Handle::try_current() else {
            return;
        };
        let budget = Arc::downgrade(&self.0);
        runtime.spawn(async move {
            sleep(REPORT_INTERVAL).await;
            if let Some(budget) = budget.upgrade() {
                budget.report();
            }
        });
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn report(&self) {
        let Dropped { lines, bytes } = std::mem::take(&mut self.state().dropped);
        if lines > 0 {
            tracing::warn!(
                component = self.component,
                lines,
                bytes,
                "lines were dropped: the component writes more than its log budget; raise `log_lines` and `log_bytes` in its limits"
            );
        }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.report();
    }
}

impl State {
    /// Reduces the charges by the time that has passed.
    fn settle(&mut self) {
        let now = Instant::now();
        let passed = now.duration_since(self.settled);
        self.lines = self.lines.saturating_sub(passed);
        self.bytes = self.bytes.saturating_sub(passed);
        self.settled = now;
    }
}

/// The time in which `amount` may be written at `per_second`.
fn worth(amount: usize, per_second: u64) -> Duration {
    let nanoseconds = (amount as u64).saturating_mul(1_000_000_000) / per_second.max(1);
    Duration::from_nanos(nanoseconds)
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    const LIMITS: LogLimits = LogLimits {
        lines: 10,
        bytes: 1000,
        burst: Duration::from_secs(2),
    };

    fn admitted(budget: &LogBudget, tries: usize, bytes: usize) -> usize {
        (0..tries).filter(|_| budget.admit(bytes)).count()
    }

    #[tokio::test(start_paused = true)]
    async fn a_burst_is_admitted_and_then_so_much_a_second() {
        let budget = LogBudget::new("one", &LIMITS);
        assert_eq!(admitted(&budget, 100, 1), 20);
        advance(Duration::from_secs(1)).await;
        assert_eq!(admitted(&budget, 100, 1), 10);
        advance(Duration::from_hours(1)).await;
        assert_eq!(
            admitted(&budget, 100, 1),
            20,
            "what is not used is not saved beyond the burst"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn bytes_are_bounded_whatever_the_number_of_lines() {
        let budget = LogBudget::new("one", &LIMITS);
        assert_eq!(admitted(&budget, 100, 400), 5);
        let budget = LogBudget::new("one", &LIMITS);
        assert!(
            budget.admit(10_000),
            "a line that is longer than the burst is written"
        );
        advance(Duration::from_secs(7)).await;
        assert!(!budget.admit(1), "and paid for");
        advance(Duration::from_secs(2)).await;
        assert!(budget.admit(1));
        budget.charge(10_000);
        assert!(!budget.admit(1), "so is what it grew by");
    }

    #[tokio::test(start_paused = true)]
    async fn dropped_lines_are_reported_once_an_interval_and_then_forgotten() {
        let budget = LogBudget::new("one", &LIMITS);
        let dropped = || budget.0.state().dropped.lines;
        assert_eq!(admitted(&budget, 100, 1), 20);
        assert_eq!(dropped(), 80);
        sleep(REPORT_INTERVAL + Duration::from_secs(1)).await;
        assert_eq!(
            dropped(),
            0,
            "the flood has ended, and its count is said all the same"
        );
        assert_eq!(admitted(&budget, 30, 1), 20);
        assert_eq!(dropped(), 10);
        sleep(REPORT_INTERVAL + Duration::from_secs(1)).await;
        assert_eq!(dropped(), 0);
    }
}
