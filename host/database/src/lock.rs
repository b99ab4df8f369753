//! Locks in the database, so that hosts that do the same at once do not get in each other's way.

use std::fmt;
use std::time::Duration;

use sqlx::Connection as _;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use tokio::time::timeout;

use crate::connect::connect_when_ready;
use crate::hash::sha256;
use crate::loan::{self, End};
use crate::migrating::PATIENCE;

/// How long a rollback may take that somebody waits for.
const ROLLBACK: Duration = Duration::from_secs(5);

/// SQLSTATE of a lock that did not come free in time.
const LOCK_NOT_AVAILABLE: &str = "55P03";

/// Takes the lock called `name` until the end of the current transaction. The wait for it, and for every later lock in
/// the transaction, is bounded by half a minute.
pub(crate) async fn lock(transaction: &mut PgConnection, name: &str) -> sqlx::Result<()> {
    sqlx::raw_sql("SET LOCAL lock_timeout = '30s'").execute(&mut *transaction).await?;
    sqlx::query("SELECT pg_advisory_xact_lock($1)").bind(key(name)).execute(transaction).await?;
    Ok(())
}

/// Whether an error says that a lock was held by somebody else for too long.
pub(crate) fn is_held(error: &sqlx::Error) -> bool {
    error.as_database_error().is_some_and(|error| error.code().as_deref() == Some(LOCK_NOT_AVAILABLE))
}

/// PostgreSQL's advisory locks are numbers, shared by everyone in the database: a hash keeps clear of other people's.
fn key(name: &str) -> i64 {
    let hash = sha256(&format!("berth {name}"));
    hash.iter().take(8).fold(0, |key, byte| (key << 8) | i64::from(*byte))
}

/// Being the only one on the whole database who does something: an open transaction that holds a lock, and in which the
/// outcome is written down. Dropped, or when the host dies, the lock is free and nothing is written.
pub struct Turn(PgConnection);

impl Turn {
    /// Takes the turn called `name`, if it is free. A connection is opened for it.
    ///
    /// # Errors
    ///
    /// If the database is away.
    pub async fn try_take(options: &PgConnectOptions, name: &str) -> sqlx::Result<Option<Self>> {
        let mut turn = Self::open(options).await?;
        let taken: bool = sqlx::query_scalar("SELECT pg_try_advisory_xact_lock($1)")
            .bind(key(name))
            .fetch_one(&mut turn.0)
            .await?;
        Ok(taken.then_some(turn))
    }

    /// Takes the turn called `name`, and waits for it as long as somebody else has it.
    ///
    /// # Errors
    ///
    /// If the database is away.
    pub async fn take(options: &PgConnectOptions, name: &str) -> sqlx::Result<Self> {
        let mut turn = Self::open(options).await?;
        sqlx::query("SELECT pg_advisory_xact_lock($1)").bind(key(name)).execute(&mut turn.0).await?;
        Ok(turn)
    }

    async fn open(options: &PgConnectOptions) -> sqlx::Result<Self> {
        let mut connection = connect_when_ready(options, PATIENCE).await?;
        sqlx::raw_sql("BEGIN").execute(&mut connection).await?;
        Ok(Self(connection))
    }

    /// The connection, in the transaction that holds the lock.
    pub fn connection(&mut self) -> &mut PgConnection {
        &mut self.0
    }

    /// Makes permanent what was written, and lets the next one have its turn.
    ///
    /// # Errors
    ///
    /// If the database is away. Whether it was written is then unknown.
    pub async fn commit(mut self) -> sqlx::Result<()> {
        // Behind a pooler the session is somebody else's next.
        loan::give_back(&mut self.0, End::Commit, false).await?;
        self.0.close().await
    }

    /// Writes nothing, and lets the next one have its turn: when this returns, it is free, unless the server is away.
    pub async fn give_up(self) {
        roll_back(self.0).await;
    }
}

/// Takes a transaction back and closes its connection. A server that does not answer will do the former by itself.
pub(crate) async fn roll_back(mut connection: PgConnection) {
    // Behind a pooler the session is somebody else's next.
    let rolled_back = loan::give_back(&mut connection, End::RollBack, true);
    if matches!(timeout(ROLLBACK, rolled_back).await, Ok(Ok(()))) {
        let _ = connection.close().await;
    }
}

impl fmt::Debug for Turn {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Turn")
    }
}
