//! The memory budget of all instances of a host, and each component's share of it.
//!
//! The components have equal shares. Half of a share is always reserved for its component, so that the component can
//! start an instance at once, whatever the others hold. The rest is lent while its owner does not use it. A charge that
//! finds no free memory waits for some; components within their share are served first.
//!
//! Probes, and the host's own calls to components that are not live yet, have a small share of their own, because a
//! component that takes all available memory must not block its next version.

mod ledger;
#[cfg(test)]
mod tests;

use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytesize::ByteSize;
use tokio::sync::oneshot;
use tokio::time::timeout;

use self::ledger::{Ledger, Owner};

/// How long a charge that timed out waits at a time while another charge of its component fails.
const OTHERS_PAUSE: Duration = Duration::from_millis(50);

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

/// Memory that instances hold, and may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GuestMemoryUse {
    /// Bytes that are held.
    pub held: u64,
    /// The most bytes: the budget of the host, or the share of a component.
    pub limit: u64,
}

impl GuestMemory {
    /// The memory of all instances.
    pub(crate) fn in_use(&self) -> GuestMemoryUse {
        let ledger = self.ledger();
        GuestMemoryUse {
            held: ledger.held_by_all(),
            limit: ledger.budget(),
        }
    }

    /// A budget of `bytes`.
    pub(crate) fn new(bytes: u64) -> Self {
        Self(Arc::new(Mutex::new(Ledger::new(bytes))))
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
        self.ledger().open(&owner);
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
        self.memory.ledger().close(&self.owner);
    }
}

impl MemoryAccount {
    /// The memory of the component's instances.
    pub(crate) fn in_use(&self) -> GuestMemoryUse {
        let ledger = self.ledger();
        GuestMemoryUse {
            held: ledger.held(&self.0.owner),
            limit: ledger.share(&self.0.owner),
        }
    }

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
        let mean = self.ledger().mean(&self.0.owner);
        let mut charge = self.charge();
        charge.grow(mean.min(limit)).await?;
        Ok(charge)
    }

    /// Records an instance that held `bytes`, or would have held them if they had been available.
    pub(crate) fn record_instance(&self, bytes: u64) {
        self.ledger().record_instance(&self.0.owner, bytes);
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
            held: ledger.held(owner),
            share: ledger.share(owner),
            budget: ledger.budget(),
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

    /// Reserves `bytes` more, and waits up to `time_limit`, but at least [`OTHERS_PAUSE`]. Of a component's charges, one fails at a time, because the
    /// memory that it releases may be enough for the others, which continue to wait.
    pub(crate) async fn grow_within(
        &mut self,
        bytes: u64,
        mut time_limit: Duration,
    ) -> Result<(), NoGuestMemory> {
        time_limit = time_limit.max(OTHERS_PAUSE);
        let mut growing = pin!(self.account.clone().granted(bytes, self.bytes));
        loop {
            match timeout(time_limit, growing.as_mut()).await {
                Ok(granted) => {
                    granted?;
                    self.bytes += bytes;
                    return Ok(());
                }
                Err(_) if self.account.ledger().give_up(&self.account.0.owner) => {
                    self.has_given_up = true;
                    return Err(self.account.none_left());
                }
                Err(_) => time_limit = OTHERS_PAUSE,
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
        ledger.wait(&account.0.owner, bytes, sender);
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
