//! The limit that ended an instance.

use wasmtime::Trap;

use crate::limits::{Limits, size};

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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::limits::MIB;

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
    }
}
