//! Guessing passwords is made slow: failed logins for one address, or from one client, first delay the answer
//! and then are refused until some time has passed.
//!
//! Each failure is a debt that time pays off at a fixed rate (the "generic cell rate algorithm"), so one instant
//! per address or client is all there is to remember: the one at which everything is paid. Debts are made when an
//! attempt has failed, not when it begins, so many logins at once with the right password do not shut each other
//! out; a burst of guesses that slips through together pays for it together afterwards.
//!
//! Each process counts for itself: with several replicas a guesser gets as many times more.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};

/// Eight wrong passwords for one address in a row, then two a minute.
const PER_ADDRESS: Rate = Rate { burst: 8, each: Duration::from_secs(30), longest: Duration::from_mins(15) };

/// Far more for one client, since a proxy or an office makes many people one client.
const PER_CLIENT: Rate = Rate { burst: 200, each: Duration::from_secs(1), longest: Duration::from_mins(5) };

/// Failures for one address that are answered without delay: slips of the finger.
const FORGIVEN: u32 = 3;

/// The delay of the first failure that is not forgiven; it doubles with each that follows.
const FIRST_DELAY: Duration = Duration::from_millis(100);

/// The longest delay of an answer.
const LONGEST_DELAY: Duration = Duration::from_secs(1);

/// How many addresses, and how many clients, are remembered.
const REMEMBERED: usize = 10_000;

/// Counts the failed logins of one process. Time is given by the caller, so that tests need not wait for it.
#[derive(Default)]
pub struct Throttle(Mutex<Debts>);

#[derive(Default)]
struct Debts {
    /// By digest, so that a long address takes no more room than a short one.
    addresses: HashMap<[u8; 32], Instant>,
    clients: HashMap<IpAddr, Instant>,
}

/// Who tries to log in, and as whom.
#[derive(Clone, Copy, Debug)]
pub struct Attempt<'a> {
    /// The address as the client wrote it.
    pub address: &'a str,
    /// The other end of the connection. Without one, as in a test that has no socket, addresses alone count.
    pub client: Option<IpAddr>,
}

/// Too many attempts have failed; the next one is worth while after this long.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many failed logins, try again in {} s", .0.as_secs())]
pub struct Throttled(pub Duration);

impl Throttle {
    /// Whether an attempt may be made at all.
    pub fn admit(&self, attempt: Attempt<'_>, now: Instant) -> Result<(), Throttled> {
        let debts = self.debts();
        let address = debts.addresses.get(&address_key(attempt.address));
        let client = attempt.client.and_then(|client| debts.clients.get(&client_key(client)));
        let wait = PER_ADDRESS.wait(address, now).max(PER_CLIENT.wait(client, now));
        if wait.is_zero() { Ok(()) } else { Err(Throttled(wait)) }
    }

    /// Counts a failure. Returns how long its answer should be kept back.
    pub fn failed(&self, attempt: Attempt<'_>, now: Instant) -> Duration {
        let mut debts = self.debts();
        if let Some(client) = attempt.client {
            charge(&mut debts.clients, client_key(client), PER_CLIENT, now);
        }
        let failures = charge(&mut debts.addresses, address_key(attempt.address), PER_ADDRESS, now);
        delay(failures)
    }

    /// Forgets the failures for this address: whoever made them knows the password.
    pub fn succeeded(&self, attempt: Attempt<'_>) {
        self.debts().addresses.remove(&address_key(attempt.address));
    }

    fn debts(&self) -> MutexGuard<'_, Debts> {
        // Every change is a single insertion or removal, so a panic elsewhere leaves nothing half done.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How many failures are allowed.
#[derive(Clone, Copy)]
struct Rate {
    /// So many at once.
    burst: u32,
    /// One more after each of these.
    each: Duration,
    /// The most that one can owe.
    longest: Duration,
}

impl Rate {
    /// How long it is until a next failure could be afforded.
    fn wait(self, paid_at: Option<&Instant>, now: Instant) -> Duration {
        let debt = paid_at.map_or(Duration::ZERO, |paid_at| paid_at.saturating_duration_since(now));
        debt.saturating_sub(self.each * (self.burst - 1))
    }
}

/// Adds a failure to what `key` owes. Returns how many failures it owes for now.
fn charge<K: Copy + Eq + Hash>(debts: &mut HashMap<K, Instant>, key: K, rate: Rate, now: Instant) -> u32 {
    if debts.len() >= REMEMBERED && !debts.contains_key(&key) {
        make_room(debts, now);
    }
    let paid_at = debts.entry(key).or_insert(now);
    *paid_at = ((*paid_at).max(now) + rate.each).min(now + rate.longest);
    let failures = (*paid_at - now).as_millis().div_ceil(rate.each.as_millis());
    u32::try_from(failures).unwrap_or(u32::MAX)
}

/// Drops who owes nothing any more; if everyone does, who owes least.
fn make_room<K: Copy + Eq + Hash>(debts: &mut HashMap<K, Instant>, now: Instant) {
    debts.retain(|_, paid_at| *paid_at > now);
    if debts.len() >= REMEMBERED
        && let Some(least) = debts.iter().min_by_key(|(_, paid_at)| **paid_at).map(|(key, _)| *key)
    {
        debts.remove(&least);
    }
}

fn delay(failures: u32) -> Duration {
    match failures.checked_sub(FORGIVEN + 1) {
        None => Duration::ZERO,
        Some(doublings) => FIRST_DELAY.saturating_mul(2_u32.saturating_pow(doublings)).min(LONGEST_DELAY),
    }
}

fn address_key(address: &str) -> [u8; 32] {
    Sha256::digest(address.trim().to_lowercase()).into()
}

/// Whoever has one IPv6 address usually has all of its /64.
fn client_key(client: IpAddr) -> IpAddr {
    match client.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64)).into(),
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

    use super::*;

    const ANN: Attempt<'static> = Attempt { address: "ann@example.com", client: None };

    fn from(client: &str) -> Attempt<'static> {
        Attempt { client: Some(client.parse().unwrap()), ..ANN }
    }

    fn after_failures(count: u32, now: Instant) -> Throttle {
        let throttle = Throttle::default();
        for _ in 0..count {
            throttle.failed(ANN, now);
        }
        throttle
    }

    #[test]
    fn the_ninth_attempt_for_an_address_is_refused() {
        let now = Instant::now();
        assert_eq!(after_failures(7, now).admit(ANN, now), Ok(()));
        assert_eq!(after_failures(8, now).admit(ANN, now), Err(Throttled(Duration::from_secs(30))));
    }

    #[test]
    fn an_attempt_is_admitted_again_when_the_wait_is_over() {
        let now = Instant::now();
        let throttle = after_failures(8, now);
        assert!(throttle.admit(ANN, now + Duration::from_millis(29_999)).is_err());
        let later = now + Duration::from_secs(30);
        assert_eq!(throttle.admit(ANN, later), Ok(()));
        throttle.failed(ANN, later);
        assert_eq!(throttle.admit(ANN, later), Err(Throttled(Duration::from_secs(30))));
    }

    #[test]
    fn a_burst_that_slipped_through_pays_for_it_but_not_for_ever() {
        let now = Instant::now();
        let Err(Throttled(wait)) = after_failures(10, now).admit(ANN, now) else { unreachable!() };
        assert_eq!(wait, Duration::from_secs(90));
        let Err(Throttled(wait)) = after_failures(1000, now).admit(ANN, now) else { unreachable!() };
        assert!(wait < PER_ADDRESS.longest);
    }

    #[test]
    fn a_success_resets_the_address() {
        let now = Instant::now();
        let throttle = after_failures(8, now);
        throttle.succeeded(ANN);
        assert_eq!(throttle.admit(ANN, now), Ok(()));
        assert_eq!(throttle.failed(ANN, now), Duration::ZERO);
    }

    #[test]
    fn an_address_is_the_same_in_any_case() {
        let now = Instant::now();
        let throttle = after_failures(8, now);
        assert!(throttle.admit(Attempt { address: " Ann@EXAMPLE.com", ..ANN }, now).is_err());
        assert_eq!(throttle.admit(Attempt { address: "bob@example.com", ..ANN }, now), Ok(()));
    }

    #[test]
    fn answers_are_kept_back_ever_longer_after_the_third_failure() {
        let now = Instant::now();
        let throttle = Throttle::default();
        let delays: Vec<u128> = (0..9).map(|_| throttle.failed(ANN, now).as_millis()).collect();
        assert_eq!(delays, [0, 0, 0, 100, 200, 400, 800, 1000, 1000]);
    }

    #[test]
    fn one_client_cannot_try_address_after_address() {
        let now = Instant::now();
        let throttle = Throttle::default();
        for number in 0..200 {
            let address = format!("user{number}@example.com");
            let attempt = Attempt { address: &address, ..from("192.0.2.1") };
            assert_eq!(throttle.admit(attempt, now), Ok(()));
            throttle.failed(attempt, now);
        }
        assert_eq!(throttle.admit(from("192.0.2.1"), now), Err(Throttled(Duration::from_secs(1))));
        assert_eq!(throttle.admit(from("192.0.2.2"), now), Ok(()));
    }

    #[test]
    fn a_client_is_its_ipv4_address_or_its_ipv6_network() {
        let key = |client: &str| client_key(client.parse().unwrap());
        assert_eq!(key("::ffff:192.0.2.1"), key("192.0.2.1"));
        assert_eq!(key("2001:db8::1"), key("2001:db8::ffff:1"));
        assert_ne!(key("2001:db8::1"), key("2001:db8:0:1::1"));
    }

    #[test]
    fn no_more_is_remembered_than_the_bound_and_the_worst_longest() {
        let now = Instant::now();
        let throttle = after_failures(8, now);
        for number in 0..=REMEMBERED {
            throttle.failed(Attempt { address: &format!("user{number}"), client: None }, now);
        }
        assert_eq!(throttle.debts().addresses.len(), REMEMBERED);
        assert!(throttle.admit(ANN, now).is_err());
    }
}
