//! The memory that all instances of a host may hold together, and each component's share of it.
//!
//! The components have equal shares. Half of a share is always free for its component, so that a component that asks
//! has an instance at once, whatever the others hold. Everything else is lent while its owner does not use it. A charge
//! that finds no memory waits until some is given back, and then the components within their share come first.
//!
//! The host's own calls to components that are not live yet, and probes, have a small share of their own: a component
//! that takes all it can get must not keep its next version from going live.

use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytesize::ByteSize;
use tokio::sync::oneshot;
use tokio::time::timeout;

/// The part of the budget that is the share of [`Owner::Trials`].
const TRIALS_PART: u64 = 8;

/// The part of a component's share that is never lent.
const KEPT_PART: u64 = 2;

/// How long a charge waits on while another one of its component fails.
const OTHERS_PAUSE: Duration = Duration::from_millis(50);

/// The weight of one instance in the mean of its component is one part of so many.
const MEAN_PARTS: u64 = 8;

/// The budget. A clone is the same.
#[derive(Clone)]
pub(crate) struct GuestMemory(Arc<Mutex<Ledger>>);

/// One component's account. A clone is the same. The component has a share while there is an account or a charge of it.
#[derive(Clone)]
pub(crate) struct MemoryAccount(Arc<Holder>);

struct Holder {
    memory: GuestMemory,
    owner: Owner,
}

/// Whose memory it is.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Owner {
    /// Whatever is tried.
    Trials,
    Component(Arc<str>),
}

/// Bytes that are taken from the budget until the charge is dropped.
pub(crate) struct Charge {
    account: MemoryAccount,
    bytes: u64,
    /// Whether it is to end because it could not grow.
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
        // The share of trials is there whether or not anything is tried.
        let trials = (Owner::Trials, Account { holders: 1, ..Account::default() });
        let ledger = Ledger { budget: bytes, free: bytes, accounts: [trials].into(), waiting: Vec::new() };
        Self(Arc::new(Mutex::new(ledger)))
    }

    /// The account of a component that is live, or about to be.
    pub(crate) fn account(&self, component: &str) -> MemoryAccount {
        self.open(Owner::Component(component.into()))
    }

    /// The account of whatever is tried.
    pub(crate) fn trials(&self) -> MemoryAccount {
        self.open(Owner::Trials)
    }

    fn open(&self, owner: Owner) -> MemoryAccount {
        self.ledger().accounts.entry(owner.clone()).or_default().holders += 1;
        MemoryAccount(Arc::new(Holder { memory: self.clone(), owner }))
    }

    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        let mut ledger = self.memory.ledger();
        let Some(account) = ledger.accounts.get_mut(&self.owner) else { return };
        account.holders -= 1;
        if account.holders == 0 {
            ledger.accounts.remove(&self.owner);
            ledger.serve();
        }
    }
}

impl MemoryAccount {
    /// The budget that the account is a part of.
    pub(crate) fn memory(&self) -> &GuestMemory {
        &self.0.memory
    }

    /// A charge of nothing, which can grow.
    pub(crate) fn charge(&self) -> Charge {
        Charge { account: self.clone(), bytes: 0, has_given_up: false }
    }

    /// Takes what an instance of the component holds on average, at most `limit` bytes. An instance that begins with that
    /// much seldom has to wait for more while it holds some.
    pub(crate) async fn charge_for_instance(&self, limit: u64) -> Result<Charge, NoGuestMemory> {
        let mean = self.ledger().account(&self.0.owner).mean;
        let mut charge = self.charge();
        charge.grow(mean.min(limit)).await?;
        Ok(charge)
    }

    /// Takes account of an instance that held `bytes`, or would have if there had been as many.
    pub(crate) fn record_instance(&self, bytes: u64) {
        let mut ledger = self.ledger();
        let bytes = bytes.min(ledger.most(&self.0.owner));
        if let Some(account) = ledger.accounts.get_mut(&self.0.owner) {
            account.mean = account.mean - account.mean / MEAN_PARTS + bytes / MEAN_PARTS;
        }
    }

    /// Waits without end until `bytes` are taken for a charge that holds `held`.
    async fn granted(self, bytes: u64, held: u64) -> Result<(), NoGuestMemory> {
        let place = Place::new(&self, bytes, held).ok_or_else(|| self.none_left())?;
        place.granted().await;
        Ok(())
    }

    /// The error of a charge that has waited too long.
    pub(crate) fn none_left(&self) -> NoGuestMemory {
        let (ledger, owner) = (self.ledger(), &self.0.owner);
        NoGuestMemory { held: ledger.account(owner).held, share: ledger.share(owner), budget: ledger.budget }
    }

    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.0.memory.ledger()
    }
}

impl Charge {
    /// How much is taken.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Whose it is.
    pub(crate) fn account(&self) -> &MemoryAccount {
        &self.account
    }

    /// Takes `bytes` more, and waits for them without end. It fails at once if the component could not have as many even
    /// if nobody else held any.
    pub(crate) async fn grow(&mut self, bytes: u64) -> Result<(), NoGuestMemory> {
        if self.try_grow(bytes) {
            return Ok(());
        }
        self.account.clone().granted(bytes, self.bytes).await?;
        self.bytes += bytes;
        Ok(())
    }

    /// The same within `patience`. Of the charges of a component, one fails at a time: what it gives back may be enough for
    /// the others, which wait on for it.
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

    /// Takes `bytes` more if they are free, and says whether they were.
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

/// A place among the charges that wait. Dropped before it is granted, it makes way.
struct Place<'a> {
    account: &'a MemoryAccount,
    bytes: u64,
    granted: Option<oneshot::Receiver<()>>,
}

impl<'a> Place<'a> {
    /// A place for `bytes` more where `held` are held already; none if so many could never be there.
    fn new(account: &'a MemoryAccount, bytes: u64, held: u64) -> Option<Self> {
        let mut ledger = account.ledger();
        if held.saturating_add(bytes) > ledger.most(&account.0.owner) {
            return None;
        }
        let (sender, granted) = oneshot::channel();
        ledger.waiting.push(Waiting { owner: account.0.owner.clone(), bytes, granted: sender });
        // Memory may have been given back since it was asked for.
        ledger.serve();
        drop(ledger);
        Some(Self { account, bytes, granted: Some(granted) })
    }

    async fn granted(mut self) {
        if let Some(granted) = &mut self.granted {
            // The sender is kept until it has sent.
            let _ = granted.await;
        }
        self.granted = None;
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let Some(mut granted) = self.granted.take() else { return };
        granted.close();
        let mut ledger = self.account.ledger();
        if granted.try_recv().is_ok() {
            ledger.give_back(&self.account.0.owner, self.bytes);
        }
        ledger.serve();
    }
}

/// Who holds how much, and who waits.
struct Ledger {
    budget: u64,
    free: u64,
    accounts: BTreeMap<Owner, Account>,
    waiting: Vec<Waiting>,
}

#[derive(Clone, Copy, Default)]
struct Account {
    held: u64,
    /// What an instance holds at its end, on average.
    mean: u64,
    /// How many [`Holder`]s there are.
    holders: usize,
    /// Whether a charge has waited in vain, and has not given back yet what it holds.
    is_giving_up: bool,
}

struct Waiting {
    owner: Owner,
    bytes: u64,
    granted: oneshot::Sender<()>,
}

/// What the next byte of a component would be, the most urgent first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Claim {
    /// One that is never lent.
    Kept,
    /// One of its share.
    Own,
    /// One more than its share.
    Borrowed,
}

impl Ledger {
    fn account(&self, owner: &Owner) -> Account {
        self.accounts.get(owner).copied().unwrap_or_default()
    }

    fn share(&self, owner: &Owner) -> u64 {
        let trials = self.budget / TRIALS_PART;
        let components = self.accounts.keys().filter(|owner| **owner != Owner::Trials).count().max(1);
        match owner {
            Owner::Trials => trials,
            Owner::Component(_) => (self.budget - trials) / components as u64,
        }
    }

    /// What is never lent.
    fn kept(&self, owner: &Owner) -> u64 {
        match owner {
            Owner::Trials => self.share(owner),
            Owner::Component(_) => self.share(owner) / KEPT_PART,
        }
    }

    fn others(&self, owner: &Owner) -> impl Iterator<Item = (&Owner, &Account)> {
        self.accounts.iter().filter(move |(other, _)| *other != owner)
    }

    /// The most that `owner` can have.
    fn most(&self, owner: &Owner) -> u64 {
        self.budget - self.others(owner).map(|(other, _)| self.kept(other)).sum::<u64>()
    }

    /// What is free for `owner`.
    fn free_for(&self, owner: &Owner) -> u64 {
        let kept = self.others(owner).map(|(other, account)| self.kept(other).saturating_sub(account.held));
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

    /// Takes `bytes` if they are free and nobody waits who comes first.
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
        let Some(account) = self.accounts.get_mut(owner) else { return false };
        account.held += bytes;
        self.free -= bytes;
        true
    }

    /// Says whether a charge that has waited for long is to fail, which it must then do.
    fn give_up(&mut self, owner: &Owner) -> bool {
        self.accounts.get_mut(owner).is_none_or(|account| !std::mem::replace(&mut account.is_giving_up, true))
    }

    /// The charge that was to fail has failed, and has given back what it held.
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

    /// Grants what can be granted to the charges that wait. Those of one component are granted in the order in which they
    /// came; one that has to wait on keeps back those of less urgent components.
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
