//! One connection on loan, and the statements that run on it.
//!
//! A connection serves many requests, one after another, and nothing of one request may reach the next. So a
//! connection goes back to the pool only when
//!
//! - the answer to its last statement was read to its end. A guest that trapped, ran out of time or lost its
//!   client drops the future in the middle of a statement, and a result over a limit is left where it stands:
//!   such a connection is closed, and whoever comes next does not have to read what is left. (PostgreSQL
//!   notices at the latest when `statement_timeout` ends the statement.)
//! - no statement was run on it that may have changed the session: see [`Statement::leaves_traces`]. `DISCARD
//!   ALL` would undo such changes, but also the settings that the pool made, and the prepared statements.
//!
//! A version that is being tried has one connection, in a transaction that also holds its migrations. What is a
//! transaction otherwise is a savepoint there, and so is a statement, which may fail alone.
//!
//! Where a pooler is in front of PostgreSQL, a connection has no session of its own to keep: every statement runs in a
//! transaction, and at its end the session goes back as it was found.

use berth_database::{Connection, End, Pool, Sessions};
use futures_util::TryStreamExt as _;
use sqlx::postgres::{PgArguments, PgColumn, PgConnection, PgRow, PgStatement};
use sqlx::{Connection as _, Either, Executor as _, Statement as _};

use super::{Error, Statement};

/// Why a statement is refused that a session of one's own would keep.
const PREPARES: &str = "PREPARE cannot cross while a pooler is in front of PostgreSQL: the next statement may run on another \
     session; send the statement itself, with its parameters";

/// What becomes of a result.
pub(crate) trait Collect: Send {
    /// Takes the columns, before the first row. A second time, when a statement had to be prepared anew: then
    /// it starts over.
    fn begin(&mut self, columns: &[PgColumn]) -> Result<(), Error>;

    /// Takes one row.
    fn row(&mut self, row: &PgRow) -> Result<(), Error>;
}

/// Keeps nothing, for statements of which only the number of rows matters.
pub(crate) struct Affected;

impl Collect for Affected {
    fn begin(&mut self, _: &[PgColumn]) -> Result<(), Error> {
        Ok(())
    }

    fn row(&mut self, _: &PgRow) -> Result<(), Error> {
        Ok(())
    }
}

/// A connection that goes back to the pool, or is closed, as it deserves.
pub(crate) struct Session {
    /// `None` once it was closed.
    connection: Option<Connection>,
    /// Whether a statement was sent whose answer was not read to its end.
    in_flight: bool,
    in_transaction: bool,
    /// Whether a statement may have left something behind.
    changed: bool,
    bounds: Bounds,
}

impl Session {
    /// Takes a connection from the pool.
    pub(crate) async fn open(pool: &Pool) -> Result<Self, Error> {
        let connection = pool.acquire().await?;
        let bounds = match connection.sessions() {
            _ if pool.is_trial() => Bounds::Savepoint,
            Sessions::Own => Bounds::Transaction,
            Sessions::Shared => Bounds::Loan,
        };
        let connection = Some(connection);
        Ok(Self { connection, in_flight: false, in_transaction: false, changed: false, bounds })
    }

    /// Runs a statement, and returns how many rows it affected.
    pub(crate) async fn run(&mut self, statement: &Statement, to: &mut impl Collect) -> Result<u64, Error> {
        if self.bounds == Bounds::Transaction || self.in_transaction {
            return self.run_here(statement, to).await;
        }
        self.begin().await?;
        let result = self.run_here(statement, to).await;
        if self.is_ready() {
            self.end(if result.is_ok() { End::Commit } else { End::RollBack }).await?;
        }
        result
    }

    async fn run_here(&mut self, statement: &Statement, to: &mut impl Collect) -> Result<u64, Error> {
        match self.attempt(statement, to).await {
            Err(error) if error.is_stale_plan() => {
                self.forget_statements().await?;
                // The refusal has aborted a transaction: there, only the next one will do better.
                if self.in_transaction { Err(error) } else { self.attempt(statement, to).await }
            }
            result => result,
        }
    }

    async fn attempt(&mut self, statement: &Statement, to: &mut impl Collect) -> Result<u64, Error> {
        if statement.prepares() && self.bounds == Bounds::Loan {
            return Err(Error::Unsupported(PREPARES.to_owned()));
        }
        let arguments = statement.arguments()?;
        let prepared = self.start()?.prepare_with(statement.sql(), &statement.types()).await;
        let prepared = self.settle(prepared.map_err(Error::from)).await?;
        check_count(statement, &prepared)?;
        to.begin(prepared.columns())?;
        self.changed |= statement.leaves_traces() && self.bounds != Bounds::Savepoint;
        let affected = fetch(self.start()?, statement, arguments, to).await;
        self.settle(affected).await
    }

    /// Begins a transaction. Until its end the connection does not go back to the pool.
    pub(crate) async fn begin(&mut self) -> Result<(), Error> {
        let bounds = self.bounds;
        let connection = self.start()?;
        let begun = match bounds {
            Bounds::Transaction => command(connection, "BEGIN").await,
            Bounds::Savepoint => command(connection, "SAVEPOINT berth_request").await,
            Bounds::Loan => connection.take().await,
        };
        self.settle(begun.map_err(Error::from)).await?;
        self.in_transaction = true;
        Ok(())
    }

    /// Ends the transaction. Whatever PostgreSQL answers, it has then ended.
    pub(crate) async fn end(&mut self, end: End) -> Result<(), Error> {
        let (bounds, changed) = (self.bounds, self.changed);
        let connection = self.start()?;
        let ended = match (bounds, end) {
            (Bounds::Transaction, End::Commit) => command(connection, "COMMIT").await,
            (Bounds::Transaction, End::RollBack) => command(connection, "ROLLBACK").await,
            (Bounds::Savepoint, End::Commit) => command(connection, "RELEASE SAVEPOINT berth_request").await,
            (Bounds::Savepoint, End::RollBack) => {
                let undone = "ROLLBACK TO SAVEPOINT berth_request; RELEASE SAVEPOINT berth_request";
                command(connection, undone).await
            }
            (Bounds::Loan, end) => connection.give_back(end, changed).await,
        };
        self.in_transaction = false;
        // A session that was given back is as it was found.
        self.changed &= bounds != Bounds::Loan;
        self.settle(ended.map_err(Error::from)).await
    }

    /// Whether the next statement can be sent.
    pub(crate) fn is_ready(&self) -> bool {
        self.connection.is_some() && !self.in_flight
    }

    async fn forget_statements(&mut self) -> Result<(), Error> {
        let result = self.start()?.clear_cached_statements().await;
        self.settle(result.map_err(Error::from)).await
    }

    /// The connection, for one statement. It counts as in flight until [`Self::settle`] has seen the result.
    fn start(&mut self) -> Result<&mut Connection, Error> {
        let connection = self.connection.as_mut().ok_or(Error::TransactionAborted)?;
        self.in_flight = true;
        Ok(connection)
    }

    /// Looks at the result of a statement: the connection is at rest again, or it is closed.
    async fn settle<T>(&mut self, result: Result<T, Error>) -> Result<T, Error> {
        match (&result, &mut self.connection) {
            (Ok(_), _) => self.in_flight = false,
            (Err(error), Some(connection)) if error.is_refusal() => {
                // PostgreSQL is ready once it has said so, which comes some time after the refusal.
                connection.flush().await?;
                self.in_flight = false;
            }
            (Err(_), connection) => {
                if let Some(connection) = connection.take() {
                    connection.discard();
                }
            }
        }
        result
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take()
            && (self.in_flight || self.in_transaction || self.changed)
        {
            connection.discard();
        }
    }
}

/// What a transaction of the guest's is on its connection.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Bounds {
    Transaction,
    /// The connection is in a transaction of the host's.
    Savepoint,
    /// A pooler lends the session, for the time of a transaction.
    Loan,
}

async fn command(connection: &mut PgConnection, command: &'static str) -> sqlx::Result<()> {
    sqlx::raw_sql(command).execute(connection).await.map(drop)
}

/// Refuses before PostgreSQL does, which would call it a violation of its protocol.
fn check_count(statement: &Statement, prepared: &PgStatement) -> Result<(), Error> {
    let (given, wanted) = (statement.parameter_count(), prepared.parameters().map_or(0, count));
    if given == wanted {
        return Ok(());
    }
    Err(Error::Unsupported(format!("the statement has {wanted} parameters, and {given} were given")))
}

fn count<T>(parameters: Either<&[T], usize>) -> usize {
    parameters.either(<[T]>::len, |count| count)
}

/// Sends a prepared statement and hands on its rows, until the end of the result or of the receiver's
/// patience.
async fn fetch(
    connection: &mut PgConnection,
    statement: &Statement,
    arguments: PgArguments,
    to: &mut impl Collect,
) -> Result<u64, Error> {
    let mut answers = connection.fetch_many(sqlx::query_with(statement.sql(), arguments));
    let mut affected = 0;
    while let Some(answer) = answers.try_next().await? {
        match answer {
            Either::Left(done) => affected += done.rows_affected(),
            Either::Right(row) => to.row(&row)?,
        }
    }
    Ok(affected)
}
