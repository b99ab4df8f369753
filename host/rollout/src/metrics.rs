//! The numbers of the swaps on this host, and the last known state of the other hosts, which the host exports.

use std::collections::BTreeMap;
use std::time::Duration;

use berth_metrics::{ByKey, Counter, Histogram};

use crate::report::{Outcome, Replica, ReplicaState, Step};

/// The swaps on this host. Components are those of the manifest.
#[derive(Debug, Default)]
pub struct SwapMetrics {
    /// Swaps that have ended, by component, outcome, and the step that failed.
    pub swaps: ByKey<(String, &'static str, &'static str), Counter>,
    /// The times of swaps, by outcome.
    pub times: ByKey<&'static str, Times>,
    /// The times of steps.
    pub steps: ByKey<&'static str, Times>,
}

/// A distribution of times.
#[derive(Debug)]
pub struct Times(pub Histogram);

impl Default for Times {
    fn default() -> Self {
        Self(Histogram::of_times())
    }
}

impl SwapMetrics {
    /// Counts a swap of `component`, which has ended.
    pub(crate) fn record(&self, component: &str, outcome: Outcome, failed: Option<Step>, time: Duration) {
        let outcome = outcome.as_str();
        let key = (component.to_owned(), outcome, failed.map_or("", Step::as_str));
        self.swaps.get(&key).increment();
        self.times.get(&outcome).0.observe_time(time);
    }

    /// Counts a step.
    pub(crate) fn record_step(&self, step: Step, time: Duration) {
        self.steps.get(&step.as_str()).0.observe_time(time);
    }
}

impl Outcome {
    /// The outcome as in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Unchanged => "unchanged",
            Self::Passed => "passed",
            Self::Refused => "refused",
        }
    }
}

/// The database's last answer about a component.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Known {
    /// The hosts by state, as `live`, `compiling` and `behind`.
    pub hosts: BTreeMap<&'static str, u64>,
    /// The versions that are kept with their bytes.
    pub kept_versions: u64,
}

impl Known {
    /// Counts hosts by state. Every state has a number.
    pub(crate) fn count(replicas: &[Replica]) -> BTreeMap<&'static str, u64> {
        let states = [ReplicaState::Live, ReplicaState::Compiling, ReplicaState::Behind];
        let count = |state| replicas.iter().filter(|replica| replica.state == state).count() as u64;
        states
            .into_iter()
            .map(|state| (state.as_str(), count(state)))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_swap_counts_with_the_step_that_failed() {
        let metrics = SwapMetrics::default();
        metrics.record("shop", Outcome::Live, None, Duration::from_secs(1));
        metrics.record(
            "shop",
            Outcome::Refused,
            Some(Step::Probe),
            Duration::from_secs(2),
        );
        let all = metrics.swaps.all().into_iter();
        let all: Vec<_> = all
            .map(|((_, outcome, step), counter)| (outcome, step, counter.get()))
            .collect();
        assert_eq!(all, [("live", "", 1), ("refused", "probe", 1)]);
        assert_eq!(metrics.times.get(&"refused").0.read().count, 1);
    }
}
