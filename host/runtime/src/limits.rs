//! The limits of a component's requests, with their defaults.

use std::time::Duration;

use crate::request::log_budget::LogLimits;

pub(crate) const MIB: u64 = 1024 * 1024;

/// How long a request waits for a free permit when the maximum of instances run, and for memory that others
/// hold.
pub(crate) const QUEUE_TIME: Duration = Duration::from_secs(5);

/// A number of bytes as the manifest writes it: `64MiB`.
pub(crate) fn size(bytes: u64) -> String {
    const UNITS: [(u64, &str); 3] = [(1024 * MIB, "GiB"), (MIB, "MiB"), (1024, "KiB")];
    let unit = UNITS
        .into_iter()
        .find(|(unit, _)| bytes > 0 && bytes.is_multiple_of(*unit));
    unit.map_or_else(
        || format!("{bytes}B"),
        |(unit, name)| format!("{}{name}", bytes / unit),
    )
}

/// The limits of one component, applied to each of its instances. The manifest's `limits` table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of all linear memories and tables of an instance together.
    pub memory: u64,
    /// Wall-clock time from the start of the request's instance, after its wait for a turn, to the last byte of its
    /// response.
    pub time: Duration,
    /// Execution time of the instance, without waiting.
    pub cpu: Duration,
    /// Maximum number of running instances; further requests wait in a queue for a short time.
    pub concurrency: usize,
    /// Bytes of a request's body.
    pub body: u64,
    /// Rows of one PostgreSQL result.
    pub rows: u32,
    /// Bytes of one PostgreSQL result, and of one statement's parameters.
    pub result: u64,
    /// Limits of the component's log lines.
    pub log: LogLimits,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory: 64 * MIB,
            time: Duration::from_secs(10),
            cpu: Duration::from_secs(1),
            concurrency: 64,
            body: MIB,
            rows: 10_000,
            result: 16 * MIB,
            log: LogLimits::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_has_the_largest_unit_that_divides_it() {
        assert_eq!([1025, 1024, 3 << 30].map(size), ["1025B", "1KiB", "3GiB"]);
    }
}
