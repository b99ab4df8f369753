//! The server's processes ("backends") that serve components, and how they end.
//!
//! When a request ends, the host stops waiting for its statement, but PostgreSQL goes on with the statement. A
//! component can make a statement outlive its timeout (`SET LOCAL statement_timeout = 0`) and ignore a cancellation
//! (PL/pgSQL catches `query_canceled`). So the host first cancels, then terminates, and counts a connection as closed
//! only when its backend is gone.

use std::collections::HashSet;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use berth_postgres::{CancelKey, Connection, Error, Target};
use tokio::runtime::Handle;
use tokio::time::{sleep, timeout};
use tokio_util::task::TaskTracker;

use crate::metrics::PoolMetrics;
use crate::pool::{Pool, PoolError};

/// Timeout of each step: cancelling a statement, ending a session, and the backend's exit after its
/// termination.
const STEP_TIMEOUT: Duration = Duration::from_millis(500);

/// Timeout of a termination that the host sends through its own database connection.
const TERMINATE_TIMEOUT: Duration = Duration::from_secs(3);

/// The pause before a termination that failed is tried again, doubled each time up to [`MAX_RETRY_PAUSE`].
const FIRST_RETRY_PAUSE: Duration = Duration::from_millis(250);
const MAX_RETRY_PAUSE: Duration = Duration::from_secs(10);

/// Time beyond a request's limit after which its statement counts as overdue.
const OVERDUE_GRACE: Duration = Duration::from_secs(2);

/// The backends of all components of one host. Clones share their state.
#[derive(Clone)]
pub struct Backends(Arc<Inner>);

struct Inner {
    /// The host's own connections, which terminate others.
    pool: Pool,
    /// Process identifiers of the backends that are connected directly.
    live: Mutex<HashSet<i32>>,
    /// Backends that are being ended.
    ending: TaskTracker,
}

impl Backends {
    /// Creates an empty set; `pool`, which is the host's own, terminates backends.
    #[must_use]
    pub fn new(pool: Pool) -> Self {
        Self(Arc::new(Inner {
            pool,
            live: Mutex::default(),
            ending: TaskTracker::new(),
        }))
    }

    /// Registers the backend of a new connection.
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
        let registered = Registered {
            backends: self.clone(),
            process,
        };
        Backend {
            connection,
            registered,
            target,
            is_direct,
            time,
            is_reset_due: false,
            metrics: Arc::default(),
        }
    }

    async fn end(&self, backend: Backend) {
        let Backend {
            mut connection,
            registered,
            target,
            is_direct,
            time,
            metrics,
            ..
        } = backend;
        let key = connection.cancel_key();
        if connection.is_busy()
            && let Some(key) = key
        {
            metrics.cancellations.increment();
            self.cancel(key, &target).await;
        }
        let mut pause = FIRST_RETRY_PAUSE;
        while timeout(STEP_TIMEOUT, connection.close()).await.is_err() {
            let Some(key) = key.filter(|_| is_direct) else {
                break;
            };
            tracing::debug!(
                process = key.process,
                "a backend does not end by itself: it is terminated"
            );
            metrics.terminations.increment();
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
            // The pooler has closed the connection; the backend behind the pooler may go on, and its process is
            // unknown.
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

    /// Terminates the backends that block `process` on a lock.
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

    /// Terminates the backends of `role` that have run a statement, or been in a transaction, for longer than any
    /// request of a live host can: an earlier host or a pooler left them.
    ///
    /// # Errors
    ///
    /// If the database is unavailable.
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

    /// Runs [`end_overdue`](Self::end_overdue) in the background, once every statement that runs now is
    /// overdue.
    pub fn end_overdue_later(&self, role: &str, time: Duration) {
        let (backends, role) = (self.clone(), role.to_owned());
        tokio::spawn(async move {
            sleep(time + 2 * OVERDUE_GRACE).await;
            if let Err(error) = backends.end_overdue(&role, time).await {
                tracing::debug!(%error, "backends that may be left over cannot be looked for");
            }
        });
    }

    /// Ends all backends when the host shuts down, including those of requests that are still running.
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
        // Each change is atomic, so a panic elsewhere cannot leave the set inconsistent.
        self.0.live.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Backends {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Backends")
    }
}

/// A component's connection, with all that the host needs to end its backend.
pub(crate) struct Backend {
    pub(crate) connection: Connection,
    registered: Registered,
    target: Target,
    /// Whether the process identifier is the server's own, not one that a pooler made up.
    is_direct: bool,
    /// The time limit of its component's requests.
    time: Duration,
    /// Whether the session must be reset before its next request.
    pub(crate) is_reset_due: bool,
    /// The numbers of its pool.
    metrics: Arc<PoolMetrics>,
}

impl Backend {
    /// Queues the reset of the session by the database's `function`, if it is due. `state` is the function's argument.
    pub(crate) fn queue_due_reset(&mut self, function: u32, state: &str) -> Result<(), Error> {
        if self.is_reset_due {
            self.connection.queue_call(function, state)?;
            self.is_reset_due = false;
        }
        Ok(())
    }

    /// The backend, whose end counts in the numbers of its pool.
    pub(crate) fn counted_in(self, metrics: &Arc<PoolMetrics>) -> Self {
        Self {
            metrics: Arc::clone(metrics),
            ..self
        }
    }

    /// Ends the backend in a background task, and then drops `until`: the connection's place in its pool.
    pub(crate) fn end(self, until: impl Send + 'static) {
        // Without a runtime the process is exiting, and its sockets close with it.
        let Ok(runtime) = Handle::try_current() else {
            return;
        };
        let backends = self.registered.backends.clone();
        let ending = backends.0.ending.clone();
        let end = async move {
            backends.end(self).await;
            drop(until);
        };
        runtime.spawn(ending.track_future(end));
    }

    /// The backends that block this backend on a lock; `None` if they cannot be found.
    pub(crate) fn blockers(&self) -> Option<Blockers> {
        let process = self.registered.process.filter(|_| self.is_direct)?;
        Some(Blockers {
            backends: self.registered.backends.clone(),
            process,
        })
    }
}

/// The backends that block another backend on a lock.
pub(crate) struct Blockers {
    backends: Backends,
    process: i32,
}

impl Blockers {
    /// Terminates the blocking backends.
    pub(crate) async fn end(&self) {
        if let Err(error) = self.backends.end_blockers(self.process).await {
            tracing::warn!(%error, "the backends that lock the record of migrations cannot be ended");
        }
    }
}

/// A registered backend.
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

/// Whether an error of opening a connection says that the role has reached its connection limit.
pub(crate) fn is_full(error: &Error) -> bool {
    error.code() == Some("53300")
}
