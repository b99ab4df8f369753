//! The sizes that are derived from the machine, unless the operator sets them.
//!
//! The smallest planned machine is a pod with 512 MiB and half a processor. With less, every size still works; with
//! more, no size grows beyond the needs of a busy host.

use berth_runtime::Limits;
use bytesize::ByteSize;

use super::quantity::{GIB, MIB};
use super::table::{BERTH_COMPILE_MEMORY, BERTH_DATABASE_CONNECTIONS, BERTH_GUEST_MEMORY};
use super::{ConfigError, Machine, Variables};

/// The divisor of the memory for instances; the rest is for the host, its connections, and password hashes of 19 MiB
/// each.
const GUESTS_PART: u64 = 2;

/// Eighths of the memory that the compiler process may take: in the smallest pod, enough for a component in Python and
/// for the host beside it. The compiler process seldom runs, and guests seldom use all of their memory.
const COMPILER_EIGHTHS: u64 = 5;

/// The estimated memory of an instance. Most take less; [`Sizes::guest_memory`] bounds the sum.
const INSTANCE: u64 = 4 * MIB;

/// The estimated host memory of a request, including its connection.
const REQUEST: u64 = MIB / 2;

/// Sizes for a machine.
#[derive(Clone, Debug, PartialEq)]
pub struct Sizes {
    /// The machine that the sizes were chosen for.
    pub machine: Machine,
    /// `BERTH_GUEST_MEMORY`: bytes of linear memories and tables that all instances may have together.
    pub guest_memory: u64,
    /// `BERTH_COMPILE_MEMORY`: bytes that the compiler process may take.
    pub compile_memory: u64,
    /// Instances of a component that run at once, unless the manifest sets it.
    pub concurrency: usize,
    /// `BERTH_DATABASE_CONNECTIONS`: connections to PostgreSQL that each component may have open.
    pub component_connections: usize,
    /// Connections to PostgreSQL for the host's own tables.
    pub host_connections: usize,
    /// `BERTH_MAX_IN_FLIGHT`, where it is not set.
    pub max_in_flight: usize,
    /// `BERTH_MAX_CONNECTIONS`, where it is not set.
    pub max_connections: usize,
}

impl Sizes {
    /// Chooses the sizes for `machine` that `variables` do not set.
    pub(super) fn read(machine: Machine, variables: &Variables) -> Result<Self, ConfigError> {
        let default = Self::of(machine);
        let guest_memory = BERTH_GUEST_MEMORY
            .read(variables)?
            .unwrap_or(default.guest_memory);
        Ok(Self {
            guest_memory,
            compile_memory: BERTH_COMPILE_MEMORY
                .read(variables)?
                .unwrap_or(default.compile_memory),
            concurrency: concurrency(guest_memory),
            component_connections: BERTH_DATABASE_CONNECTIONS
                .read(variables)?
                .unwrap_or(default.component_connections),
            ..default
        })
    }

    fn of(machine: Machine) -> Self {
        let memory = machine.memory.value;
        let guest_memory = (memory / GUESTS_PART).max(16 * MIB);
        let max_in_flight = at_most(memory / REQUEST, 1024).max(64);
        Self {
            machine,
            guest_memory,
            compile_memory: (memory / 8 * COMPILER_EIGHTHS).clamp(128 * MIB, GIB),
            concurrency: concurrency(guest_memory),
            component_connections: for_processors(16.0, machine).clamp(8, 16),
            host_connections: for_processors(8.0, machine).clamp(4, 8),
            max_in_flight,
            max_connections: 2 * max_in_flight,
        }
    }

    /// A component's limits, unless the manifest sets them.
    #[must_use]
    pub fn default_limits(&self) -> Limits {
        Limits {
            concurrency: self.concurrency,
            ..Limits::default()
        }
    }

    /// Logs the chosen sizes and the machine.
    pub fn log(&self) {
        let Self {
            machine,
            guest_memory,
            compile_memory,
            concurrency,
            ..
        } = self;
        tracing::info!(
            guest_memory = %ByteSize(*guest_memory).display().iec(),
            compile_memory = %ByteSize(*compile_memory).display().iec(),
            concurrency,
            component_connections = self.component_connections,
            host_connections = self.host_connections,
            "sized for {machine}"
        );
    }
}

fn concurrency(guest_memory: u64) -> usize {
    at_most(guest_memory / INSTANCE, 64).max(8)
}

fn at_most(count: u64, most: usize) -> usize {
    usize::try_from(count).unwrap_or(most).min(most)
}

/// A count for each processor, rounded up.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a number of processors is small, and never negative"
)]
fn for_processors(each: f64, machine: Machine) -> usize {
    (each * machine.processors.value).ceil() as usize
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

    use super::super::machine::Share;
    use super::*;

    fn machine(processors: f64, memory: u64) -> Machine {
        let (processors, memory) = (
            Share {
                value: processors,
                is_limited: true,
            },
            memory,
        );
        Machine {
            processors,
            memory: Share {
                value: memory,
                is_limited: true,
            },
        }
    }

    fn sizes(processors: f64, memory: u64, variables: &[(&str, &str)]) -> Result<Sizes, ConfigError> {
        Sizes::read(machine(processors, memory), &variables.iter().copied().collect())
    }

    #[test]
    fn the_pod_of_the_deployment_specification_has_what_it_needs() {
        let sizes = sizes(0.5, 512 * MIB, &[]).unwrap();
        assert_eq!(sizes.guest_memory, 256 * MIB);
        assert_eq!(sizes.compile_memory, 320 * MIB);
        assert_eq!(sizes.concurrency, 64);
        assert_eq!((sizes.component_connections, sizes.host_connections), (8, 4));
        assert_eq!((sizes.max_in_flight, sizes.max_connections), (1024, 2048));
    }

    #[test]
    fn everything_shrinks_with_the_machine_and_nothing_vanishes() {
        let small = sizes(0.25, 128 * MIB, &[]).unwrap();
        assert_eq!((small.guest_memory, small.concurrency), (64 * MIB, 16));
        assert_eq!(small.compile_memory, 128 * MIB);
        assert_eq!((small.component_connections, small.host_connections), (8, 4));
        assert_eq!((small.max_in_flight, small.max_connections), (256, 512));
        let tiny = sizes(0.01, MIB, &[]).unwrap();
        assert_eq!((tiny.guest_memory, tiny.concurrency), (16 * MIB, 8));
        assert_eq!((tiny.component_connections, tiny.max_in_flight), (8, 64));
    }

    #[test]
    fn a_large_machine_is_not_taken_whole() {
        let large = sizes(64.0, 256 * GIB, &[]).unwrap();
        assert_eq!((large.concurrency, large.compile_memory), (64, GIB));
        assert_eq!((large.component_connections, large.host_connections), (16, 8));
        assert_eq!((large.max_in_flight, large.max_connections), (1024, 2048));
        assert_eq!(sizes(1.0, u64::MAX, &[]).unwrap().max_in_flight, 1024);
    }

    #[test]
    fn what_the_operator_says_wins() {
        let said = [
            ("BERTH_GUEST_MEMORY", "48MiB"),
            ("BERTH_COMPILE_MEMORY", "100MiB"),
            ("BERTH_DATABASE_CONNECTIONS", "3"),
        ];
        let sizes = sizes(0.5, 512 * MIB, &said).unwrap();
        assert_eq!(
            (sizes.guest_memory, sizes.concurrency, sizes.component_connections),
            (48 * MIB, 12, 3)
        );
        assert_eq!(sizes.compile_memory, 100 * MIB);
    }
}
