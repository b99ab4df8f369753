//! The memory budget of all instances of a host, and each component's share of it.
//!
//! The components have equal shares. Half of a share is always reserved for its component, so that the component can
//! start an instance at once, whatever the others hold. The rest is lent while its owner does not use it. A charge that
//! finds no free memory waits for some; components within their share are served first.
//!
//! Probes, and the host's own calls to components that are not live yet, have a small share of their own, because a
//! component that takes all available memory must not block its next version.

use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytesize::ByteSize;
use tokio::sync::oneshot;
use tokio::time::timeout;

/// Divisor of the budget for the share of [`Owner::Trials`].
const TRIALS_PART: u64 = 8;

/// Divisor of a component's share for the part that is never lent.
const KEPT_PART: u64 = 2;

/// How long a charge that timed out still waits while another charge of its component fails.
const OTHERS_PAUSE: Duration = Duration::from_millis(50);

/// Divisor of the mean: each instance of a component has a weight of one eighth.
const MEAN_PARTS: u64 = 8;

/// The budget. Clones share it.
#[derive(Clone)]
pub(crate) struct GuestMemory(Arc<Mutex<Ledger>>);

/// One component's account. Clones share it. The component has a share while there is an account or a charge of it.
#[derive(Clone)]
pub(crate) struct MemoryAccount(Arc<Holder>);

struct Holder {
    memory: GuestMemory,
    owner: Owner,
}

/// The owner of memory.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Owner {
    /// Components that are being tried.
    Trials,
    Component(Arc<str>),
}

/// Bytes that are reserved in the budget until the charge is dropped.
pub(crate) struct Charge {
    account: MemoryAccount,
    bytes: u64,
    /// Whether the charge must end because it could not grow.
    has_given_up: bool,
}

/// There is no memory for an instance, or not in time.
#[derive(Clone, Debug, thiserror::Error)]
#[error(
    "no memory is left for another instance: those of the component hold {}, its share is {} of {}; raise \
     BERTH_GUEST_MEMORY, or lower the component's limits `memory` or `concurrency`",
    ByteSize(*.held).display().iec(), ByteSize(*.share).display().iec(), ByteSize(*.budget).display().iec()
)]
pub(crate) struct NoGuestMemory {
    held: u64,
    share: u64,
    budget: u64,
}

impl GuestMemory {
    /// A budget of `bytes`.
    pub(crate) fn new(bytes: u64) -> Self {
        // The share of trials always exists, even if nothing is being tried.
        let trials = (
            Owner::Trials,
            Account {
                holders: 1,
                ..Account::default()
            },
        );
        let ledger = Ledger {
            budget: bytes,
            free: bytes,
            accounts: [trials].into(),
            waiting: Vec::new(),
        };
        Self(Arc::new(Mutex::new(ledger)))
    }

    /// The account of a component that is live, or about to be live.
    pub(crate) fn account(&self, component: &str) -> MemoryAccount {
        self.open(Owner::Component(component.into()))
    }

    /// The account of components that are being tried.
    pub(crate) fn trials(&self) -> MemoryAccount {
        self.open(Owner::Trials)
    }

    fn open(&self, owner: Owner) -> MemoryAccount {
        self.ledger().accounts.entry(owner.clone()).or_default().holders += 1;
        MemoryAccount(Arc::new(Holder {
            memory: self.clone(),
            owner,
        }))
    }

    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        let mut ledger = self.memory.ledger();
        let Some(account) = ledger.accounts.get_mut(&self.owner) else {
            return;
        };
        account.holders -= 1;
        if account.holders == 0 {
            ledger.accounts.remove(&self.owner);
            ledger.serve();
        }
    }
}

impl MemoryAccount {
    /// The budget of the account.
    pub(crate) fn memory(&self) -> &GuestMemory {
        &self.0.memory
    }

    /// An empty charge, which can grow.
    pub(crate) fn charge(&self) -> Charge {
        Charge {
            account: self.clone(),
            bytes: 0,
            has_given_up: false,
        }
    }

    /// Reserves the mean memory of the component's instances, at most `limit` bytes. An instance that begins with that
    /// amount seldom has to wait for more while it holds memory.
    pub(crate) async fn charge_for_instance(&self, limit: u64) -> Result<Charge, NoGuestMemory> {
        let mean = self.ledger().account(&self.0.owner).mean;
        let mut charge = self.charge();
        charge.grow(mean.min(limit)).await?;
        Ok(charge)
    }

    /// Records an instance that held `bytes`, or would have held them if they had been available.
    pub(crate) fn record_instance(&self, bytes: u64) {
        let mut ledger = self.ledger();
        let bytes = bytes.min(ledger.most(&self.0.owner));
        if let Some(account) = ledger.accounts.get_mut(&self.0.owner) {
            account.mean = account.mean - account.mean / MEAN_PARTS + bytes / MEAN_PARTS;
        }
    }

    /// Waits without a timeout until `bytes` are reserved for a charge that holds `held`.
    async fn granted(self, bytes: u64, held: u64) -> Result<(), NoGuestMemory> {
        let place = Place::new(&self, bytes, held).ok_or_else(|| self.none_left())?;
        place.granted().await;
        Ok(())
    }

    /// The error of a charge that timed out.
    pub(crate) fn none_left(&self) -> NoGuestMemory {
        let (ledger, owner) = (self.ledger(), &self.0.owner);
        NoGuestMemory {
            held: ledger.account(owner).held,
            share: ledger.share(owner),
            budget: ledger.budget,
        }
    }

    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.0.memory.ledger()
    }
}

impl Charge {
    /// The reserved bytes.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The account of the charge.
    pub(crate) fn account(&self) -> &MemoryAccount {
        &self.account
    }

    /// Reserves `bytes` more, and waits without a timeout. Fails at once if the component could not have so many bytes
    /// even if all others held none.
    pub(crate) async fn grow(&mut self, bytes: u64) -> Result<(), NoGuestMemory> {
        if self.try_grow(bytes) {
            return Ok(());
        }
        self.account.clone().granted(bytes, self.bytes).await?;
        self.bytes += bytes;
        Ok(())
    }

    /// Reserves `bytes` more, and waits up to `patience`. Of a component's charges, one fails at a time, because the
    /// memory that it releases may be enough for the others, which continue to wait.
    pub(crate) async fn grow_within(
        &mut self,
        bytes: u64,
        mut patience: Duration,
    ) -> Result<(), NoGuestMemory> {
        let mut growing = pin!(self.account.clone().granted(bytes, self.bytes));
        loop {
            match timeout(patience, growing.as_mut()).await {
                Ok(granted) => {
                    granted?;
                    self.bytes += bytes;
                    return Ok(());
                }
                Err(_) if self.account.ledger().give_up(&self.account.0.owner) => {
                    self.has_given_up = true;
                    return Err(self.account.none_left());
                }
                Err(_) => patience = OTHERS_PAUSE,
            }
        }
    }

    /// Reserves `bytes` more if they are free, and returns whether they were.
    pub(crate) fn try_grow(&mut self, bytes: u64) -> bool {
        let is_taken = bytes == 0 || self.account.ledger().take(&self.account.0.owner, bytes);
        if is_taken {
            self.bytes += bytes;
        }
        is_taken
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        if self.bytes > 0 || self.has_given_up {
            let mut ledger = self.account.ledger();
            ledger.give_back(&self.account.0.owner, self.bytes);
            if self.has_given_up {
                ledger.end_giving_up(&self.account.0.owner);
            }
            ledger.serve();
        }
    }
}

/// A place in the queue of waiting charges. If it is dropped before its grant, it leaves the queue.
struct Place<'a> {
    account: &'a MemoryAccount,
    bytes: u64,
    granted: Option<oneshot::Receiver<()>>,
}

impl<'a> Place<'a> {
    /// A place for `bytes` more on top of `held`; `None` if so many can never be available.
    fn new(account: &'a MemoryAccount, bytes: u64, held: u64) -> Option<Self> {
        let mut ledger = account.ledger();
        if held.saturating_add(bytes) > ledger.most(&account.0.owner) {
            return None;
        }
        let (sender, granted) = oneshot::channel();
        ledger.waiting.push(Waiting {
            owner: account.0.owner.clone(),
            bytes,
            granted: sender,
        });
        // Memory may have been released since the request.
        ledger.serve();
        drop(ledger);
        Some(Self {
            account,
            bytes,
            granted: Some(granted),
        })
    }

    async fn granted(mut self) {
        if let Some(granted) = &mut self.granted {
            // The sender lives until it has sent.
            let _ = granted.await;
        }
        self.granted = None;
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let Some(mut granted) = self.granted.take() else {
            return;
        };
        granted.close();
        let mut ledger = self.account.ledger();
        if granted.try_recv().is_ok() {
            ledger.give_back(&self.account.0.owner, self.bytes);
        }
        ledger.serve();
    }
}

/// The memory of each owner, and the queue of waiting charges.
struct Ledger {
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
    /// The number of [`Holder`]s.
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
    fn account(&self, owner: &Owner) -> Account {
        self.accounts.get(owner).copied().unwrap_or_default()
    }

    fn share(&self, owner: &Owner) -> u64 {
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
    fn most(&self, owner: &Owner) -> u64 {
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
    fn take(&mut self, owner: &Owner, bytes: u64) -> bool {
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
    fn give_up(&mut self, owner: &Owner) -> bool {
        self.accounts
            .get_mut(owner)
            .is_none_or(|account| !std::mem::replace(&mut account.is_giving_up, true))
    }

    /// Records that the failing charge has released its memory.
    fn end_giving_up(&mut self, owner: &Owner) {
        if let Some(account) = self.accounts.get_mut(owner) {
            account.is_giving_up = false;
        }
    }

    fn give_back(&mut self, owner: &Owner, bytes: u64) {
        if let Some(account) = self.accounts.get_mut(owner) {
            account.held -= bytes;
            self.free += bytes;
        }
    }

    /// Grants waiting charges as far as possible. Charges of one component are granted in the order of their arrival; a
    /// charge that must wait blocks those of less urgent components.
    fn serve(&mut self) {
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

#[cfg(test)]
mod tests;
