//! Counts the requests in flight, bounds their number, and signals when none is left.

use std::sync::Arc;

use berth_metrics::Counter;
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;

/// The requests in flight, from their first byte to the last byte of their response.
#[derive(Clone, Debug)]
pub struct InFlight {
    requests: TaskTracker,
    most: usize,
    refused: Arc<Counter>,
}

impl InFlight {
    /// Allows at most `most` requests at a time.
    #[must_use]
    pub fn new(most: usize) -> Self {
        Self {
            requests: TaskTracker::new(),
            most,
            refused: Arc::default(),
        }
    }

    /// Counts another request until the token is dropped; none if the limit is reached.
    pub(crate) fn enter(&self) -> Option<TaskTrackerToken> {
        // The request is counted before the comparison: two at once may both be refused, but never both admitted.
        let token = self.requests.token();
        if self.requests.len() <= self.most {
            return Some(token);
        }
        self.refused.increment();
        None
    }

    /// The requests in flight, and the most that there may be.
    #[must_use]
    pub fn count(&self) -> (usize, usize) {
        (self.requests.len(), self.most)
    }

    /// The number of requests that were refused so far.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.refused.get()
    }

    /// Waits until no request is in flight.
    pub async fn none_left(&self) {
        self.requests.close();
        self.requests.wait().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_bound_is_exact_and_a_finished_request_makes_room() {
        let in_flight = InFlight::new(2);
        let first = in_flight.enter();
        let second = in_flight.enter();
        assert!(first.is_some() && second.is_some());
        assert!(in_flight.enter().is_none());
        drop(first);
        assert!(in_flight.enter().is_some());
        drop(second);
        in_flight.none_left().await;
    }
}
