//! Locks in the database, which serialize the same operation on several hosts.
//!
//! A lock is a row of `berth.locks`. Advisory locks of PostgreSQL are numbers that every role of the database may lock:
//! a component that took the host's lock would block every swap. Components cannot access rows of the host's schema.

use std::fmt;
use std::time::Duration;

use sqlx::Connection as _;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use tokio::time::timeout;

use crate::connect::{WAKE_TIMEOUT, connect_when_ready};
use crate::pooled_transaction::{self, End};

/// Timeout of a rollback that a caller waits for.
const ROLLBACK_TIMEOUT: Duration = Duration::from_secs(5);

/// Takes the lock called `name` until the end of the current transaction. The wait for this lock, and for every later
/// lock in the transaction, is limited to 30 seconds.
pub(crate) async fn lock(transaction: &mut PgConnection, name: &str) -> sqlx::Result<()> {
    sqlx::raw_sql("SET LOCAL lock_timeout = '30s'")
        .execute(&mut *transaction)
        .await?;
    take(transaction, name).await
}

async fn take(transaction: &mut PgConnection, name: &str) -> sqlx::Result<()> {
    sqlx::query("SELECT FROM berth.locks WHERE name = $1 FOR UPDATE")
        .bind(name)
        .fetch_one(transaction)
        .await
        .map(drop)
}

/// A lock on the whole database: an open transaction that holds the lock, and in which the result is recorded. If the
/// value is dropped or the host crashes, PostgreSQL rolls the transaction back, which releases the lock.
pub struct SwapLock(PgConnection);

impl SwapLock {
    /// Takes the lock called `name` if it is free. Opens a connection for it.
    ///
    /// # Errors
    ///
    /// If the database is unavailable.
    pub async fn try_take(options: &PgConnectOptions, name: &str) -> sqlx::Result<Option<Self>> {
        let mut lock = Self::open(options).await?;
        let taken = sqlx::query("SELECT FROM berth.locks WHERE name = $1 FOR UPDATE SKIP LOCKED")
            .bind(name)
            .fetch_optional(&mut lock.0)
            .await?;
        Ok(taken.map(|_| lock))
    }

    /// Takes the lock called `name`, and waits for as long as another host holds it.
    ///
    /// # Errors
    ///
    /// If the database is unavailable.
    pub async fn take(options: &PgConnectOptions, name: &str) -> sqlx::Result<Self> {
        let mut lock = Self::open(options).await?;
        take(&mut lock.0, name).await?;
        Ok(lock)
    }

    async fn open(options: &PgConnectOptions) -> sqlx::Result<Self> {
        let mut connection = connect_when_ready(options, WAKE_TIMEOUT).await?;
        sqlx::raw_sql("BEGIN").execute(&mut connection).await?;
        Ok(Self(connection))
    }

    /// The connection, in the transaction that holds the lock.
    pub fn connection(&mut self) -> &mut PgConnection {
        &mut self.0
    }

    /// Commits the transaction and releases the lock.
    ///
    /// # Errors
    ///
    /// If the database is unavailable. The outcome of the commit is then unknown.
    pub async fn commit(mut self) -> sqlx::Result<()> {
        // Behind a pooler, another client gets the session next.
        pooled_transaction::finish(&mut self.0, End::Commit).await?;
        self.0.close().await
    }

    /// Rolls the transaction back. The lock is free when this returns, unless the server is unavailable.
    pub async fn give_up(mut self) {
        // Behind a pooler, another client gets the session next. A server that does not respond rolls back by itself.
        let rolled_back = pooled_transaction::finish_and_undo(&mut self.0, End::RollBack);
        if matches!(timeout(ROLLBACK_TIMEOUT, rolled_back).await, Ok(Ok(()))) {
            let _ = self.0.close().await;
        }
    }
}

impl fmt::Debug for SwapLock {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("SwapLock")
    }
}
