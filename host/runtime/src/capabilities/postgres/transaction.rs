//! A transaction: a session of its own, between `BEGIN` and its end.

use std::time::Duration;

use berth_database::{End, SessionPool};
use tokio::runtime::Handle;
use tokio::time::timeout;

use super::session::{Collect, NoticeHandler, Session};
use super::{Caps, Error, Statement};

/// How many transactions a request may have open at once, so that it cannot take every connection for itself.
pub(crate) const MAX_OPEN: usize = 2;

/// Timeout of a rollback in the background, after which the connection is closed.
const ROLLBACK_TIMEOUT: Duration = Duration::from_secs(5);

/// An open transaction. On drop, it is rolled back.
#[expect(unreachable_pub, reason = "the generated bindings re-export it")]
pub struct Transaction {
    /// `None` once it has ended.
    session: Option<Session>,
    /// Whether PostgreSQL refused the last statement, and with that every later one, and the commit.
    aborted: bool,
}

impl Transaction {
    pub(crate) async fn begin(
        pool: &SessionPool,
        caps: Caps,
        notices: Option<NoticeHandler>,
    ) -> Result<Self, Error> {
        let mut session = Session::open(pool, caps, notices).await?;
        session.begin().await?;
        Ok(Self {
            session: Some(session),
            aborted: false,
        })
    }

    /// See [`Session::run`].
    pub(crate) async fn run(&mut self, statement: &Statement, to: &mut impl Collect) -> Result<u64, Error> {
        let session = self.session.as_mut().ok_or(Error::TransactionAborted)?;
        let result = session.run(statement, to).await;
        match &result {
            // After a refusal, only a return to a savepoint succeeds.
            Ok(_) => self.aborted = false,
            Err(error) => self.aborted |= error.is_refusal(),
        }
        result
    }

    /// Commits. PostgreSQL responds to the commit of an aborted transaction with a rollback and reports
    /// success; this function returns an error.
    pub(crate) async fn commit(mut self) -> Result<(), Error> {
        let mut session = self.session.take().ok_or(Error::TransactionAborted)?;
        if self.aborted {
            session.end(End::RollBack).await?;
            return Err(Error::TransactionAborted);
        }
        session.end(End::Commit).await
    }

    /// Rolls back. A transaction whose connection was closed is rolled back already.
    pub(crate) async fn roll_back(mut self) -> Result<(), Error> {
        match self.session.take() {
            Some(mut session) if session.is_ready() => session.end(End::RollBack).await,
            _ => Ok(()),
        }
    }
}

impl Drop for Transaction {
    /// For a guest that ended without ending it. Most often the pool rolls back when it resets the session; in the middle of a
    /// statement it closes the session, and PostgreSQL rolls back.
    fn drop(&mut self) {
        if let Some(mut session) = self.session.take()
            && session.is_ready()
            && !session.resets_itself()
            && let Ok(runtime) = Handle::try_current()
        {
            runtime.spawn(async move { timeout(ROLLBACK_TIMEOUT, session.end(End::RollBack)).await });
        }
    }
}
