//! A pooled session that is leased to one request, and its reset.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use berth_postgres::{Connection, Status};
use deadpool::managed::Object;
use tokio::sync::OwnedMutexGuard;

use crate::backends::Backend;
use crate::server::Sessions;
use crate::session_pool::Manager;

/// Resets a session to its initial state, prepared statements included.
const DISCARD: &str = "DISCARD ALL";

/// How a request's transaction is implemented on its session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransactionScope {
    /// A transaction.
    Transaction,
    /// A savepoint, because the session is in a transaction of the host.
    Savepoint,
    /// A transaction on a pooled session. The pooler gives the session to other clients between transactions,
    /// so each statement needs a transaction.
    Pooler,
}

/// A session that is leased to one request. On drop, the session is reset and returned to the pool; if a statement is
/// still running, the session is closed, and its place in the pool becomes free when its backend is gone.
pub struct Lease {
    /// `None` after the session was discarded.
    inner: Option<Inner>,
    /// Whether a statement may have prepared another statement on the session.
    is_changed: bool,
}

impl From<Inner> for Lease {
    fn from(inner: Inner) -> Self {
        Self {
            inner: Some(inner),
            is_changed: false,
        }
    }
}

pub(crate) enum Inner {
    /// A session of the pool, and its place there.
    Shared(Object<Manager>, Box<Backend>),
    /// The session of a trial; `None` after it was closed.
    Trial(OwnedMutexGuard<Option<Backend>>),
}

impl Lease {
    /// How a transaction is implemented on this session.
    #[must_use]
    pub fn transaction_scope(&self) -> TransactionScope {
        match &self.inner {
            Some(Inner::Shared(pooled, _)) if pooled.sessions == Sessions::Shared => TransactionScope::Pooler,
            Some(Inner::Trial(_)) => TransactionScope::Savepoint,
            _ => TransactionScope::Transaction,
        }
    }

    /// The statements that begin a transaction on a pooler's session, including the settings that a session of the
    /// component's own would keep.
    #[must_use]
    pub fn begin_pooled(&self) -> Option<Arc<str>> {
        match &self.inner {
            Some(Inner::Shared(pooled, _)) => Some(Arc::clone(&pooled.begin)),
            _ => None,
        }
    }

    /// Records that a statement may have prepared another statement: the reset must be a full one.
    pub fn mark_changed(&mut self) {
        self.is_changed = true;
    }

    /// Closes the session instead of returning it to the pool.
    pub fn discard(mut self) {
        if let Some(inner) = self.inner.take() {
            inner.close();
        }
    }

    /// The database function that resets the session.
    fn reset_function(&self) -> Option<u32> {
        match &self.inner {
            Some(Inner::Shared(pooled, _)) => pooled.reset_function,
            _ => None,
        }
    }

    fn backend(&self) -> Option<&Backend> {
        match self.inner.as_ref()? {
            Inner::Shared(_, backend) => Some(backend),
            Inner::Trial(session) => session.as_ref(),
        }
    }

    fn backend_mut(&mut self) -> Option<&mut Backend> {
        match self.inner.as_mut()? {
            Inner::Shared(_, backend) => Some(backend),
            Inner::Trial(session) => session.as_mut(),
        }
    }

    /// Queues the reset of the session. An open transaction is rolled back at once, because others may wait for its
    /// locks. Returns false if the session cannot be reset.
    fn reset(&mut self) -> bool {
        let bounds = self.transaction_scope();
        // The function does not remove prepared statements.
        let function = self.reset_function().filter(|_| !self.is_changed);
        let Some(Backend { connection, .. }) = self.backend_mut() else {
            return false;
        };
        if connection.is_busy() {
            return false;
        }
        connection.set_notice_handler(None);
        let is_in_transaction = connection.status() != Status::Idle || connection.has_queued();
        match bounds {
            // The trial's transaction continues, and is rolled back as a whole.
            TransactionScope::Savepoint => return true,
            // The session was returned to the pooler when its transaction ended.
            TransactionScope::Pooler => return !is_in_transaction,
            TransactionScope::Transaction => {}
        }
        if is_in_transaction && connection.queue("ROLLBACK").is_err() {
            return false;
        }
        if let Some(function) = function {
            connection.queue_call(function);
            return !is_in_transaction || connection.flush_now();
        }
        connection.statements_were_dropped();
        connection.queue(DISCARD).is_ok() && connection.flush_now()
    }
}

impl Inner {
    /// Closes the session. Its place in the pool becomes free when the backend is gone.
    fn close(self) {
        match self {
            Self::Shared(pooled, backend) => backend.end(Place(Some(pooled))),
            Self::Trial(mut session) => {
                if let Some(backend) = session.take() {
                    backend.end(());
                }
            }
        }
    }
}

/// The place in the pool of a session that is closing.
struct Place(Option<Object<Manager>>);

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(pooled) = self.0.take() {
            drop(Object::take(pooled));
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let is_reset = self.inner.is_some() && self.reset();
        match self.inner.take() {
            Some(Inner::Shared(mut pooled, backend)) if is_reset => pooled.put_back(backend),
            Some(inner) if !is_reset => inner.close(),
            _ => {}
        }
    }
}

impl Deref for Lease {
    type Target = Connection;

    #[expect(
        clippy::expect_used,
        reason = "only `discard` and `drop` empty it, and nothing comes after them"
    )]
    fn deref(&self) -> &Connection {
        &self
            .backend()
            .expect("a session that was not discarded")
            .connection
    }
}

impl DerefMut for Lease {
    #[expect(
        clippy::expect_used,
        reason = "only `discard` and `drop` empty it, and nothing comes after them"
    )]
    fn deref_mut(&mut self) -> &mut Connection {
        &mut self
            .backend_mut()
            .expect("a session that was not discarded")
            .connection
    }
}

impl fmt::Debug for Lease {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Lease")
    }
}
