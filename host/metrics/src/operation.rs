//! Operations that are counted when they end, however they end.

use std::time::Instant;

use crate::{Counters, Histogram, Label};

/// An operation under way. Dropped before it [ends](Self::end), as with the future that carries it out, it counts as
/// abandoned.
#[derive(Debug)]
pub struct Operation<'a, L: Label> {
    counters: &'a Counters<L>,
    times: &'a Histogram,
    began: Instant,
    outcome: L,
}

impl<'a, L: Label> Operation<'a, L> {
    /// Begins an operation, which `counters` and `times` will count. `abandoned` is its outcome if it is dropped.
    #[must_use]
    pub fn begin(counters: &'a Counters<L>, times: &'a Histogram, abandoned: L) -> Self {
        Self {
            counters,
            times,
            began: Instant::now(),
            outcome: abandoned,
        }
    }

    /// Ends the operation, and counts it.
    pub fn end(mut self, outcome: L) {
        self.outcome = outcome;
    }
}

impl<L: Label> Drop for Operation<'_, L> {
    fn drop(&mut self) {
        self.times.observe_time(self.began.elapsed());
        self.counters.increment(self.outcome);
    }
}
