//! Migrations that have run and can still be taken back: an open transaction, in which a version of a component can be
//! tried before anybody else sees what it made of its tables.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, Connection as _};
use tokio::sync::Mutex;

use crate::connect::connect_when_ready;
use crate::loan::{self, End};
use crate::lock;
use crate::migrations::{self, Applied, Migration, MigrationError, Outcome};
use crate::pool::Pool;
use crate::sql::quote_identifier;

/// How long a server may take to wake up.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// Migrations of one schema whose transaction is open. Dropped, they are taken back.
///
/// The connection is their own, and closed afterwards, whatever a migration did to its session.
pub struct Migrating {
    connection: Arc<Mutex<Option<PgConnection>>>,
    schema: String,
    outcome: Outcome,
    tried: bool,
}

impl Migrating {
    /// Runs the migrations that have not run yet, with the rights of the role in `options`, in `schema`, which is made
    /// where it is missing.
    ///
    /// # Errors
    ///
    /// See [`MigrationError`].
    pub async fn begin(
        options: &PgConnectOptions,
        schema: &str,
        migrations: &[Migration],
    ) -> Result<Self, MigrationError> {
        let migrations = migrations::in_order(migrations)?;
        let mut connection = connect_when_ready(options, PATIENCE).await?;
        sqlx::raw_sql("BEGIN").execute(&mut connection).await?;
        let outcome = migrations::run(&mut connection, schema, migrations).await?;
        let connection = Arc::new(Mutex::new(Some(connection)));
        Ok(Self { connection, schema: schema.to_owned(), outcome, tried: false })
    }

    /// The versions that ran.
    #[must_use]
    pub fn ran(&self) -> &[u32] {
        &self.outcome.ran
    }

    /// What had run before and is not in the list that was given: who brought it knew more.
    #[must_use]
    pub fn newer(&self) -> &[Applied] {
        &self.outcome.newer
    }

    /// A pool of the one connection that sees the migrations, for whoever shall be tried. What is done with it is taken
    /// back in the end. `statement_timeout` and `queue_timeout` are as in [`PoolSettings`](crate::PoolSettings).
    ///
    /// # Errors
    ///
    /// If the database is away.
    pub async fn trial(
        &mut self,
        statement_timeout: Duration,
        queue_timeout: Duration,
    ) -> Result<Pool, MigrationError> {
        let set_up = format!(
            "SAVEPOINT berth_trial; SET LOCAL search_path = {}; SET LOCAL statement_timeout = {}",
            quote_identifier(&self.schema),
            statement_timeout.as_millis()
        );
        let mut connection = self.connection.lock().await;
        let connected = connection.as_mut().ok_or_else(broken)?;
        sqlx::raw_sql(AssertSqlSafe(set_up)).execute(connected).await?;
        self.tried = true;
        Ok(Pool::of_trial(Arc::clone(&self.connection), queue_timeout))
    }

    /// Makes the migrations permanent, and nothing that was done in a [trial](Self::trial).
    ///
    /// # Errors
    ///
    /// If the database is away, or the trial left the connection unusable.
    pub async fn commit(self) -> Result<(), MigrationError> {
        let mut connection = self.connection.lock().await.take().ok_or_else(broken)?;
        if self.tried {
            sqlx::raw_sql("ROLLBACK TO SAVEPOINT berth_trial").execute(&mut connection).await?;
        }
        // Behind a pooler the session is somebody else's next.
        loan::give_back(&mut connection, End::Commit, true).await?;
        connection.close().await?;
        Ok(())
    }

    /// Takes the migrations back, and waits until PostgreSQL has done so.
    pub async fn roll_back(self) {
        let connection = self.connection.lock().await.take();
        if let Some(connection) = connection {
            lock::roll_back(connection).await;
        }
    }
}

impl fmt::Debug for Migrating {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Migrating").field("ran", &self.outcome.ran).finish_non_exhaustive()
    }
}

fn broken() -> MigrationError {
    let reason = "the connection that the migrations ran on was closed while they were tried";
    MigrationError::Database(sqlx::Error::Protocol(reason.to_owned()))
}
