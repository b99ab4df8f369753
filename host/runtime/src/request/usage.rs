//! The time, memory, statements and tokens that serving one request has used, for the access line and `Server-Timing`.
//!
//! The host alone writes these counters, and no capability shows them to a guest or takes them from one. Calls to other
//! components add to the counters of the request that they belong to.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// The counters of one request. An update is one atomic addition.
#[derive(Debug, Default)]
pub struct RequestUsage {
    queue: AtomicU64,
    instance: AtomicU64,
    cpu: AtomicU64,
    database: AtomicU64,
    statements: AtomicU64,
    model: AtomicU64,
    tokens: AtomicU64,
    memory: AtomicU64,
}

/// The values of [`RequestUsage`] at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Used {
    /// Waiting for permits to run instances, and for the initial memory of the instances.
    pub queue: Duration,
    /// Making stores and instances.
    pub instance: Duration,
    /// Processor time of the guests and of the host functions that they call. The first millisecond of each instance is
    /// measured by the wall clock.
    pub cpu: Duration,
    /// Waiting for the database: for a session, and for statements, commits and rollbacks.
    pub database: Duration,
    /// Statements that were sent to the database.
    pub statements: u64,
    /// Waiting for the language model.
    pub model: Duration,
    /// Tokens that the language model has read and written.
    pub tokens: u64,
    /// The most bytes of linear memory and tables that one instance held.
    pub memory: u64,
}

/// The reason of a wait.
#[derive(Clone, Copy)]
pub(crate) enum Wait {
    Queue,
    Instance,
    Database,
    Model,
}

impl RequestUsage {
    /// The values so far.
    #[must_use]
    pub fn read(&self) -> Used {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let time = |counter| Duration::from_nanos(count(counter));
        Used {
            queue: time(&self.queue),
            instance: time(&self.instance),
            cpu: time(&self.cpu),
            database: time(&self.database),
            statements: count(&self.statements),
            model: time(&self.model),
            tokens: count(&self.tokens),
            memory: count(&self.memory),
        }
    }

    /// Measures a wait until the returned value is dropped, also when the wait is cancelled.
    pub(crate) fn wait(&self, wait: Wait) -> Waiting<'_> {
        let counter = match wait {
            Wait::Queue => &self.queue,
            Wait::Instance => &self.instance,
            Wait::Database => &self.database,
            Wait::Model => &self.model,
        };
        Waiting {
            counter,
            began: Instant::now(),
        }
    }

    /// Adds processor time, in nanoseconds.
    pub(crate) fn add_cpu(&self, nanoseconds: u64) {
        self.cpu.fetch_add(nanoseconds, Ordering::Relaxed);
    }

    /// Counts a statement.
    pub(crate) fn add_statement(&self) {
        self.statements.fetch_add(1, Ordering::Relaxed);
    }

    /// Adds tokens.
    pub(crate) fn add_tokens(&self, tokens: u64) {
        self.tokens.fetch_add(tokens, Ordering::Relaxed);
    }

    /// Records that an instance holds `bytes`.
    pub(crate) fn hold_memory(&self, bytes: u64) {
        self.memory.fetch_max(bytes, Ordering::Relaxed);
    }
}

/// A wait that is under way.
pub(crate) struct Waiting<'a> {
    counter: &'a AtomicU64,
    began: Instant,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let waited = u64::try_from(self.began.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.counter.fetch_add(waited, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_add_up_each_in_its_own_counter() {
        let usage = RequestUsage::default();
        for _ in 0..2 {
            let waiting = usage.wait(Wait::Database);
            while waiting.began.elapsed() < Duration::from_micros(50) {}
        }
        let used = usage.read();
        assert!(used.database >= Duration::from_micros(100), "{used:?}");
        assert_eq!(
            (used.queue, used.instance, used.model),
            (Duration::ZERO, Duration::ZERO, Duration::ZERO)
        );
    }

    #[test]
    fn counts_add_up_and_memory_is_the_largest_value() {
        let usage = RequestUsage::default();
        usage.add_cpu(1_500);
        usage.add_cpu(500);
        usage.add_statement();
        usage.add_statement();
        usage.add_tokens(7);
        usage.hold_memory(10);
        usage.hold_memory(30);
        usage.hold_memory(20);
        let expected = Used {
            cpu: Duration::from_micros(2),
            statements: 2,
            tokens: 7,
            memory: 30,
            ..Used::default()
        };
        assert_eq!(usage.read(), expected);
    }
}
