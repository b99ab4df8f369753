//! A distribution of times or of sizes, in buckets with fixed upper bounds.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::counter::nanoseconds;

/// The upper bounds of a histogram's buckets, in the unit that is observed, and the divisor of that unit's base unit.
#[derive(Debug)]
pub struct Buckets {
    bounds: &'static [u64],
    /// How many observed units the base unit has: 1e9 for nanoseconds.
    units: f64,
}

/// Times from 0.5 ms to a minute, which are observed in nanoseconds and read in seconds.
pub static TIMES: Buckets = Buckets {
    bounds: &[
        500_000,
        1_000_000,
        2_500_000,
        5_000_000,
        10_000_000,
        25_000_000,
        50_000_000,
        100_000_000,
        250_000_000,
        500_000_000,
        1_000_000_000,
        2_500_000_000,
        5_000_000_000,
        10_000_000_000,
        30_000_000_000,
        60_000_000_000,
    ],
    units: 1e9,
};

/// Sizes from 64 KiB to 1 GiB, in bytes.
pub static SIZES: Buckets = Buckets {
    bounds: &[
        1 << 16,
        1 << 18,
        1 << 20,
        1 << 22,
        1 << 24,
        1 << 26,
        1 << 28,
        1 << 30,
    ],
    units: 1.0,
};

/// A distribution. An observation costs two atomic additions and a short search.
#[derive(Debug)]
pub struct Histogram {
    buckets: &'static Buckets,
    /// The observations in each bucket alone; the last bucket has no upper bound.
    counts: Box<[AtomicU64]>,
    sum: AtomicU64,
}

/// A distribution as it was when it was read, in the base unit.
#[derive(Clone, Debug, PartialEq)]
pub struct Snapshot {
    /// The sum of the observations.
    pub sum: f64,
    /// The number of observations.
    pub count: u64,
    /// Each bucket's upper bound, and the observations in this bucket alone. The last bound is `f64::MAX`, for all.
    pub buckets: Vec<(f64, u64)>,
}

impl Histogram {
    /// A distribution of times.
    #[must_use]
    pub fn of_times() -> Self {
        Self::new(&TIMES)
    }

    /// A distribution of sizes.
    #[must_use]
    pub fn of_sizes() -> Self {
        Self::new(&SIZES)
    }

    fn new(buckets: &'static Buckets) -> Self {
        let counts = (0..=buckets.bounds.len()).map(|_| AtomicU64::new(0)).collect();
        Self {
            buckets,
            counts,
            sum: AtomicU64::new(0),
        }
    }

    /// Adds a time.
    pub fn observe_time(&self, time: Duration) {
        self.observe(nanoseconds(time));
    }

    /// Adds a value in the unit of the buckets' bounds.
    pub fn observe(&self, value: u64) {
        let bucket = self.buckets.bounds.partition_point(|bound| *bound < value);
        if let Some(count) = self.counts.get(bucket) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        self.sum.fetch_add(value, Ordering::Relaxed);
    }

    /// Reads the distribution. An observation that is made meanwhile may be in the counts and not in the sum.
    #[must_use]
    #[expect(
        clippy::cast_precision_loss,
        reason = "bounds are below 2^53, and a sum may be rounded"
    )]
    pub fn read(&self) -> Snapshot {
        let base = |value: u64| value as f64 / self.buckets.units;
        let bounds = self.buckets.bounds.iter().map(|bound| base(*bound));
        let buckets: Vec<_> = bounds
            .chain([f64::MAX])
            .zip(self.counts.iter().map(|count| count.load(Ordering::Relaxed)))
            .collect();
        Snapshot {
            sum: base(self.sum.load(Ordering::Relaxed)),
            count: buckets.iter().map(|(_, count)| count).sum(),
            buckets,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_at_a_bound_belongs_to_the_bound() {
        let histogram = Histogram::of_times();
        for time in [
            Duration::ZERO,
            Duration::from_micros(500),
            Duration::from_nanos(500_001),
            Duration::from_mins(1),
            Duration::from_hours(1),
        ] {
            histogram.observe_time(time);
        }
        let Snapshot { sum, count, buckets } = histogram.read();
        assert!((sum - 3660.001).abs() < 1e-3, "{sum}");
        assert_eq!(count, 5);
        let filled: Vec<_> = buckets.into_iter().filter(|(_, count)| *count > 0).collect();
        assert_eq!(filled, [(0.0005, 2), (0.001, 1), (60.0, 1), (f64::MAX, 1)]);
    }

    #[test]
    fn bounds_grow() {
        for buckets in [&TIMES, &SIZES] {
            assert!(buckets.bounds.is_sorted_by(|one, next| one < next));
        }
    }
}
