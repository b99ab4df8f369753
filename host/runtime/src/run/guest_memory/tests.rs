#![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

use std::pin::pin;

use futures_util::FutureExt as _;

use super::*;

/// Charges `account` with free bytes.
fn take(account: &MemoryAccount, bytes: u64) -> Charge {
    let mut charge = account.charge();
    assert!(
        charge.try_grow(bytes),
        "{bytes} are free: {}",
        account.none_left()
    );
    charge
}

fn is_free(account: &MemoryAccount, bytes: u64) -> bool {
    account.charge().try_grow(bytes)
}

#[test]
fn a_component_alone_has_everything_but_the_share_of_trials() {
    let memory = GuestMemory::new(800);
    let one = memory.account("one");
    assert!(!is_free(&one, 701));
    let charge = take(&one, 700);
    assert!(is_free(&memory.trials(), 100));
    drop(charge);
    assert!(is_free(&one, 700), "what was taken is there again");
}

#[test]
fn half_of_a_share_is_never_lent() {
    let memory = GuestMemory::new(800);
    let (one, other) = (memory.account("one"), memory.account("other"));
    let borrowed = take(&one, 525);
    assert!(
        !is_free(&one, 1),
        "its share is 350, and half of the other's is kept"
    );
    let kept = take(&other, 175);
    assert!(!is_free(&other, 1), "the other half is lent");
    drop(borrowed);
    drop(kept);
    assert!(is_free(&other, 525));
}

#[test]
fn a_share_ends_with_the_last_who_has_an_account() {
    let memory = GuestMemory::new(800);
    let (one, other) = (memory.account("one"), memory.account("other"));
    let same = memory.account("other");
    drop(other);
    assert!(!is_free(&one, 526));
    drop(same);
    assert!(is_free(&one, 700));
}

#[tokio::test]
async fn more_than_there_can_ever_be_is_refused_at_once() {
    let memory = GuestMemory::new(800);
    let one = memory.account("one");
    let mut charge = take(&one, 300);
    let error = charge.grow(401).await.unwrap_err();
    assert!(error.to_string().contains("BERTH_GUEST_MEMORY"), "{error}");
    assert_eq!((error.held, error.share, error.budget), (300, 700, 800));
    charge.grow(400).await.unwrap();
}

#[test]
fn a_component_within_its_share_comes_before_those_that_borrow() {
    let memory = GuestMemory::new(800);
    let (one, other) = (memory.account("one"), memory.account("other"));
    let (first, second) = (take(&one, 265), take(&one, 260));
    let _kept = take(&other, 175);

    let (mut borrows, mut asks) = (one.charge(), other.charge());
    let mut borrows = pin!(borrows.grow(200));
    assert!(borrows.as_mut().now_or_never().is_none());
    let mut asks = pin!(asks.grow(175));
    assert!(asks.as_mut().now_or_never().is_none());
    assert!(!is_free(&one, 1), "those that wait come before those that come");

    drop(first);
    assert!(
        asks.as_mut().now_or_never().is_some(),
        "it came later, for what is its own"
    );
    assert!(borrows.as_mut().now_or_never().is_none());
    drop(second);
    assert!(borrows.as_mut().now_or_never().is_some());
}

#[test]
fn a_charge_that_waits_no_longer_makes_way() {
    let memory = GuestMemory::new(800);
    let one = memory.account("one");
    let _held = take(&one, 500);
    let (mut large, mut small) = (one.charge(), one.charge());
    let mut large = Box::pin(large.grow(300));
    assert!((&mut large).now_or_never().is_none());
    let mut small = pin!(small.grow(200));
    assert!(
        small.as_mut().now_or_never().is_none(),
        "the one before it is served first"
    );
    drop(large);
    assert!(small.as_mut().now_or_never().is_some());
}

#[test]
fn a_grant_that_nobody_takes_is_given_back() {
    let memory = GuestMemory::new(800);
    let one = memory.account("one");
    let held = take(&one, 700);
    let mut charge = one.charge();
    let mut waits = Box::pin(charge.grow(100));
    assert!((&mut waits).now_or_never().is_none());
    drop(held);
    assert!(!is_free(&one, 700), "it is granted");
    drop(waits);
    assert!(is_free(&one, 700), "and was dropped before it knew");
}
