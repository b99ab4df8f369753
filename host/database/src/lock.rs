//! Locks in the database, so that hosts that do the same at once do not get in each other's way.
//!
//! A lock is a row of `berth.locks`. PostgreSQL's advisory locks are numbers that every role of the database may lock: a
//! component that took the host's would stop every swap. Rows of the host's schema are out of a component's reach.

use std::fmt;
use std::time::Duration;

use sqlx::Connection as _;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use tokio::time::timeout;

use crate::connect::connect_when_ready;
use crate::migrating::WAKE_TIMEOUT;
use crate::pooled_transaction::{self, End};

/// How long a rollback may take that somebody waits for.
const ROLLBACK_TIMEOUT: Duration = Duration::from_secs(5);

/// Takes the lock called `name` until the end of the current transaction. The wait for it, and for every later lock in
/// the transaction, is bounded by half a minute.
pub(crate) async fn lock(transaction: &mut PgConnection, name: &str) -> sqlx::Result<()> {
    sqlx::raw_sql("SET LOCAL lock_timeout = '30s'").execute(&mut *transaction).await?;
    take(transaction, name).await
}

async fn take(transaction: &mut PgConnection, name: &str) -> sqlx::Result<()> {
    sqlx::query("SELECT FROM berth.locks WHERE name = $1 FOR UPDATE")
        .bind(name)
        .fetch_one(transaction)
        .await
        .map(drop)
}

/// Being the only one on the whole database who does something: an open transaction that holds a lock, and in which the
/// outcome is written down. Dropped, or when the host dies, the lock is free and nothing is written.
pub struct SwapLock(PgConnection);

impl SwapLock {
    /// Takes the turn called `name`, if it is free. A connection is opened for it.
    ///
    /// # Errors
    ///
    /// If the database is away.
    pub async fn try_take(options: &PgConnectOptions, name: &str) -> sqlx::Result<Option<Self>> {
        let mut turn = Self::open(options).await?;
        let taken = sqlx::query("SELECT FROM berth.locks WHERE name = $1 FOR UPDATE SKIP LOCKED")
            .bind(name)
            .fetch_optional(&mut turn.0)
            .await?;
        Ok(taken.map(|_| turn))
    }

    /// Takes the turn called `name`, and waits for it as long as another host has it.
    ///
    /// # Errors
    ///
    /// If the database is away.
    pub async fn take(options: &PgConnectOptions, name: &str) -> sqlx::Result<Self> {
        let mut turn = Self::open(options).await?;
        take(&mut turn.0, name).await?;
        Ok(turn)
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

    /// Makes permanent what was written, and lets the next one have its turn.
    ///
    /// # Errors
    ///
    /// If the database is away. Whether it was written is then unknown.
    pub async fn commit(mut self) -> sqlx::Result<()> {
        // Behind a pooler the session is somebody else's next.
        pooled_transaction::finish(&mut self.0, End::Commit, false).await?;
        self.0.close().await
    }

    /// Writes nothing, and lets the next one have its turn: when this returns, it is free, unless the server is away.
    pub async fn give_up(mut self) {
        // Behind a pooler the session is somebody else's next. A server that does not answer takes the transaction back by
        // itself.
        let rolled_back = pooled_transaction::finish(&mut self.0, End::RollBack, true);
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
