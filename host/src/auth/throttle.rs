//! Slows down password guessing, without locking out other clients of the account.
//!
//! - An account knows the clients that it has logged in from before. Each has its own budget for that account, and
//!   neither affects unknown clients nor is affected by them.
//! - All unknown clients of an account share its budget. Once the budget is spent, they are refused before the password
//!   is checked, even if it is right. Otherwise an attacker with many addresses could go on guessing.
//! - A client's budget over all accounts never refuses a right password, because many people may share a client. Once
//!   the budget is spent, the client's attempts on accounts that do not know it run one after the other, and failures get
//!   the error to come back later.
//!
//! Attempts on an account run one after the other (`lanes`), with a lane for each known client, and a failure keeps its
//! lane until its response. So a burst of guesses never tries more passwords than the budget allows.

mod budgets;
mod lanes;

use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use budgets::{Budget, Debts, MAX_DELAY, digest};
use lanes::{Lanes, Place};

/// The delay in the error if too many attempts wait.
const RETRY_SOON: Duration = Duration::from_secs(1);

/// Counts the failed logins of one process.
#[derive(Default)]
pub struct Throttle {
    debts: Mutex<Debts>,
    lanes: Lanes<Budget>,
}

/// A login attempt: its address and its client.
#[derive(Clone, Copy, Debug)]
pub struct Attempt<'a> {
    /// The address as the client wrote it.
    pub address: &'a str,
    /// The client's network. Without it, as in a test without a socket, only addresses count.
    pub client: Option<IpAddr>,
    /// Whether the account of this address has logged in from this client before.
    pub is_known: bool,
}

/// Too many attempts have failed; the next attempt is allowed after this time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many failed logins, try again in {} s", .0.as_secs())]
pub struct Throttled(pub Duration);

/// An attempt that may be made now. Other attempts in its lane wait until it is dropped.
pub struct AdmittedAttempt<'a> {
    throttle: &'a Throttle,
    budget: Budget,
    client: Option<Budget>,
    _lane: Place<'a, Budget>,
    clients_lane: Option<Place<'a, Budget>>,
}

impl Throttle {
    /// Waits until an attempt may be made. Refuses it if its budget is spent, or too many attempts wait before it.
    pub async fn admit(&self, attempt: Attempt<'_>) -> Result<AdmittedAttempt<'_>, Throttled> {
        let client = attempt.client.map(Budget::Client);
        if let Some(known) = attempt.known()
            && self.affords(known).is_ok()
        {
            let lane = self.enter(known).await?;
            if self.affords(known).is_ok() {
                return Ok(AdmittedAttempt {
                    throttle: self,
                    budget: known,
                    client,
                    _lane: lane,
                    clients_lane: None,
                });
            }
        }
        let budget = Budget::Address(digest(attempt.address));
        self.affords(budget)?;
        let clients_lane = match client {
            Some(client) if self.affords(client).is_err() => Some(self.enter(client).await?),
            _ => None,
        };
        let lane = self.enter(budget).await?;
        // The attempts before this may have spent the budget.
        self.affords(budget)?;
        Ok(AdmittedAttempt {
            throttle: self,
            budget,
            client,
            _lane: lane,
            clients_lane,
        })
    }

    fn affords(&self, budget: Budget) -> Result<(), Throttled> {
        let wait = self.debts().wait(budget, Instant::now());
        if wait.is_zero() {
            Ok(())
        } else {
            Err(Throttled(wait))
        }
    }

    async fn enter(&self, budget: Budget) -> Result<Place<'_, Budget>, Throttled> {
        self.lanes.enter(budget).await.ok_or(Throttled(RETRY_SOON))
    }

    fn debts(&self) -> MutexGuard<'_, Debts> {
        // Every change is a single insertion or removal, so a panic elsewhere leaves the map consistent.
        self.debts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Attempt<'_> {
    fn known(&self) -> Option<Budget> {
        self.client
            .filter(|_| self.is_known)
            .map(|client| Budget::Known(digest(self.address), client))
    }
}

impl AdmittedAttempt<'_> {
    /// Counts a failure, and returns when its response may be sent. Returns an error if the client must come back later
    /// instead.
    pub async fn failed(mut self) -> Result<(), Throttled> {
        let (delay, outcome) = self.charge();
        // Other attempts of the client do not wait for this response.
        self.clients_lane = None;
        tokio::time::sleep(delay).await;
        outcome
    }

    /// Forgives the failures that count against this attempt, because the client knows the password.
    pub fn succeeded(self) {
        self.throttle.debts().forgive(self.budget);
    }

    fn charge(&self) -> (Duration, Result<(), Throttled>) {
        let now = Instant::now();
        let mut debts = self.throttle.debts();
        let delay = debts.charge(self.budget, now);
        let Some(client) = self.client else {
            return (delay, Ok(()));
        };
        let was_spent = !debts.wait(client, now).is_zero();
        debts.charge(client, now);
        match self.budget {
            Budget::Address(_) if was_spent => (MAX_DELAY, Err(Throttled(debts.wait(client, now)))),
            _ => (delay, Ok(())),
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

    use futures_util::FutureExt as _;
    use futures_util::future::join_all;

    use super::*;

    const HOME: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));
    const ANN: Attempt<'static> = Attempt {
        address: "ann@example.com",
        client: None,
        is_known: false,
    };
    const ANN_AT_HOME: Attempt<'static> = Attempt {
        client: Some(HOME),
        is_known: true,
        ..ANN
    };

    async fn fail(throttle: &Throttle, attempt: Attempt<'_>) -> Result<(), Throttled> {
        throttle.admit(attempt).await?.failed().await
    }

    async fn after_failures(count: u32, attempt: Attempt<'_>) -> Throttle {
        let throttle = Throttle::default();
        for _ in 0..count {
            fail(&throttle, attempt).await.unwrap();
        }
        throttle
    }

    #[tokio::test(start_paused = true)]
    async fn strangers_spend_their_budget_and_not_that_of_a_known_client() {
        let throttle = after_failures(8, ANN).await;
        assert!(throttle.admit(ANN).await.is_err());
        throttle.admit(ANN_AT_HOME).await.unwrap().succeeded();
        assert!(
            throttle.admit(ANN).await.is_err(),
            "nor does the owner's success give it back"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_known_client_has_failures_of_its_own_and_not_for_ever() {
        let throttle = after_failures(100, ANN_AT_HOME).await;
        throttle.admit(ANN).await.unwrap();
        for _ in 0..8 {
            fail(&throttle, ANN_AT_HOME).await.unwrap();
        }
        assert!(
            throttle.admit(ANN_AT_HOME).await.is_err(),
            "it has become a stranger"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_success_gives_the_budget_back() {
        let throttle = after_failures(7, ANN).await;
        throttle.admit(ANN).await.unwrap().succeeded();
        fail(&throttle, ANN).await.unwrap();
        assert!(throttle.admit(ANN).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn of_a_burst_no_more_are_tried_than_the_budget_has() {
        let throttle = Throttle::default();
        let burst = join_all((0..100).map(|_| fail(&throttle, ANN))).await;
        assert_eq!(burst.iter().filter(|outcome| outcome.is_ok()).count(), 8);
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_has_spent_its_budget_is_heard_one_attempt_after_the_other() {
        let throttle = Throttle::default();
        for number in 0..200 {
            let address = format!("user{number}@example.com");
            fail(
                &throttle,
                Attempt {
                    address: &address,
                    client: Some(HOME),
                    is_known: false,
                },
            )
            .await
            .unwrap();
        }
        let bob = Attempt {
            address: "bob@example.com",
            client: Some(HOME),
            is_known: false,
        };
        assert!(fail(&throttle, bob).await.is_err(), "a failure is to come later");
        let turn = throttle.admit(bob).await.unwrap();
        let other = Attempt {
            address: "cat@example.com",
            ..bob
        };
        assert!(
            throttle.admit(other).now_or_never().is_none(),
            "it waits for the one before"
        );
        assert!(
            throttle.admit(ANN_AT_HOME).now_or_never().unwrap().is_ok(),
            "unless it is known"
        );
        turn.succeeded();
        throttle.admit(other).await.unwrap().succeeded();
    }
}
