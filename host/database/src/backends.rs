//! The server's processes ("backends") that serve components, and how they end.
//!
//! The host stops waiting for a statement when the request ends; PostgreSQL goes on with it. A component can make a statement
//! outlive its timeout (`SET LOCAL statement_timeout = 0`) and ignore a cancellation (PL/pgSQL catches `query_canceled`). So the
//! host asks first, then terminates, and counts a connection as closed only when its backend is gone.

use std::collections::HashSet;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use berth_postgres::{CancelKey, Connection, Error, Target};
use tokio::runtime::Handle;
use tokio::time::{sleep, timeout};
use tokio_util::task::TaskTracker;

use crate::pool::{Pool, PoolError};

/// How long a backend has to obey each request: to cancel, to end, to be gone after its termination.
const STEP_TIMEOUT: Duration = Duration::from_millis(500);

/// How long the host's database may take to pass a termination on.
const TERMINATE_TIMEOUT: Duration = Duration::from_secs(3);

/// The pause before a termination that failed is tried again, doubled each time up to [`MAX_RETRY_PAUSE`].
const FIRST_RETRY_PAUSE: Duration = Duration::from_millis(250);
const MAX_RETRY_PAUSE: Duration = Duration::from_secs(10);

/// How much longer than its limit a request may take before its statement counts as left over.
const OVERDUE_GRACE: Duration = Duration::from_secs(2);

/// The backends of all components of one host. A clone is the same.
#[derive(Clone)]
pub struct Backends(Arc<Inner>);

struct Inner {
    /// The host's own connections, which terminate others.
    pool: Pool,
    /// The processes that are known to the server by their real numbers.
    live: Mutex<HashSet<i32>>,
    /// Backends that are being ended.
    ending: TaskTracker,
}

impl Backends {
    /// Backends that are terminated through `pool`, which is the host's own.
    #[must_use]
    pub fn new(pool: Pool) -> Self {
        Self(Arc::new(Inner { pool, live: Mutex::default(), ending: TaskTracker::new() }))
    }

    /// Remembers the backend of a new connection.
    pub(crate) fn register(
        &self,
        connection: Connection,
        target: Target,
        is_direct: bool,
        time: Duration,
    ) -> Backend {
        let process = connection.cancel_key().map(|key| key.process);
        if let Some(process) = process {
            self.live().insert(process);
        }
        let registered = Registered { backends: self.clone(), process };
        Backend { connection, registered, target, is_direct, time }
    }

    async fn end(&self, backend: Backend) {
        let Backend { mut connection, registered, target, is_direct, time } = backend;
        let key = connection.cancel_key();
        if connection.is_busy()
            && let Some(key) = key
        {
            self.cancel(key, &target).await;
        }
        let mut pause = FIRST_RETRY_PAUSE;
        while timeout(STEP_TIMEOUT, connection.close()).await.is_err() {
            let Some(key) = key.filter(|_| is_direct) else { break };
            tracing::debug!(process = key.process, "a backend does not end by itself: it is terminated");
            if let Err(error) = self.terminate(&[key.process]).await {
                tracing::warn!(
                    process = key.process,
                    error,
                    "a component's backend cannot be terminated: trying again"
                );
                sleep(pause).await;
                pause = (pause * 2).min(MAX_RETRY_PAUSE);
            }
        }
        drop(registered);
        if !is_direct {
            // The pooler has closed the connection; its own backend may go on, under a number that is not known.
            self.end_overdue_later(&target.user, time);
        }
    }

    async fn cancel(&self, key: CancelKey, target: &Target) {
        if let Ok(Err(error)) = timeout(STEP_TIMEOUT, key.cancel(target)).await {
            tracing::debug!(%error, "a statement cannot be cancelled");
        }
    }

    async fn terminate(&self, processes: &[i32]) -> Result<(), String> {
        let work = async {
            let mut connection = self.0.pool.acquire().await.map_err(|error| error.to_string())?;
            let result =
                sqlx::query("SELECT pg_catalog.pg_terminate_backend(process) FROM unnest($1) AS process")
                    .persistent(false)
                    .bind(processes)
                    .execute(&mut *connection)
                    .await;
            if result.is_err() {
                connection.discard();
            }
            result.map(drop).map_err(|error| error.to_string())
        };
        timeout(TERMINATE_TIMEOUT, work)
            .await
            .unwrap_or_else(|_| Err("the database does not answer".to_owned()))
    }

    /// Terminates the backends that keep `process` from a lock.
    async fn end_blockers(&self, process: i32) -> Result<(), PoolError> {
        let mut connection = self.0.pool.acquire().await?;
        sqlx::query("SELECT pg_catalog.pg_terminate_backend(blocker) FROM unnest(pg_catalog.pg_blocking_pids($1)) AS blocker")
            .persistent(false)
            .bind(process)
            .execute(&mut *connection)
            .await
            .map(drop)
            .map_err(PoolError::Away)
    }

    /// Terminates the backends of `role` that run a statement, or are in a transaction, for longer than any request of a live
    /// host: an earlier host left them, or a pooler.
    ///
    /// # Errors
    ///
    /// If the database is away.
    pub async fn end_overdue(&self, role: &str, time: Duration) -> Result<(), PoolError> {
        let mut connection = self.0.pool.acquire().await?;
        let ended: i64 = sqlx::query_scalar(
            "SELECT count(*) FILTER (WHERE pg_catalog.pg_terminate_backend(pid)) FROM pg_catalog.pg_stat_activity
             WHERE usename = $1 AND datname = current_database() AND state <> 'idle'
               AND least(xact_start, query_start) < now() - make_interval(secs => $2)",
        )
        .persistent(false)
        .bind(role)
        .bind((time + OVERDUE_GRACE).as_secs_f64())
        .fetch_one(&mut *connection)
        .await
        .map_err(PoolError::Away)?;
        if ended > 0 {
            tracing::warn!(role, ended, "ended backends that outlived their requests");
        }
        Ok(())
    }

    /// The same, when what runs now must be overdue.
    pub fn end_overdue_later(&self, role: &str, time: Duration) {
        let (backends, role) = (self.clone(), role.to_owned());
        tokio::spawn(async move {
            sleep(time + 2 * OVERDUE_GRACE).await;
            if let Err(error) = backends.end_overdue(&role, time).await {
                tracing::debug!(%error, "backends that may be left over cannot be looked for");
            }
        });
    }

    /// Ends all backends, for a host that ends: those of requests that are still running, too.
    pub async fn end_all(&self) {
        self.0.ending.close();
        let live: Vec<i32> = self.live().iter().copied().collect();
        if live.is_empty() {
            return;
        }
        if let Err(error) = self.terminate(&live).await {
            tracing::warn!(error, "the backends of components cannot be ended");
        }
    }

    fn live(&self) -> std::sync::MutexGuard<'_, HashSet<i32>> {
        // Each change is a single one, so that a panic elsewhere leaves nothing half done.
        self.0.live.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Backends {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Backends")
    }
}

/// A component's connection, and what is needed to end its backend.
pub(crate) struct Backend {
    pub(crate) connection: Connection,
    registered: Registered,
    target: Target,
    /// Whether the number of the process is the server's own, and not one that a pooler made up.
    is_direct: bool,
    /// How long a request of its component may take.
    time: Duration,
}

impl Backend {
    /// Ends the backend in a task of its own, and then drops `until`: the place that the connection has in its pool.
    pub(crate) fn end(self, until: impl Send + 'static) {
        // Without a runtime the process is about to end, and its sockets with it.
        let Ok(runtime) = Handle::try_current() else { return };
        let backends = self.registered.backends.clone();
        let ending = backends.0.ending.clone();
        let end = async move {
            backends.end(self).await;
            drop(until);
        };
        runtime.spawn(ending.track_future(end));
    }

    /// The backends that keep this one from a lock; `None` where they cannot be told.
    pub(crate) fn blockers(&self) -> Option<Blockers> {
        let process = self.registered.process.filter(|_| self.is_direct)?;
        Some(Blockers { backends: self.registered.backends.clone(), process })
    }
}

/// The backends that keep another one from a lock.
pub(crate) struct Blockers {
    backends: Backends,
    process: i32,
}

impl Blockers {
    /// Terminates them.
    pub(crate) async fn end(&self) {
        if let Err(error) = self.backends.end_blockers(self.process).await {
            tracing::warn!(%error, "the backends that lock the record of migrations cannot be ended");
        }
    }
}

/// A backend that is remembered.
struct Registered {
    backends: Backends,
    process: Option<i32>,
}

impl Drop for Registered {
    fn drop(&mut self) {
        if let Some(process) = self.process {
            self.backends.live().remove(&process);
        }
    }
}

/// Whether an error of a connection that was being opened says that the role may have no more.
pub(crate) fn is_full(error: &Error) -> bool {
    error.code() == Some("53300")
}
