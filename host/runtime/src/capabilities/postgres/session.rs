//! A session of the pool, and the statements that one request runs on it.
//!
//! A session serves many requests, one after another, and nothing of one request may reach the next: see
//! [`berth_database::session_pool`]. A guest that trapped, ran out of time or lost its client drops the future in the middle of a
//! statement, and a result over a limit is left where it stands. Such a session is closed and its backend ended.
//!
//! A version that is being tried has one session, in a transaction that also holds its migrations. What is a
//! transaction otherwise is a savepoint there, and so is a statement, which may fail alone.
//!
//! Where a pooler is in front of PostgreSQL, a connection has no session of its own to keep: every statement runs in a
//! transaction, and at its end the session goes back as it was found. What begins and ends the transaction is sent with the
//! statement.

use berth_database::{End, Lease, SessionPool, TransactionScope};
use berth_postgres::{Column, Prepared, Rows, ServerMessage, Status};

use super::{Caps, Error, Statement};

/// Why a statement is refused whose effect only a session of the component's own would keep.
const PREPARES: &str = "PREPARE cannot cross while a pooler is in front of PostgreSQL: the next statement may run on another \
     session; send the statement itself, with its parameters";

/// Collects a result.
pub(crate) trait Collect: Rows<Error = Error> {
    /// Takes the columns, before the first row. A second time, when a statement had to be prepared anew: then
    /// it starts over.
    fn begin(&mut self, columns: &[Column]) -> Result<(), Error>;
}

/// Discards the rows, for statements of which only the number of rows matters.
pub(crate) struct Affected;

impl Collect for Affected {
    fn begin(&mut self, _: &[Column]) -> Result<(), Error> {
        Ok(())
    }
}

impl Rows for Affected {
    type Error = Error;

    fn wants_rows(&self) -> bool {
        false
    }

    fn admit(&mut self, _: usize, _: usize) -> Result<(), Error> {
        Ok(())
    }

    fn field(&mut self, _: usize, _: Option<std::borrow::Cow<'_, [u8]>>) -> Result<(), Error> {
        Ok(())
    }
}

/// Receives the notices of a statement.
pub(crate) type NoticeHandler = Box<dyn FnMut(ServerMessage) + Send>;

/// A session that returns to the pool, or is closed if it is not reusable.
pub(crate) struct Session {
    /// `None` once it was closed.
    lease: Option<Lease>,
    in_transaction: bool,
    bounds: TransactionScope,
}

impl Session {
    /// Takes a session from the pool.
    pub(crate) async fn open(
        pool: &SessionPool,
        caps: Caps,
        notices: Option<NoticeHandler>,
    ) -> Result<Self, Error> {
        let mut lease = pool.acquire().await?;
        lease.set_limit(caps.bytes);
        lease.set_notice_handler(notices);
        let bounds = lease.transaction_scope();
        Ok(Self {
            lease: Some(lease),
            in_transaction: false,
            bounds,
        })
    }

    /// Runs a statement, and returns how many rows it affected.
    pub(crate) async fn run(&mut self, statement: &Statement, to: &mut impl Collect) -> Result<u64, Error> {
        if self.in_transaction || self.bounds == TransactionScope::Transaction {
            return self.run_here(statement, to, None).await;
        }
        self.begin().await?;
        let result = match self.bounds {
            TransactionScope::Pooler => self.run_here(statement, to, Some(End::Commit.and_undo())).await,
            _ => self.run_here(statement, to, None).await,
        };
        self.in_transaction = self
            .lease
            .as_ref()
            .is_some_and(|lease| lease.status() != Status::Idle);
        if self.in_transaction {
            self.end(if result.is_ok() {
                End::Commit
            } else {
                End::RollBack
            })
            .await?;
        }
        result
    }

    /// Runs a statement, followed by the command `after`, on the session in its current state.
    async fn run_here(
        &mut self,
        statement: &Statement,
        to: &mut impl Collect,
        after: Option<&str>,
    ) -> Result<u64, Error> {
        match self.attempt(statement, to, after).await {
            Err(error) if error.is_stale_statement() => {
                self.lease()?.forget_statements()?;
                // The refusal has aborted a transaction: there, only the next one will do better.
                if self.in_transaction {
                    Err(error)
                } else {
                    self.attempt(statement, to, after).await
                }
            }
            result => result,
        }
    }

    async fn attempt(
        &mut self,
        statement: &Statement,
        to: &mut impl Collect,
        after: Option<&str>,
    ) -> Result<u64, Error> {
        let bounds = self.bounds;
        if statement.prepares() && bounds == TransactionScope::Pooler {
            return Err(Error::Unsupported(PREPARES.to_owned()));
        }
        let parameters = statement.encode()?;
        let lease = self.lease()?;
        let kept = statement.is_kept() && bounds != TransactionScope::Pooler;
        let prepared = lease.prepare(statement.sql(), &statement.types(), kept).await;
        let prepared = self.settle(prepared.map_err(Error::from))?;
        check_count(statement, &prepared)?;
        to.begin(&prepared.columns)?;
        let lease = self.lease()?;
        if statement.leaves_traces() {
            lease.mark_changed();
        }
        let affected = lease.run(&prepared, &parameters, after, to).await;
        self.settle(affected)
    }

    /// Begins a transaction. On a session of the component's own, the command goes out with the first statement.
    pub(crate) async fn begin(&mut self) -> Result<(), Error> {
        let bounds = self.bounds;
        let lease = self.lease()?;
        let begun = match bounds {
            TransactionScope::Transaction => lease.queue("BEGIN"),
            TransactionScope::Savepoint => lease.execute("SAVEPOINT berth_request").await,
            TransactionScope::Pooler => {
                let begin = lease.begin_pooled().unwrap_or_default();
                lease.queue(&begin)
            }
        };
        self.settle(begun.map_err(Error::from))?;
        self.in_transaction = true;
        Ok(())
    }

    /// Ends the transaction. The transaction has ended whatever PostgreSQL responds.
    pub(crate) async fn end(&mut self, end: End) -> Result<(), Error> {
        let command = match (self.bounds, end) {
            (TransactionScope::Transaction, End::Commit) => "COMMIT",
            (TransactionScope::Transaction, End::RollBack) => "ROLLBACK",
            (TransactionScope::Savepoint, End::Commit) => "RELEASE SAVEPOINT berth_request",
            (TransactionScope::Savepoint, End::RollBack) => {
                "ROLLBACK TO SAVEPOINT berth_request; RELEASE SAVEPOINT berth_request"
            }
            (TransactionScope::Pooler, end) => end.and_undo(),
        };
        self.in_transaction = false;
        let ended = self.lease()?.execute(command).await;
        self.settle(ended.map_err(Error::from))
    }

    /// Whether the next statement can be sent.
    pub(crate) fn is_ready(&self) -> bool {
        self.lease.as_ref().is_some_and(|lease| !lease.is_busy())
    }

    /// Whether the pool itself takes an open transaction back.
    pub(crate) fn resets_itself(&self) -> bool {
        self.bounds == TransactionScope::Transaction
    }

    fn lease(&mut self) -> Result<&mut Lease, Error> {
        self.lease.as_mut().ok_or(Error::TransactionAborted)
    }

    /// Checks the result of a statement: the session is either idle again, or closed.
    fn settle<T>(&mut self, result: Result<T, Error>) -> Result<T, Error> {
        if !self.is_ready()
            && let Some(lease) = self.lease.take()
        {
            lease.discard();
        }
        result
    }
}

/// Refuses a wrong number of parameters before PostgreSQL does, which would report a protocol violation.
fn check_count(statement: &Statement, prepared: &Prepared) -> Result<(), Error> {
    let (given, wanted) = (statement.parameter_count(), prepared.parameters);
    if given == wanted {
        return Ok(());
    }
    Err(Error::Unsupported(format!(
        "the statement has {wanted} parameters, and {given} were given"
    )))
}
