//! The status of each component on this host, as health and the other hosts see it.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::report::ReplicaState;

/// The status of a component on a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// The version that answers requests here; none while it starts.
    pub live: Option<NonZeroU32>,
    /// The version that all hosts shall have.
    pub wanted: Option<NonZeroU32>,
    /// How far the host is in taking the wanted version.
    pub state: ReplicaState,
    /// Why the host is behind.
    pub detail: Option<String>,
}

impl Default for Status {
    fn default() -> Self {
        Self {
            live: None,
            wanted: None,
            state: ReplicaState::Compiling,
            detail: None,
        }
    }
}

/// The statuses of this host, by component. Probes read them, so the lock is never held for longer than a copy takes.
#[derive(Debug, Default)]
pub struct Statuses(Mutex<BTreeMap<String, Status>>);

impl Statuses {
    /// The statuses of a host that is about to have these components.
    pub(crate) fn new(components: impl IntoIterator<Item = String>) -> Self {
        Self(Mutex::new(
            components
                .into_iter()
                .map(|name| (name, Status::default()))
                .collect(),
        ))
    }

    /// A copy of all statuses.
    #[must_use]
    pub fn all(&self) -> BTreeMap<String, Status> {
        self.locked().clone()
    }

    /// Sets the live versions of this host, each of which is also the wanted version.
    pub(crate) fn set_live(&self, versions: impl IntoIterator<Item = (String, Option<NonZeroU32>)>) {
        let live = |number| Status {
            live: number,
            wanted: number,
            state: ReplicaState::Live,
            detail: None,
        };
        let mut statuses = self.locked();
        let before = std::mem::take(&mut *statuses);
        for (name, number) in versions {
            // A component that is behind stays so until the wanted version is live.
            let status = before.get(&name).filter(|one| {
                one.live == number && one.wanted != number && one.state == ReplicaState::Behind
            });
            let status = status.cloned().unwrap_or_else(|| live(number));
            statuses.insert(name, status);
        }
    }

    /// Records that the host is about to take a version.
    pub(crate) fn set_wanted(&self, component: &str, number: NonZeroU32) {
        self.change(component, |status| {
            status.wanted = Some(number);
            status.state = ReplicaState::Compiling;
            status.detail = None;
        });
    }

    /// Records that the host could not take the wanted version.
    pub(crate) fn set_behind(&self, component: &str, why: &str) {
        self.change(component, |status| {
            status.state = ReplicaState::Behind;
            status.detail = Some(why.to_owned());
        });
    }

    fn change(&self, component: &str, change: impl FnOnce(&mut Status)) {
        change(self.locked().entry(component.to_owned()).or_default());
    }

    fn locked(&self) -> MutexGuard<'_, BTreeMap<String, Status>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
