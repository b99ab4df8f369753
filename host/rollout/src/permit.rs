//! The right to swap. A value of these types is the proof: on this host, one swap runs at a time, and one host at a
//! time decides which versions all hosts on the database run.

use std::mem;
use std::sync::Arc;

use berth_database::{Server, StorageError, SwapLock};
use tokio::sync::{Mutex, OwnedMutexGuard};

use crate::stores::Versions;

/// The name of the swap lock in the database. All hosts on a database share this lock.
const SWAP_LOCK: &str = "swap";

/// Gives out the right to swap.
pub(crate) struct Exclusive {
    this_host: Arc<Mutex<()>>,
    server: Server,
    versions: Versions,
}

/// Proves that no other swap runs on this host, until the value is dropped.
pub(crate) struct HostPermit {
    _guard: OwnedMutexGuard<()>,
}

/// The right of one swap, which the stages of the swap hand on.
pub(crate) struct SwapPermit {
    this_host: HostPermit,
    reach: Reach,
}

/// The hosts that a swap decides for.
enum Reach {
    /// All hosts on the database. The decision is written in the transaction that holds the swap lock.
    AllHosts(SwapLock),
    /// This host, which follows what was decided before.
    ThisHost,
}

impl Exclusive {
    /// Makes the only value of this host. `versions` are those of the database of `server`.
    pub(crate) fn new(server: Server, versions: Versions) -> Self {
        Self {
            this_host: Arc::default(),
            server,
            versions,
        }
    }

    /// Waits until no swap runs on this host. The holder of the swap lock calls this method, too. So a caller that has the
    /// result must not wait for the swap lock, because two hosts' swaps would block each other.
    pub(crate) async fn this_host(&self) -> HostPermit {
        HostPermit {
            _guard: Arc::clone(&self.this_host).lock_owned().await,
        }
    }

    /// Waits for the swap lock.
    pub(crate) async fn swap_lock(&self) -> Result<SwapLock, StorageError> {
        let swap_lock = SwapLock::take(self.server.direct(), SWAP_LOCK).await?;
        self.versions.refuse_left_over().await?;
        Ok(swap_lock)
    }

    /// Takes the swap lock, unless another swap holds it.
    pub(crate) async fn try_swap_lock(&self) -> Result<Option<SwapLock>, StorageError> {
        let Some(swap_lock) = SwapLock::try_take(self.server.direct(), SWAP_LOCK).await? else {
            return Ok(None);
        };
        self.versions.refuse_left_over().await?;
        Ok(Some(swap_lock))
    }
}

impl SwapPermit {
    /// The right to decide for all hosts.
    pub(crate) fn for_all_hosts(this_host: HostPermit, swap_lock: SwapLock) -> Self {
        Self {
            this_host,
            reach: Reach::AllHosts(swap_lock),
        }
    }

    /// The right to follow on this host what was decided for all hosts.
    pub(crate) fn for_this_host(this_host: HostPermit) -> Self {
        Self {
            this_host,
            reach: Reach::ThisHost,
        }
    }

    /// The transaction in which the decision for all hosts is written. None if the swap follows a decision.
    pub(crate) fn decision(&mut self) -> Option<&mut SwapLock> {
        match &mut self.reach {
            Reach::AllHosts(swap_lock) => Some(swap_lock),
            Reach::ThisHost => None,
        }
    }

    /// Commits the decision and releases the swap lock. No other swap can begin on this host yet.
    pub(crate) async fn commit(&mut self) -> sqlx::Result<()> {
        match mem::replace(&mut self.reach, Reach::ThisHost) {
            Reach::AllHosts(swap_lock) => swap_lock.commit().await,
            Reach::ThisHost => Ok(()),
        }
    }

    /// Rolls the decision back and releases the swap lock.
    pub(crate) async fn roll_back(self) -> HostPermit {
        if let Reach::AllHosts(swap_lock) = self.reach {
            swap_lock.give_up().await;
        }
        self.this_host
    }
}
