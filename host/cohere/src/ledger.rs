//! The tokens that each caller has used since the host started.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use crate::reply::Usage;

/// The maximum number of distinct callers. Further users are counted together, for each component.
const MAX_CALLERS: usize = 10_000;

/// The caller of the model.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Caller {
    /// The calling component.
    pub component: String,
    /// The user whose request the component serves.
    pub user: Option<String>,
}

/// The use of one caller. Calls without a reply are not counted, because Cohere does not report their cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Calls that had a reply.
    pub calls: u64,
    /// The tokens sent.
    pub input_tokens: u64,
    /// The tokens answered.
    pub output_tokens: u64,
}

/// The tallies. A lock suffices: a call takes a second, an entry less than a microsecond.
#[derive(Default)]
pub(crate) struct Ledger(Mutex<HashMap<Caller, Tally>>);

impl Ledger {
    pub(crate) fn enter(&self, caller: &Caller, usage: Usage) {
        let mut tallies = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let tally = if tallies.len() < MAX_CALLERS || tallies.contains_key(caller) {
            tallies.entry(caller.clone())
        } else {
            tallies.entry(Caller {
                component: caller.component.clone(),
                user: None,
            })
        }
        .or_default();
        tally.calls += 1;
        tally.input_tokens = tally.input_tokens.saturating_add(usage.input_tokens);
        tally.output_tokens = tally.output_tokens.saturating_add(usage.output_tokens);
    }

    /// Every tally, by component and user.
    pub(crate) fn read(&self) -> Vec<(Caller, Tally)> {
        let tallies = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut tallies: Vec<_> = tallies
            .iter()
            .map(|(caller, tally)| (caller.clone(), *tally))
            .collect();
        tallies.sort_by(|(left, _), (right, _)| left.cmp(right));
        tallies
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_counted_by_component_and_user_and_the_count_is_bounded() {
        let caller = |user: &str| Caller {
            component: "ai".to_owned(),
            user: Some(user.to_owned()),
        };
        let usage = Usage {
            input_tokens: 10,
            output_tokens: 2,
        };
        let ledger = Ledger::default();
        for _ in 0..2 {
            ledger.enter(&caller("ada"), usage);
        }
        assert_eq!(
            ledger.read(),
            [(
                caller("ada"),
                Tally {
                    calls: 2,
                    input_tokens: 20,
                    output_tokens: 4
                }
            )]
        );

        for index in 0..MAX_CALLERS + 4 {
            ledger.enter(&caller(&index.to_string()), usage);
        }
        ledger.enter(&caller("ada"), usage);
        let tallies = ledger.read();
        assert_eq!(tallies.len(), MAX_CALLERS + 1);
        let others = Caller {
            component: "ai".to_owned(),
            user: None,
        };
        assert_eq!(
            tallies[0],
            (
                others,
                Tally {
                    calls: 5,
                    input_tokens: 50,
                    output_tokens: 10
                }
            )
        );
        assert_eq!(
            tallies.last().map(|(_, tally)| tally.calls),
            Some(3),
            "ada is still told apart"
        );
    }
}
