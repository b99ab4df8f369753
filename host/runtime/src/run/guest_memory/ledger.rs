//! The memory of each component, and the queue of charges that wait for memory.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::oneshot;

/// Divisor of the budget for the share of [`Owner::Trials`].
const TRIALS_PART: u64 = 8;

/// Divisor of a component's share for the part that is never lent.
const KEPT_PART: u64 = 2;

/// Divisor of the mean: each instance of a component has a weight of one eighth.
const MEAN_PARTS: u64 = 8;

/// The owner of memory.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Owner {
    /// Components that are being tried.
    Trials,
    Component(Arc<str>),
}

/// The memory of each owner, and the queue of waiting charges.
pub(super) struct Ledger {
    budget: u64,
    free: u64,
    accounts: BTreeMap<Owner, Account>,
    waiting: Vec<Waiting>,
}

#[derive(Clone, Copy, Default)]
struct Account {
    held: u64,
    /// Mean memory of an instance at its end.
    mean: u64,
    /// The number of accounts of the component that are held outside of the ledger.
    holders: usize,
    /// Whether a charge has timed out, and has not yet released its memory.
    is_giving_up: bool,
}

struct Waiting {
    owner: Owner,
    bytes: u64,
    granted: oneshot::Sender<()>,
}

/// The priority of a component's next byte, the most urgent first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Claim {
    /// Within the part of the share that is never lent.
    Kept,
    /// Within the component's share.
    Own,
    /// Beyond the component's share.
    Borrowed,
}

impl Ledger {
    pub(super) fn new(budget: u64) -> Self {
        // The share of trials always exists, even if nothing is being tried.
        let trials = Account {
            holders: 1,
            ..Account::default()
        };
        Self {
            budget,
            free: budget,
            accounts: [(Owner::Trials, trials)].into(),
            waiting: Vec::new(),
        }
    }

    /// The bytes of the whole budget.
    pub(super) fn budget(&self) -> u64 {
        self.budget
    }

    /// The bytes that all owners hold.
    pub(super) fn held_by_all(&self) -> u64 {
        self.budget - self.free
    }

    /// Adds a holder of an account.
    pub(super) fn open(&mut self, owner: &Owner) {
        self.accounts.entry(owner.clone()).or_default().holders += 1;
    }

    /// Removes a holder of an account. The account ends with the last holder.
    pub(super) fn close(&mut self, owner: &Owner) {
        let Some(account) = self.accounts.get_mut(owner) else {
            return;
        };
        account.holders -= 1;
        if account.holders == 0 {
            self.accounts.remove(owner);
            self.serve();
        }
    }

    /// The bytes that `owner` holds.
    pub(super) fn held(&self, owner: &Owner) -> u64 {
        self.account(owner).held
    }

    /// The mean bytes of an instance of `owner`.
    pub(super) fn mean(&self, owner: &Owner) -> u64 {
        self.account(owner).mean
    }

    /// Records an instance that held `bytes`, or would have held them if they had been available.
    pub(super) fn record_instance(&mut self, owner: &Owner, bytes: u64) {
        let bytes = bytes.min(self.most(owner));
        if let Some(account) = self.accounts.get_mut(owner) {
            account.mean = account.mean - account.mean / MEAN_PARTS + bytes / MEAN_PARTS;
        }
    }

    /// Queues a charge of `bytes`. `granted` is told when they are reserved.
    pub(super) fn wait(&mut self, owner: &Owner, bytes: u64, granted: oneshot::Sender<()>) {
        self.waiting.push(Waiting {
            owner: owner.clone(),
            bytes,
            granted,
        });
        // Memory may have been released since the request.
        self.serve();
    }

    fn account(&self, owner: &Owner) -> Account {
        self.accounts.get(owner).copied().unwrap_or_default()
    }

    /// The equal share of a component, or the share of trials, in bytes.
    pub(super) fn share(&self, owner: &Owner) -> u64 {
        let trials = self.budget / TRIALS_PART;
        let components = self
            .accounts
            .keys()
            .filter(|owner| **owner != Owner::Trials)
            .count()
            .max(1);
        match owner {
            Owner::Trials => trials,
            Owner::Component(_) => (self.budget - trials) / components as u64,
        }
    }

    /// The bytes that are never lent.
    fn kept(&self, owner: &Owner) -> u64 {
        match owner {
            Owner::Trials => self.share(owner),
            Owner::Component(_) => self.share(owner) / KEPT_PART,
        }
    }

    fn others(&self, owner: &Owner) -> impl Iterator<Item = (&Owner, &Account)> {
        self.accounts.iter().filter(move |(other, _)| *other != owner)
    }

    /// The most bytes that `owner` can have.
    pub(super) fn most(&self, owner: &Owner) -> u64 {
        self.budget - self.others(owner).map(|(other, _)| self.kept(other)).sum::<u64>()
    }

    /// The free bytes for `owner`.
    fn free_for(&self, owner: &Owner) -> u64 {
        let kept = self
            .others(owner)
            .map(|(other, account)| self.kept(other).saturating_sub(account.held));
        self.free.saturating_sub(kept.sum())
    }

    fn claim(&self, owner: &Owner) -> Claim {
        let held = self.account(owner).held;
        if held < self.kept(owner) {
            Claim::Kept
        } else if held < self.share(owner) {
            Claim::Own
        } else {
            Claim::Borrowed
        }
    }

    /// Reserves `bytes` if they are free and no waiting charge has a higher priority.
    pub(super) fn take(&mut self, owner: &Owner, bytes: u64) -> bool {
        let is_kept = self.account(owner).held.saturating_add(bytes) <= self.kept(owner);
        let claim = self.claim(owner);
        let comes_first = |one: &Waiting| one.owner == *owner || self.claim(&one.owner) < claim;
        let is_behind = !is_kept && self.waiting.iter().any(comes_first);
        !is_behind && self.take_free(owner, bytes)
    }

    fn take_free(&mut self, owner: &Owner, bytes: u64) -> bool {
        if bytes > self.free_for(owner) {
            return false;
        }
        let Some(account) = self.accounts.get_mut(owner) else {
            return false;
        };
        account.held += bytes;
        self.free -= bytes;
        true
    }

    /// Returns whether a charge that has timed out must fail now.
    pub(super) fn give_up(&mut self, owner: &Owner) -> bool {
        self.accounts
            .get_mut(owner)
            .is_none_or(|account| !std::mem::replace(&mut account.is_giving_up, true))
    }

    /// Records that the failing charge has released its memory.
    pub(super) fn end_giving_up(&mut self, owner: &Owner) {
        if let Some(account) = self.accounts.get_mut(owner) {
            account.is_giving_up = false;
        }
    }

    /// Returns reserved bytes.
    pub(super) fn give_back(&mut self, owner: &Owner, bytes: u64) {
        if let Some(account) = self.accounts.get_mut(owner) {
            account.held -= bytes;
            self.free += bytes;
        }
    }

    /// Grants waiting charges as far as possible. Charges of one component are granted in the order of their arrival; a
    /// charge that must wait blocks those of less urgent components.
    pub(super) fn serve(&mut self) {
        let mut waiting = std::mem::take(&mut self.waiting);
        waiting.retain(|one| !one.granted.is_closed());
        waiting.sort_by_key(|one| self.claim(&one.owner));
        for one in waiting {
            if !self.take(&one.owner, one.bytes) {
                self.waiting.push(one);
            } else if one.granted.send(()).is_err() {
                self.give_back(&one.owner, one.bytes);
            }
        }
    }
}
