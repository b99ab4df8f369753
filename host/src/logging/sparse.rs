//! Lines that strangers can cause: at most one a second, with the number of those that were left out.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The pause after a line.
const PAUSE: Duration = Duration::from_secs(1);

/// Decides which lines of one kind are logged.
#[derive(Debug, Default)]
pub(crate) struct Sparse(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// When the last line was logged.
    last: Option<Instant>,
    left_out: u64,
}

impl Sparse {
    /// Whether a line may be logged now; then with the number of lines that were left out before.
    pub(crate) fn admit(&self) -> Option<u64> {
        self.admit_at(Instant::now())
    }

    fn admit_at(&self, now: Instant) -> Option<u64> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_early = state
            .last
            .is_some_and(|last| now.saturating_duration_since(last) < PAUSE);
        if is_early {
            state.left_out += 1;
            return None;
        }
        state.last = Some(now);
        Some(std::mem::take(&mut state.left_out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_a_second_has_the_number_of_the_others() {
        let sparse = Sparse::default();
        let start = Instant::now();
        let admit = |milliseconds| sparse.admit_at(start + Duration::from_millis(milliseconds));
        assert_eq!(admit(0), Some(0));
        assert_eq!(admit(1), None);
        assert_eq!(admit(999), None);
        assert_eq!(admit(1000), Some(2));
        assert_eq!(admit(5000), Some(0));
    }
}
