//! The limits of a component's requests, with their defaults.

use std::time::Duration;

use wasmtime::Trap;

use crate::request::log_budget::LogLimits;

pub(crate) const MIB: u64 = 1024 * 1024;

/// A limit that ended an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Overdrawn {
    /// [`Limits::cpu`].
    Cpu,
    /// [`Limits::time`].
    Time,
    /// [`Limits::memory`]: the guest asked for more, was refused, and then failed.
    Memory,
}

impl Overdrawn {
    /// The limit that explains a guest's end. `memory` says whether the guest was refused memory before.
    pub(crate) fn by(error: &wasmtime::Error, memory: bool) -> Option<Self> {
        if error.downcast_ref::<Trap>() == Some(&Trap::Interrupt) {
            return Some(Self::Cpu);
        }
        memory.then_some(Self::Memory)
    }

    /// Text for the log, with the limit as the manifest writes it.
    pub(crate) fn in_words(self, limits: &Limits) -> String {
        match self {
            Self::Cpu => format!("it used up its processor time: `limits.cpu = {:?}`", limits.cpu),
            Self::Time => format!("it used up its time: `limits.time = {:?}`", limits.time),
            Self::Memory => {
                format!(
                    "it failed after it was refused more memory: `limits.memory = {}`",
                    size(limits.memory)
                )
            }
        }
    }
}

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
    /// Wall-clock time from the request's arrival to the last byte of its response.
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
    fn a_limit_is_told_as_the_manifest_writes_it() {
        let limits = Limits {
            cpu: Duration::from_millis(1500),
            memory: 64 * MIB,
            ..Limits::default()
        };
        assert_eq!(
            Overdrawn::Cpu.in_words(&limits),
            "it used up its processor time: `limits.cpu = 1.5s`"
        );
        assert_eq!(
            Overdrawn::Time.in_words(&limits),
            "it used up its time: `limits.time = 10s`"
        );
        assert!(
            Overdrawn::Memory
                .in_words(&limits)
                .ends_with("`limits.memory = 64MiB`")
        );
        assert_eq!([1025, 1024, 3 << 30].map(size), ["1025B", "1KiB", "3GiB"]);
    }
}
