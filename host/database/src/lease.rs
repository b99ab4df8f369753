//! A component's session while a request has it: the three kinds of sessions, and how each is left clean.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use berth_postgres::{Connection, Error, Status};
use deadpool::managed::Object;
use tokio::sync::OwnedMutexGuard;

use crate::backends::Backend;
use crate::pooled_session::{Manager, kept_claim};
use crate::pooled_transaction::End;
use crate::rows::new_lease;
use crate::server::Sessions;
use crate::session_error::SessionError;

/// Resets a session to its initial state, prepared statements included.
const FULL_RESET: &str = "DISCARD ALL";

/// A session, and the place to which it returns. On drop, the session is reset and returned; if it cannot be reset, it
/// is closed, and its place in the pool becomes free when its backend is gone.
pub(crate) struct Lease {
    /// `None` only while the lease is being dropped.
    inner: Option<Inner>,
    /// Whether a statement may have prepared another statement on the session.
    is_changed: bool,
}

enum Inner {
    /// A session of the pool, and its place there.
    Pooled(Object<Manager>, Box<Backend>),
    /// The session of a trial, `None` after it was closed, and the statements that begin a transaction of a request.
    Trial(OwnedMutexGuard<Option<Backend>>, Arc<str>),
}

/// The kind of a session, which decides how a transaction of a request is implemented.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A session of the component's own, which keeps settings and prepared statements. A transaction is a transaction.
    Own,
    /// A session behind a pooler, which gives the session to other clients between transactions. Every statement needs a
    /// transaction, and nothing outlives the transaction.
    Pooler,
    /// The session of a trial, in a transaction of the host. A transaction is a savepoint.
    Trial,
}

impl Lease {
    /// A session of a pool.
    pub(crate) fn from_pool(mut place: Object<Manager>) -> Result<Self, SessionError> {
        let backend = place.take().ok_or_else(SessionError::closed)?;
        Ok(Self::new(Inner::Pooled(place, backend)))
    }

    /// The session of a trial.
    pub(crate) fn from_trial(
        session: OwnedMutexGuard<Option<Backend>>,
        begin: Arc<str>,
    ) -> Result<Self, SessionError> {
        if session.is_none() {
            return Err(SessionError::closed());
        }
        Ok(Self::new(Inner::Trial(session, begin)))
    }

    fn new(inner: Inner) -> Self {
        Self {
            inner: Some(inner),
            is_changed: false,
        }
    }

    pub(crate) fn kind(&self) -> Kind {
        match &self.inner {
            Some(Inner::Trial(..)) => Kind::Trial,
            Some(Inner::Pooled(place, _)) if place.sessions == Sessions::Shared => Kind::Pooler,
            _ => Kind::Own,
        }
    }

    /// Begins a transaction. Except for a trial, the command goes out with the next statement.
    pub(crate) async fn begin(&mut self) -> Result<(), SessionError> {
        match self.kind() {
            Kind::Own => self.queue("BEGIN")?,
            Kind::Trial => {
                let begin = self.begin_statements();
                self.execute(&begin).await?;
            }
            Kind::Pooler => {
                let begin = self.begin_statements();
                self.queue(&begin)?;
            }
        }
        Ok(())
    }

    /// The statements that begin a transaction on another session than the component's own.
    fn begin_statements(&self) -> Arc<str> {
        match &self.inner {
            Some(Inner::Pooled(place, _)) => Arc::clone(&place.begin),
            Some(Inner::Trial(_, begin)) => Arc::clone(begin),
            None => Arc::default(),
        }
    }

    /// Queues the reset of the session, if it is due. The session keeps its claim.
    pub(crate) fn queue_reset(&mut self) -> Result<(), Error> {
        if let Some(Inner::Pooled(place, backend)) = &mut self.inner
            && let Some(function) = place.reset_function
        {
            backend.queue_due_reset(function, &kept_claim(place.claimed.as_deref()))?;
        }
        Ok(())
    }

    /// Queues a reset that drops the session's claim and records the identifier of a new lease, which another claim needs.
    /// Returns the identifier; `None` if the session is not the component's own.
    pub(crate) fn queue_renewal(&mut self) -> Result<Option<String>, Error> {
        self.set_claimed(None);
        let Some(Inner::Pooled(place, backend)) = &mut self.inner else {
            return Ok(None);
        };
        let Some(function) = place.reset_function else {
            return Ok(None);
        };
        let id = new_lease()?;
        backend.is_reset_due = true;
        backend.queue_due_reset(function, &id)?;
        Ok(Some(id))
    }

    /// The command that ends a transaction.
    pub(crate) fn end_command(&self, end: End) -> &'static str {
        match (self.kind(), end) {
            (Kind::Own, End::Commit) => "COMMIT",
            (Kind::Own, End::RollBack) => "ROLLBACK",
            (Kind::Trial, End::Commit) => "RELEASE SAVEPOINT berth_request",
            (Kind::Trial, End::RollBack) => {
                "ROLLBACK TO SAVEPOINT berth_request; RELEASE SAVEPOINT berth_request"
            }
            (Kind::Pooler, end) => end.and_undo(),
        }
    }

    /// Records that a statement may have prepared another statement: the reset must be a full one.
    pub(crate) fn mark_changed(&mut self) {
        self.is_changed = true;
    }

    /// Closes the session instead of returning it.
    pub(crate) fn close(mut self) {
        if let Some(inner) = self.inner.take() {
            inner.close();
        }
    }

    /// Makes the reset of the session due before its next request. An open transaction is rolled back at once, because
    /// others may wait for its locks. Returns false if the session cannot be reset.
    fn reset(&mut self) -> bool {
        let kind = self.kind();
        if self.is_busy() {
            return false;
        }
        self.set_notice_handler(None);
        let is_in_transaction = self.status() != Status::Idle || self.has_queued();
        match kind {
            // The trial's transaction continues, and is rolled back as a whole.
            Kind::Trial => return true,
            // The session was returned to the pooler when its transaction ended.
            Kind::Pooler => return !is_in_transaction,
            Kind::Own => {}
        }
        if is_in_transaction && self.queue("ROLLBACK").is_err() {
            return false;
        }
        if self.is_changed || self.reset_function().is_none() {
            // The function does not remove prepared statements.
            self.statements_were_dropped();
            self.set_claimed(None);
            return self.queue(FULL_RESET).is_ok() && self.flush_now();
        }
        if let Some(backend) = self.backend_mut() {
            backend.is_reset_due = true;
        }
        !is_in_transaction || (self.queue_reset().is_ok() && self.flush_now())
    }

    /// The subject of the claim that the session has.
    pub(crate) fn claimed(&self) -> Option<&str> {
        match &self.inner {
            Some(Inner::Pooled(place, _)) => place.claimed.as_deref(),
            _ => None,
        }
    }

    /// Records the subject of the claim that the session has.
    pub(crate) fn set_claimed(&mut self, subject: Option<String>) {
        if let Some(Inner::Pooled(place, _)) = &mut self.inner {
            place.claimed = subject;
        }
    }

    /// The database function that resets the session.
    fn reset_function(&self) -> Option<u32> {
        match &self.inner {
            Some(Inner::Pooled(place, _)) => place.reset_function,
            _ => None,
        }
    }

    fn backend(&self) -> Option<&Backend> {
        match self.inner.as_ref()? {
            Inner::Pooled(_, backend) => Some(backend),
            Inner::Trial(session, _) => session.as_ref(),
        }
    }

    fn backend_mut(&mut self) -> Option<&mut Backend> {
        match self.inner.as_mut()? {
            Inner::Pooled(_, backend) => Some(backend),
            Inner::Trial(session, _) => session.as_mut(),
        }
    }
}

impl Inner {
    /// Closes the session. Its place in the pool becomes free when the backend is gone.
    fn close(self) {
        match self {
            Self::Pooled(place, backend) => backend.end(Place(Some(place))),
            Self::Trial(mut session, _) => {
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
        if let Some(place) = self.0.take() {
            drop(Object::take(place));
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let is_reset = self.inner.is_some() && self.reset();
        match self.inner.take() {
            Some(Inner::Pooled(mut place, backend)) if is_reset => place.put_back(backend),
            Some(inner) if !is_reset => inner.close(),
            _ => {}
        }
    }
}

impl Deref for Lease {
    type Target = Connection;

    #[expect(
        clippy::expect_used,
        reason = "only `close` and `drop` empty the lease, and nothing comes after them"
    )]
    fn deref(&self) -> &Connection {
        &self.backend().expect("a session that was not closed").connection
    }
}

impl DerefMut for Lease {
    #[expect(
        clippy::expect_used,
        reason = "only `close` and `drop` empty the lease, and nothing comes after them"
    )]
    fn deref_mut(&mut self) -> &mut Connection {
        &mut self
            .backend_mut()
            .expect("a session that was not closed")
            .connection
    }
}
