//! Migrations that have run and can still be rolled back: an open transaction, in which a version of a component can
//! be tried before other sessions see its changes to the tables.

use std::fmt;
use std::future::pending;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use berth_postgres::{Connection, Error};
use tokio::sync::Mutex;
use tokio::time::{sleep, timeout};

use crate::backends::{Backend, Backends};
use crate::connect::{WAKE_TIMEOUT, open_when_ready};
use crate::isolation::ComponentDatabase;
use crate::migrations::{self, Applied, Migration, MigrationError};
use crate::pooled_transaction::End;
use crate::rows::{ProtectionError, RowAccess};
use crate::session_pool::{SessionPool, Trial, trial_begin};
use crate::sql::quote_identifier;

/// Timeout of a rollback that a swap waits for.
const ROLLBACK_TIMEOUT: Duration = Duration::from_secs(5);

/// Total timeout of a version's migrations, whatever they set `statement_timeout` to: no other component can be swapped
/// meanwhile.
const MIGRATIONS_TIMEOUT: Duration = Duration::from_mins(10);

/// How long requests may lock the record of the migrations. Requests have no reason to use it.
const RECORD_LOCK_TIMEOUT: Duration = Duration::from_secs(1);

/// Migrations of one schema whose transaction is open. On drop, they are rolled back.
///
/// The migrations have their own connection, which is closed afterwards because a migration may have changed
/// its session.
pub struct Migrating {
    session: Arc<Mutex<Option<Backend>>>,
    schema: String,
    rows: Option<RowAccess>,
    ran: Vec<u32>,
    newer: Vec<Applied>,
    tried: bool,
}

impl Migrating {
    /// Runs the pending migrations of a component, with the rights of the owner of its tables. If rows have owners,
    /// the tables are protected afterwards, in the same transaction.
    ///
    /// # Errors
    ///
    /// See [`MigrationError`].
    pub async fn begin(
        database: &ComponentDatabase,
        backends: &Backends,
        migrations: &[Migration],
    ) -> Result<Self, MigrationError> {
        let migrations = migrations::in_order(migrations)?;
        let rows = database.rows.clone();
        let target = match &rows {
            Some(rows) => rows.migrations_target(),
            None => database.server.direct_target(),
        };
        let connection = open_when_ready(&target, &[], WAKE_TIMEOUT).await?;
        let backend = backends.register(connection, target, true, Duration::ZERO);
        let mut migrating = Self {
            session: Arc::new(Mutex::new(Some(backend))),
            schema: database.schema.clone(),
            rows,
            ran: Vec::new(),
            newer: Vec::new(),
            tried: false,
        };
        let ran = timeout(MIGRATIONS_TIMEOUT, Box::pin(migrating.run(&migrations))).await;
        match ran.unwrap_or(Err(MigrationError::TooSlow(MIGRATIONS_TIMEOUT))) {
            Ok(()) => Ok(migrating),
            Err(error) => {
                migrating.close_ownership().await;
                migrating.roll_back().await;
                Err(error)
            }
        }
    }

    async fn run(&mut self, migrations: &[&Migration]) -> Result<(), MigrationError> {
        let mut session = self.session.lock().await;
        let backend = session.as_mut().ok_or_else(connection_closed)?;
        let blockers = backend.blockers();
        let end_blockers = async {
            loop {
                sleep(RECORD_LOCK_TIMEOUT).await;
                match &blockers {
                    Some(blockers) => blockers.end().await,
                    None => pending().await,
                }
            }
        };
        let connection = &mut backend.connection;
        connection.execute("BEGIN").await?;
        let become_owner = self.rows.as_ref().map(RowAccess::become_owner);
        if let (Some(rows), Some(command)) = (&self.rows, &become_owner) {
            rows.open_ownership().await.map_err(ProtectionError::from)?;
            connection.execute(command).await?;
        }
        let pending = tokio::select! {
            pending = migrations::look(connection, &self.schema, migrations) => pending?,
            never = end_blockers => never,
        };
        self.ran = migrations::run(connection, &self.schema, &pending, become_owner.as_deref()).await?;
        if let Some(rows) = &self.rows {
            rows.seal(connection, &self.schema).await?;
        }
        self.newer = pending.newer;
        Ok(())
    }

    /// Takes the owner's rights from the session after a failure.
    async fn close_ownership(&self) {
        if let Some(rows) = &self.rows
            && let Err(error) = rows.close_ownership().await
        {
            tracing::warn!(%error, "the role of migrations keeps the rights of the tables' owner until the next push");
        }
    }

    /// The versions that ran.
    #[must_use]
    pub fn ran(&self) -> &[u32] {
        &self.ran
    }

    /// The applied migrations that are not in the given list: a newer version of the component had them.
    #[must_use]
    pub fn newer(&self) -> &[Applied] {
        &self.newer
    }

    /// A pool with the only session that sees the migrations, for trying a version. Everything done on the session is
    /// rolled back in the end. `statement_timeout` and `queue_timeout` are as in
    /// [`PoolSettings`](crate::PoolSettings).
    ///
    /// # Errors
    ///
    /// If the database is unavailable.
    pub async fn trial(
        &mut self,
        statement_timeout: Duration,
        queue_timeout: Duration,
    ) -> Result<SessionPool, MigrationError> {
        let set_up = format!(
            "SAVEPOINT berth_trial; SET LOCAL search_path = {}; SET LOCAL statement_timeout = {}",
            quote_identifier(&self.schema),
            statement_timeout.as_millis()
        );
        let mut session = self.session.lock().await;
        let backend = session.as_mut().ok_or_else(connection_closed)?;
        backend.connection.execute(&set_up).await?;
        self.tried = true;
        let become_role = self.rows.as_ref().map(RowAccess::become_request_role);
        Ok(self.trial_pool(become_role.as_deref(), queue_timeout))
    }

    /// A pool for the trial of a version that is granted all rows. Comes after [`trial`](Self::trial).
    #[must_use]
    pub fn all_rows_trial(&self, queue_timeout: Duration) -> Option<SessionPool> {
        let become_role = self.rows.as_ref()?.become_all_rows_role()?;
        Some(self.trial_pool(Some(&become_role), queue_timeout))
    }

    fn trial_pool(&self, become_role: Option<&str>, queue_timeout: Duration) -> SessionPool {
        SessionPool::for_trial(Trial {
            session: Arc::clone(&self.session),
            queue_timeout,
            begin: trial_begin(become_role).into(),
            claims: self.rows.as_ref().map(|rows| rows.key.clone()),
        })
    }

    /// Commits the migrations, and rolls back the changes of a [trial](Self::trial).
    ///
    /// # Errors
    ///
    /// If the database is unavailable, or the trial left the connection unusable.
    pub async fn commit(self) -> Result<(), MigrationError> {
        let mut backend = self.session.lock().await.take().ok_or_else(connection_closed)?;
        let committed = commit(&mut backend.connection, self.tried).await;
        backend.end(());
        Ok(committed?)
    }

    /// Rolls the migrations back, and waits until PostgreSQL has done so.
    pub async fn roll_back(self) {
        let Some(mut backend) = self.session.lock().await.take() else {
            return;
        };
        if !backend.connection.is_busy() {
            let roll_back = backend.connection.execute(End::RollBack.and_undo());
            // A server that does not respond rolls the transaction back by itself.
            let _ = timeout(ROLLBACK_TIMEOUT, roll_back).await;
        }
        backend.end(());
    }
}

/// Commits the transaction. Behind a pooler, another client gets the session next, so changes to the session
/// are undone.
async fn commit(connection: &mut Connection, tried: bool) -> Result<(), Error> {
    if tried {
        connection.execute("ROLLBACK TO SAVEPOINT berth_trial").await?;
    }
    connection.execute(End::Commit.and_undo()).await
}

impl Drop for Migrating {
    fn drop(&mut self) {
        if let Ok(mut session) = self.session.try_lock()
            && let Some(backend) = session.take()
        {
            backend.end(());
        }
    }
}

impl fmt::Debug for Migrating {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Migrating")
            .field("ran", &self.ran)
            .finish_non_exhaustive()
    }
}

fn connection_closed() -> MigrationError {
    let reason = "the connection that the migrations ran on was closed while they were tried";
    MigrationError::Database(Error::Io(io::Error::new(io::ErrorKind::NotConnected, reason)))
}
