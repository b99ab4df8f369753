//! Numbers that only grow.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// A number that only grows.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Adds one.
    pub fn increment(&self) {
        self.add(1);
    }

    /// Adds `count`.
    pub fn add(&self, count: u64) {
        self.0.fetch_add(count, Ordering::Relaxed);
    }

    /// The number so far.
    #[must_use]
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A time that only grows, to the nanosecond.
#[derive(Debug, Default)]
pub struct Seconds(Counter);

impl Seconds {
    /// Adds `time`.
    pub fn add(&self, time: Duration) {
        self.0.add(nanoseconds(time));
    }

    /// The seconds so far.
    #[must_use]
    pub fn get(&self) -> f64 {
        Duration::from_nanos(self.0.get()).as_secs_f64()
    }
}

/// Nanoseconds, at most `u64::MAX`: 584 years.
pub(crate) fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_times_add_up() {
        let seconds = Seconds::default();
        for _ in 0..1000 {
            seconds.add(Duration::from_micros(1));
        }
        assert!((seconds.get() - 0.001).abs() < 1e-12, "{}", seconds.get());
    }
}
