//! The last failures of a component's instances, for operators: traps, and ends by the limits of time.
//!
//! The failures of a component are bounded in number, in bytes, and in how many are described in a second, because a
//! component can fail at will.

use std::collections::VecDeque;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use super::RequestContext;

/// The most failures that are kept of one component.
pub const MAX_TRAPS: usize = 20;

/// The most bytes of reasons and backtraces that are kept of one component.
pub const MAX_TRAP_BYTES: usize = 128 * 1024;

/// The longest backtrace that is kept, in bytes; longer ones are cut.
const MAX_BACKTRACE_BYTES: usize = 16 * 1024;

/// The time after which one more failure is described, when a component has failed [`MAX_TRAPS`] times at once.
const INTERVAL: Duration = Duration::from_secs(1);

/// A failure of an instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trap {
    /// When the instance failed.
    pub time: SystemTime,
    /// The number of the version. None for a version that has no number yet.
    pub version: Option<NonZeroU32>,
    /// The request's `x-request-id`.
    pub request_id: String,
    /// The path pattern of the manifest that the request matched. None for a probe's and the host's own calls.
    pub route: Option<Arc<str>>,
    /// Why the instance failed, on one line.
    pub reason: String,
    /// The functions of the guest, innermost first, one on each line; empty if the guest was not running.
    pub backtrace: String,
}

/// The last failures of one component. Clones share them.
#[derive(Clone, Debug)]
pub struct Traps(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    kept: VecDeque<Trap>,
    bytes: usize,
    /// How many failures may be described at once.
    allowance: usize,
    /// When the allowance last grew.
    grown: Instant,
}

impl Traps {
    /// The failures of a component that has not failed yet.
    pub(crate) fn new() -> Self {
        Self(Arc::new(Mutex::new(State {
            kept: VecDeque::new(),
            bytes: 0,
            allowance: MAX_TRAPS,
            grown: Instant::now(),
        })))
    }

    /// The failures, the oldest first.
    #[must_use]
    pub fn read(&self) -> Vec<Trap> {
        self.state().kept.iter().cloned().collect()
    }

    /// Whether another failure is to be described and recorded.
    pub(crate) fn admit(&self) -> bool {
        self.admit_at(Instant::now())
    }

    fn admit_at(&self, now: Instant) -> bool {
        let mut state = self.state();
        let intervals = now.saturating_duration_since(state.grown).as_secs() / INTERVAL.as_secs();
        if intervals > 0 {
            let grown = usize::try_from(intervals).unwrap_or(MAX_TRAPS);
            state.allowance = state.allowance.saturating_add(grown).min(MAX_TRAPS);
            state.grown = now;
        }
        if state.allowance == 0 {
            return false;
        }
        state.allowance -= 1;
        true
    }

    /// Records an admitted failure, in place of the oldest ones if the bounds are reached.
    fn record(&self, mut trap: Trap) {
        if trap.backtrace.len() > MAX_BACKTRACE_BYTES {
            let end = trap.backtrace.floor_char_boundary(MAX_BACKTRACE_BYTES);
            trap.backtrace.truncate(end);
            trap.backtrace.push('…');
        }
        let mut state = self.state();
        state.bytes += trap.bytes();
        state.kept.push_back(trap);
        while state.kept.len() > MAX_TRAPS || state.bytes > MAX_TRAP_BYTES {
            let Some(oldest) = state.kept.pop_front() else {
                return;
            };
            state.bytes -= oldest.bytes();
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Trap {
    fn bytes(&self) -> usize {
        self.reason.len() + self.backtrace.len() + self.request_id.len()
    }
}

impl RequestContext {
    /// Records that the component has failed. `reason` is on one line.
    pub(crate) fn record_trap(&self, reason: String, backtrace: &str) {
        let lines = backtrace.lines().map(str::trim).filter(|line| !line.is_empty());
        self.traps.record(Trap {
            time: SystemTime::now(),
            version: self.version,
            request_id: self.request_id.clone(),
            route: self.route.clone(),
            reason,
            backtrace: lines.collect::<Vec<_>>().join("\n"),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trap(reason: &str) -> Trap {
        Trap {
            time: SystemTime::UNIX_EPOCH,
            version: None,
            request_id: String::new(),
            route: None,
            reason: reason.to_owned(),
            backtrace: String::new(),
        }
    }

    #[test]
    fn the_last_failures_are_kept_and_older_ones_are_not() {
        let traps = Traps::new();
        for number in 0..MAX_TRAPS + 5 {
            traps.record(trap(&number.to_string()));
        }
        let kept: Vec<_> = traps.read().into_iter().map(|trap| trap.reason).collect();
        let expected: Vec<_> = (5..MAX_TRAPS + 5).map(|number| number.to_string()).collect();
        assert_eq!(kept, expected);
    }

    #[test]
    fn bytes_are_bounded_whatever_the_size_of_a_failure() {
        let traps = Traps::new();
        let large = "é".repeat(MAX_TRAP_BYTES);
        for _ in 0..MAX_TRAPS {
            traps.record(Trap {
                backtrace: large.clone(),
                ..trap("it failed")
            });
        }
        let kept = traps.read();
        let bytes: usize = kept.iter().map(Trap::bytes).sum();
        assert!((3..MAX_TRAPS).contains(&kept.len()), "{}", kept.len());
        assert!(bytes <= MAX_TRAP_BYTES, "{bytes}");
        assert!(kept.iter().all(|trap| trap.backtrace.ends_with('…')));
    }

    #[test]
    fn after_a_burst_one_failure_a_second_is_described() {
        let traps = Traps::new();
        let now = traps.state().grown;
        let admitted = |now| (0..100).filter(|_| traps.admit_at(now)).count();
        assert_eq!(admitted(now), MAX_TRAPS);
        assert_eq!(admitted(now), 0);
        assert_eq!(admitted(now + INTERVAL), 1);
        assert_eq!(admitted(now + 1000 * INTERVAL), MAX_TRAPS);
    }
}
