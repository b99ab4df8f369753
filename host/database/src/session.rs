//! A component's session for one request, and the statements that run on it.
//!
//! A session serves many requests, one after another, and nothing of one request may reach the next. A guest that
//! trapped, ran out of time or lost its client drops the future in the middle of a statement, and a result over a limit
//! is left where it stands. Such a session is closed and its backend ended. Any other session is reset on drop.
//!
//! There are three kinds of sessions, and only this crate knows which kind a session has:
//!
//! - A session of the component's own keeps settings and prepared statements. The reset goes out with the first
//!   statement of the next request.
//! - Where a pooler is in front of PostgreSQL, a connection has no session of its own: every statement runs in a
//!   transaction, and at its end the session goes back as it was found. The commands that begin and end the transaction
//!   are sent with the statement.
//! - A version on trial has one session, in a transaction that also holds the migrations of the version. A transaction
//!   of a request is a savepoint there, and so is a statement, which may fail alone.

use std::fmt;
use std::time::Duration;

use berth_postgres::{Around, Column, Error, Parameters, Prepared, Rows, ServerMessage, Status};
use tokio::runtime::Handle;
use tokio::time::timeout;

use crate::lease::{Kind, Lease};
use crate::pooled_transaction::End;
use crate::rows::{Claim, REFUSED_CLAIM};
use crate::session_error::SessionError;

/// Timeout of a rollback in the background, after which the connection is closed.
const ROLLBACK_TIMEOUT: Duration = Duration::from_secs(5);

/// Receives the notices of a session's statements.
pub type NoticeHandler = Box<dyn FnMut(ServerMessage) + Send>;

/// A statement of a request, and its effects on a session.
#[derive(Clone, Debug)]
pub struct Statement {
    /// The text. A prepared statement is looked up by its text alone, so texts with other `types` must differ.
    pub sql: String,
    /// The identifiers of the parameters' types. PostgreSQL infers a type with identifier 0.
    pub types: Vec<u32>,
    /// The values of the parameters.
    pub parameters: Parameters,
    /// Whether a session may keep the statement prepared.
    pub is_kept: bool,
    /// Whether the statement can read or change rows, which it may do as the caller only. Without effect unless rows have
    /// owners.
    pub needs_caller: bool,
    /// The effect on the prepared statements of the session.
    pub effect: Effect,
}

/// The effect of a statement on the prepared statements of its session. All other effects are undone after every request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// None.
    None,
    /// The statement may prepare another statement, or drop statements that the session keeps.
    Unknown,
    /// The statement prepares another statement by name.
    Prepares,
}

/// The error type of a [`Collect`].
pub trait StatementError: From<Error> + From<SessionError> + Send {
    /// PostgreSQL's message, if PostgreSQL refused the statement.
    fn refusal(&self) -> Option<&ServerMessage>;
}

/// Collects a result.
pub trait Collect: Rows<Error: StatementError> {
    /// Takes the columns, before the first row. A second call means that the statement had to be prepared again: the
    /// collector starts over.
    fn begin(&mut self, columns: &[Column]) -> Result<(), Self::Error>;
}

/// A session of one request, outside of a transaction. On drop, the session is reset and returns to its pool, or is
/// closed if it cannot be reset.
pub struct Session {
    /// `None` after the session was closed.
    lease: Option<Lease>,
    in_transaction: bool,
    /// The claim of the caller, if rows have owners and the session has not the claim already.
    claim: Option<Claim>,
    /// Whether the current transaction has entered the claim.
    is_claimed: bool,
}

impl Session {
    pub(crate) fn new(
        mut lease: Lease,
        limit: u64,
        notices: Option<NoticeHandler>,
        claim: Option<Claim>,
    ) -> Self {
        lease.set_limit(limit);
        lease.set_notice_handler(notices);
        Self {
            lease: Some(lease),
            in_transaction: false,
            claim,
            is_claimed: false,
        }
    }

    /// Runs a statement, and returns the number of rows that the statement affected.
    ///
    /// # Errors
    ///
    /// If PostgreSQL refuses the statement or is unavailable, and the errors of `to`, after which the session is closed.
    pub async fn run<C: Collect>(&mut self, statement: &Statement, to: &mut C) -> Result<u64, C::Error> {
        let kind = self.lease()?.kind();
        if kind == Kind::Own {
            return self.run_here(statement, to, None).await;
        }
        self.open_transaction().await?;
        let after = (kind == Kind::Pooler).then(|| End::Commit.and_undo());
        let result = self.run_here(statement, to, after).await;
        self.in_transaction = self
            .lease
            .as_ref()
            .is_some_and(|lease| lease.status() != Status::Idle);
        if self.in_transaction {
            let end = if result.is_ok() {
                End::Commit
            } else {
                End::RollBack
            };
            self.end(end).await?;
        }
        result
    }

    /// Begins a transaction.
    ///
    /// # Errors
    ///
    /// If the server is unavailable.
    pub async fn begin(mut self) -> Result<Transaction, SessionError> {
        self.open_transaction().await?;
        Ok(Transaction(self))
    }

    async fn open_transaction(&mut self) -> Result<(), SessionError> {
        let begun = self.lease()?.begin().await;
        self.settle(begun)?;
        self.in_transaction = true;
        self.is_claimed = false;
        Ok(())
    }

    /// Ends the transaction. The transaction has ended whatever PostgreSQL responds.
    async fn end(&mut self, end: End) -> Result<(), SessionError> {
        self.in_transaction = false;
        let lease = self.lease()?;
        let command = lease.end_command(end);
        let ended = lease.execute(command).await;
        Ok(self.settle(ended)?)
    }

    /// Runs a statement, followed by the command `after`, on the session in its current state.
    async fn run_here<C: Collect>(
        &mut self,
        statement: &Statement,
        to: &mut C,
        after: Option<&str>,
    ) -> Result<u64, C::Error> {
        match self.attempt(statement, to, after).await {
            Err(error) if error.refusal().is_some_and(is_stale_statement) => {
                self.lease()?.forget_statements()?;
                // The refusal has aborted a transaction: there, only the next transaction can succeed.
                if self.in_transaction {
                    Err(error)
                } else {
                    self.attempt(statement, to, after).await
                }
            }
            Err(error) if error.refusal().is_some_and(is_refused_claim) => Err(self.refuse_claim().into()),
            result => result,
        }
    }

    async fn attempt<C: Collect>(
        &mut self,
        statement: &Statement,
        to: &mut C,
        after: Option<&str>,
    ) -> Result<u64, C::Error> {
        let lease = self.lease()?;
        let is_pooler = lease.kind() == Kind::Pooler;
        if statement.effect == Effect::Prepares && is_pooler {
            return Err(SessionError::PreparesBehindPooler.into());
        }
        let is_kept = statement.is_kept && !is_pooler;
        let prepared = lease.prepare(&statement.sql, &statement.types, is_kept).await;
        let prepared = self.settle(prepared)?;
        check_count(statement, &prepared)?;
        to.begin(&prepared.columns)?;
        let lease = self.lease.as_mut().ok_or(SessionError::Ended)?;
        if statement.effect != Effect::None {
            lease.mark_changed();
        }
        let claim = self
            .claim
            .as_ref()
            .filter(|_| statement.needs_caller && !(self.in_transaction && self.is_claimed));
        let around = Around {
            before: claim.map(|Claim { query, .. }| query),
            after,
        };
        let is_claiming = claim.is_some();
        let affected = lease.run(&prepared, &statement.parameters, around, to).await;
        self.is_claimed |= is_claiming && affected.is_ok();
        if !self.in_transaction {
            self.keep_claim();
        }
        self.settle(affected)
    }

    /// Records that the session has the claim, after the transaction that has entered the claim was committed.
    fn keep_claim(&mut self) {
        if self.is_claimed
            && let (Some(lease), Some(claim)) = (&mut self.lease, &self.claim)
        {
            lease.set_claimed(claim.subject.clone());
        }
    }

    /// Closes a session that was not reset, that lost its claim, or that belongs to a database with another key.
    fn refuse_claim(&mut self) -> SessionError {
        if let Some(lease) = self.lease.take() {
            lease.close();
        }
        SessionError::RefusedClaim
    }

    fn lease(&mut self) -> Result<&mut Lease, SessionError> {
        self.lease.as_mut().ok_or(SessionError::Ended)
    }

    /// Whether the next statement can be sent.
    fn is_ready(&self) -> bool {
        self.lease.as_ref().is_some_and(|lease| !lease.is_busy())
    }

    /// Checks the result of a statement: the session is either idle again, or closed.
    fn settle<T, E>(&mut self, result: Result<T, E>) -> Result<T, E> {
        if !self.is_ready()
            && let Some(lease) = self.lease.take()
        {
            lease.close();
        }
        result
    }
}

impl Drop for Session {
    /// The lease resets the session. The lease of a session of the component's own rolls back as well; for another
    /// session that is in a transaction, the rollback runs in the background.
    fn drop(&mut self) {
        if self.in_transaction
            && self.is_ready()
            && let Some(lease) = self.lease.take_if(|lease| lease.kind() != Kind::Own)
            && let Ok(runtime) = Handle::try_current()
        {
            runtime.spawn(roll_back(lease));
        }
    }
}

async fn roll_back(lease: Lease) {
    let mut session = Session {
        lease: Some(lease),
        in_transaction: false,
        claim: None,
        is_claimed: false,
    };
    // A rollback that takes too long leaves the session busy, which closes it.
    let _ = timeout(ROLLBACK_TIMEOUT, session.end(End::RollBack)).await;
}

impl fmt::Debug for Session {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Session")
    }
}

/// A session in a transaction. On drop, the transaction is rolled back, and the session is reset as usual.
#[derive(Debug)]
pub struct Transaction(Session);

impl Transaction {
    /// Runs a statement, and returns the number of rows that the statement affected.
    ///
    /// # Errors
    ///
    /// See [`Session::run`].
    pub async fn run<C: Collect>(&mut self, statement: &Statement, to: &mut C) -> Result<u64, C::Error> {
        self.0.run_here(statement, to, None).await
    }

    /// Commits. PostgreSQL responds to the commit of an aborted transaction with a rollback and reports success; this
    /// function returns [`SessionError::Ended`].
    ///
    /// # Errors
    ///
    /// If PostgreSQL refuses the commit, or is unavailable.
    pub async fn commit(mut self) -> Result<(), SessionError> {
        if self.0.lease()?.status() == Status::Aborted {
            self.0.end(End::RollBack).await?;
            return Err(SessionError::Ended);
        }
        self.0.end(End::Commit).await?;
        self.0.keep_claim();
        Ok(())
    }

    /// Rolls back. A transaction whose connection was closed is rolled back already.
    ///
    /// # Errors
    ///
    /// If the server is unavailable.
    pub async fn roll_back(mut self) -> Result<(), SessionError> {
        if self.0.is_ready() {
            self.0.end(End::RollBack).await
        } else {
            Ok(())
        }
    }
}

/// Whether the database refused to enter or to keep a claim.
fn is_refused_claim(refusal: &ServerMessage) -> bool {
    refusal.code == REFUSED_CLAIM
}

/// Whether a prepared statement is out of date: a table that it reads was altered, or a function of the component
/// dropped the statement. The statement did not run.
fn is_stale_statement(refusal: &ServerMessage) -> bool {
    match refusal.code.as_str() {
        "0A000" => refusal.routine.as_deref() == Some("RevalidateCachedQuery"),
        // The name of a prepared statement is unknown.
        "26000" => true,
        _ => false,
    }
}

/// Refuses a wrong number of parameters before PostgreSQL does, which would report a protocol violation.
fn check_count(statement: &Statement, prepared: &Prepared) -> Result<(), SessionError> {
    let (given, wanted) = (statement.types.len(), prepared.parameters);
    if given == wanted {
        return Ok(());
    }
    Err(SessionError::ParameterCount { wanted, given })
}
