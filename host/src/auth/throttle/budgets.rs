//! How many failed logins are allowed for an address of an account, for a client, and for an account from a known
//! client.
//!
//! Each failure is a debt that is paid off over time at a fixed rate (the "generic cell rate algorithm"), so each
//! budget needs only a single instant: when its debt is paid.
//!
//! Each process counts for itself: with several replicas, an attacker has as many times the budget.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use sha2::{Digest as _, Sha256};

/// Eight failures in a row for an address, then two a minute.
const PER_ADDRESS: Rate = Rate {
    burst: 8,
    each: Duration::from_secs(30),
    longest: Duration::from_mins(15),
};

/// Far more failures for a client, because many people share the address of a proxy or an office.
const PER_CLIENT: Rate = Rate {
    burst: 200,
    each: Duration::from_secs(1),
    longest: Duration::from_mins(5),
};

/// A hundred failures for an account from a known client, then six an hour: NIST SP 800-63B allows a hundred in a row
/// for an account. A client that has spent them counts as unknown.
const PER_KNOWN: Rate = Rate {
    burst: 100,
    each: Duration::from_mins(10),
    longest: Duration::from_hours(24),
};

/// How many failures are answered without delay, because people mistype.
const FORGIVEN: u32 = 3;

/// The delay of the first failure beyond [`FORGIVEN`]; each further failure doubles it.
const FIRST_DELAY: Duration = Duration::from_millis(100);

/// The longest delay of an answer.
pub(super) const MAX_DELAY: Duration = Duration::from_secs(1);

/// The most budgets of each kind that are kept.
const REMEMBERED: usize = 10_000;

/// The budget that a failure is charged to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Budget {
    /// All unknown clients that try this address.
    Address(Digest),
    /// All attempts from this network, on any address.
    Client(IpAddr),
    /// This address, from a network that its account has logged in from.
    Known(Digest, IpAddr),
}

/// The digest by which addresses are compared, so that a long address takes no more memory than a short one.
pub(super) type Digest = [u8; 32];

/// The digest of an address, regardless of case.
pub(super) fn digest(address: &str) -> Digest {
    Sha256::digest(address.trim().to_lowercase()).into()
}

/// The failures of a process. The caller passes the time, so that tests need not wait.
#[derive(Default)]
pub(super) struct Debts {
    addresses: Map,
    clients: Map,
    known: Map,
}

/// The instant at which each budget's failures are paid.
type Map = HashMap<Budget, Instant>;

impl Debts {
    /// The time until `budget` can afford another failure.
    pub(super) fn wait(&self, budget: Budget, now: Instant) -> Duration {
        let paid_at = self.map(budget).get(&budget);
        let debt = paid_at.map_or(Duration::ZERO, |paid_at| paid_at.saturating_duration_since(now));
        let rate = budget.rate();
        debt.saturating_sub(rate.each * (rate.burst - 1))
    }

    /// Charges a failure to `budget`. Returns how long to delay its response.
    pub(super) fn charge(&mut self, budget: Budget, now: Instant) -> Duration {
        let rate = budget.rate();
        let debts = self.map_mut(budget);
        if debts.len() >= REMEMBERED && !debts.contains_key(&budget) {
            make_room(debts, now);
        }
        let paid_at = debts.entry(budget).or_insert(now);
        *paid_at = ((*paid_at).max(now) + rate.each).min(now + rate.longest);
        let failures = (*paid_at - now).as_millis().div_ceil(rate.each.as_millis());
        delay(u32::try_from(failures).unwrap_or(u32::MAX))
    }

    /// Clears the debt of `budget`.
    pub(super) fn forgive(&mut self, budget: Budget) {
        self.map_mut(budget).remove(&budget);
    }

    fn map(&self, budget: Budget) -> &Map {
        match budget {
            Budget::Address(_) => &self.addresses,
            Budget::Client(_) => &self.clients,
            Budget::Known(..) => &self.known,
        }
    }

    fn map_mut(&mut self, budget: Budget) -> &mut Map {
        match budget {
            Budget::Address(_) => &mut self.addresses,
            Budget::Client(_) => &mut self.clients,
            Budget::Known(..) => &mut self.known,
        }
    }
}

/// The rate at which failures are allowed.
#[derive(Clone, Copy)]
struct Rate {
    /// The failures that are allowed at once.
    burst: u32,
    /// The time after which another failure is allowed.
    each: Duration,
    /// The largest debt.
    longest: Duration,
}

impl Budget {
    fn rate(self) -> Rate {
        match self {
            Self::Address(_) => PER_ADDRESS,
            Self::Client(_) => PER_CLIENT,
            Self::Known(..) => PER_KNOWN,
        }
    }
}

/// Evicts the budgets without debt; if there are none, evicts the budget with the smallest debt.
fn make_room(debts: &mut Map, now: Instant) {
    debts.retain(|_, paid_at| *paid_at > now);
    if debts.len() >= REMEMBERED
        && let Some(least) = debts
            .iter()
            .min_by_key(|(_, paid_at)| **paid_at)
            .map(|(key, _)| *key)
    {
        debts.remove(&least);
    }
}

fn delay(failures: u32) -> Duration {
    match failures.checked_sub(FORGIVEN + 1) {
        None => Duration::ZERO,
        Some(doublings) => FIRST_DELAY
            .saturating_mul(2_u32.saturating_pow(doublings))
            .min(MAX_DELAY),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ann() -> Budget {
        Budget::Address(digest("ann@example.com"))
    }

    fn office() -> Budget {
        Budget::Client(IpAddr::from([192, 0, 2, 1]))
    }

    fn after_failures(count: u32, budget: Budget, now: Instant) -> Debts {
        let mut debts = Debts::default();
        for _ in 0..count {
            debts.charge(budget, now);
        }
        debts
    }

    #[test]
    fn the_ninth_failure_of_an_address_has_to_wait() {
        let now = Instant::now();
        assert_eq!(after_failures(7, ann(), now).wait(ann(), now), Duration::ZERO);
        assert_eq!(
            after_failures(8, ann(), now).wait(ann(), now),
            Duration::from_secs(30)
        );
    }

    #[test]
    fn an_attempt_is_affordable_again_when_the_wait_is_over() {
        let now = Instant::now();
        let mut debts = after_failures(8, ann(), now);
        assert!(!debts.wait(ann(), now + Duration::from_millis(29_999)).is_zero());
        let later = now + Duration::from_secs(30);
        assert_eq!(debts.wait(ann(), later), Duration::ZERO);
        debts.charge(ann(), later);
        assert_eq!(debts.wait(ann(), later), Duration::from_secs(30));
    }

    #[test]
    fn no_debt_lasts_for_ever() {
        let now = Instant::now();
        assert_eq!(
            after_failures(10, ann(), now).wait(ann(), now),
            Duration::from_secs(90)
        );
        assert!(after_failures(1000, ann(), now).wait(ann(), now) < PER_ADDRESS.longest);
    }

    #[test]
    fn a_client_has_200_failures_and_an_account_100_from_a_client_that_it_knows() {
        let now = Instant::now();
        let known = Budget::Known(digest("ann@example.com"), IpAddr::from([192, 0, 2, 1]));
        for (budget, burst, wait) in [
            (office(), 200, Duration::from_secs(1)),
            (known, 100, Duration::from_mins(10)),
        ] {
            assert_eq!(
                after_failures(burst - 1, budget, now).wait(budget, now),
                Duration::ZERO
            );
            assert_eq!(after_failures(burst, budget, now).wait(budget, now), wait);
        }
    }

    #[test]
    fn budgets_are_apart_and_an_address_is_the_same_in_any_case() {
        let now = Instant::now();
        let debts = after_failures(8, Budget::Address(digest(" Ann@EXAMPLE.com")), now);
        assert!(!debts.wait(ann(), now).is_zero());
        for other in [
            Budget::Address(digest("bob@example.com")),
            Budget::Known(digest("ann@example.com"), IpAddr::from([192, 0, 2, 1])),
            office(),
        ] {
            assert_eq!(debts.wait(other, now), Duration::ZERO, "{other:?}");
        }
    }

    #[test]
    fn answers_are_kept_back_ever_longer_after_the_third_failure() {
        let now = Instant::now();
        let mut debts = Debts::default();
        let delays: Vec<u128> = (0..9).map(|_| debts.charge(ann(), now).as_millis()).collect();
        assert_eq!(delays, [0, 0, 0, 100, 200, 400, 800, 1000, 1000]);
        debts.forgive(ann());
        assert_eq!(debts.charge(ann(), now), Duration::ZERO);
    }

    #[test]
    fn no_more_is_remembered_than_the_bound_and_the_worst_longest() {
        let now = Instant::now();
        let mut debts = after_failures(8, ann(), now);
        for number in 0..=REMEMBERED {
            debts.charge(Budget::Address(digest(&format!("user{number}"))), now);
        }
        assert_eq!(debts.addresses.len(), REMEMBERED);
        assert!(!debts.wait(ann(), now).is_zero());
    }
}
