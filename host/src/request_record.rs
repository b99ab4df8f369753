//! Facts about a request that become known while it is answered: its access line and `Server-Timing` are made of them.

use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::extract::Request;
use berth_runtime::{ComponentSpec, Principal, RequestUsage, Version};

/// The facts of one request, among its extensions. Clones share them.
#[derive(Clone, Debug, Default)]
pub(crate) struct RequestRecord(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    usage: Arc<RequestUsage>,
    /// Bytes of the request's body that the host has read.
    received: AtomicU64,
    facts: Mutex<Facts>,
}

/// The facts that are no numbers.
#[derive(Clone, Debug, Default)]
pub(crate) struct Facts {
    /// The pattern of the route: the manifest's for a component, or the host's own.
    pub(crate) route: Option<Arc<str>>,
    /// The component that the request was given to, and its version.
    pub(crate) component: Option<(Arc<ComponentSpec>, Option<NonZeroU32>)>,
    /// The `sub` of the request's token, which was verified.
    pub(crate) user: Option<String>,
}

impl RequestRecord {
    /// Makes a record for a request, among its extensions.
    pub(crate) fn begin(request: &mut Request) -> Self {
        let record = Self::default();
        request.extensions_mut().insert(record.clone());
        record
    }

    /// The record among `extensions`; an empty one for a request that has none, as in tests.
    pub(crate) fn of(extensions: &http::Extensions) -> Self {
        extensions.get().cloned().unwrap_or_default()
    }

    /// The counters that the runtime writes.
    pub(crate) fn usage(&self) -> &Arc<RequestUsage> {
        &self.0.usage
    }

    /// Counts bytes of the request's body.
    pub(crate) fn add_received(&self, bytes: u64) {
        self.0.received.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Bytes of the request's body that the host has read.
    pub(crate) fn received(&self) -> u64 {
        self.0.received.load(Ordering::Relaxed)
    }

    /// Sets the pattern of the host's own route.
    pub(crate) fn set_route(&self, pattern: Arc<str>) {
        self.facts().route = Some(pattern);
    }

    /// Sets the version that the request is given to, and the pattern that it was found by.
    pub(crate) fn set_component(&self, pattern: Arc<str>, version: &Version) {
        let mut facts = self.facts();
        facts.route = Some(pattern);
        facts.component = Some((Arc::clone(version.spec()), version.number()));
    }

    /// Sets the user of a verified token. The user of `ANONYMOUS_USER` has none.
    pub(crate) fn set_user(&self, principal: &Principal) {
        if !principal.anonymous {
            self.facts().user = Some(principal.subject.clone());
        }
    }

    /// Whether the request was given to a component.
    pub(crate) fn has_component(&self) -> bool {
        self.facts().component.is_some()
    }

    /// The facts so far.
    pub(crate) fn read(&self) -> Facts {
        self.facts().clone()
    }

    fn facts(&self) -> MutexGuard<'_, Facts> {
        self.0.facts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
