//! The number of things that exist at the moment, and the largest value of a kind.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A number of things that exist at the moment. Clones share the number.
#[derive(Clone, Debug, Default)]
pub struct Gauge(Arc<AtomicU64>);

/// One of the things that a [`Gauge`] counts. On drop, it counts no more.
#[derive(Debug)]
pub struct Present(Gauge);

impl Gauge {
    /// Counts one more until the returned value is dropped.
    #[must_use]
    pub fn enter(&self) -> Present {
        self.0.fetch_add(1, Ordering::Relaxed);
        Present(self.clone())
    }

    /// Raises the number to `value`, unless it is higher already.
    pub fn raise(&self, value: u64) {
        self.0.fetch_max(value, Ordering::Relaxed);
    }

    /// The number.
    #[must_use]
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Drop for Present {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_ended_is_not_counted() {
        let gauge = Gauge::default();
        let first = gauge.enter();
        let second = gauge.enter();
        assert_eq!(gauge.get(), 2);
        drop(first);
        assert_eq!(gauge.get(), 1);
        drop(second);
        assert_eq!(gauge.get(), 0);
    }

    #[test]
    fn a_peak_stays() {
        let gauge = Gauge::default();
        for value in [3, 7, 5] {
            gauge.raise(value);
        }
        assert_eq!(gauge.get(), 7);
    }
}
