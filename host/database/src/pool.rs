//! The host's own connections, which requests share: limited in number, and handed out within a timeout.
//!
//! sqlx's own pool pings every connection that is returned, which is a fifth of the cost of a small query. This
//! pool pings a connection when it is handed out, and at most once a second.

use std::fmt;
use std::future::Future;
use std::io;
use std::ops::{Deref, DerefMut};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use deadpool::managed::{
    self, Metrics, Object, QueueMode, RecycleError, RecycleResult, TimeoutType, WeakPool,
};
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection as _};

use crate::metrics::{self, PoolMetrics, PoolStatus};
use crate::pool_settings::PoolSettings;
use crate::pooled_transaction::{self, End};
use crate::server::{Server, Sessions};
use crate::sql::quote_identifier;

/// How long a connection counts as alive after its last response.
pub(crate) const PING_AFTER_IDLE: Duration = Duration::from_secs(1);

/// How long a connection may be idle. Managed servers that sleep after five idle minutes close it then.
pub(crate) const MAX_IDLE: Duration = Duration::from_mins(3);

/// Interval between searches for idle connections, so that none stays open for five minutes.
const SWEEP_INTERVAL: Duration = Duration::from_mins(1);

/// Why the pool has no connection.
#[derive(Debug, thiserror::Error)]
pub enum PoolError {
    /// Every connection was in use until the caller's timeout.
    #[error("all connections to PostgreSQL were in use for too long")]
    Exhausted,
    /// A new connection was needed and could not be opened.
    #[error("PostgreSQL cannot be reached: {0}")]
    Away(#[source] sqlx::Error),
}

/// A pool of connections with the same role, database and settings. Clones share the pool.
#[derive(Clone)]
pub struct Pool(managed::Pool<Manager>);

impl Pool {
    /// A pool that opens its first connection when one is asked for.
    ///
    /// # Panics
    ///
    /// Outside of a Tokio runtime, because a task closes idle connections.
    #[must_use]
    pub fn new(server: impl Into<Server>, settings: PoolSettings) -> Self {
        let sizes = settings.clone();
        let manager = Manager {
            begin: pooled_transaction::begin_sql(&settings).into(),
            server: server.into(),
            settings,
            metrics: Arc::default(),
        };
        let pool = build(manager, &sizes);
        tokio::spawn(close_idle(pool.weak()));
        Self(pool)
    }

    /// Takes a connection, waiting for one or opening one as needed.
    ///
    /// # Errors
    ///
    /// See [`PoolError`].
    pub async fn acquire(&self) -> Result<Connection, PoolError> {
        let started = Instant::now();
        let acquired = self.0.get().await;
        self.metrics().record_wait(started.elapsed(), &acquired);
        Ok(Connection(Some(acquired?)))
    }

    /// The numbers of the pool.
    #[must_use]
    pub fn metrics(&self) -> &PoolMetrics {
        &self.0.manager().metrics
    }

    /// The connections at the moment.
    #[must_use]
    pub fn status(&self) -> PoolStatus {
        metrics::status(&self.0)
    }
}

/// A pool with the sizes and times of `settings`.
pub(crate) fn build<M: managed::Manager>(manager: M, settings: &PoolSettings) -> managed::Pool<M> {
    let builder = managed::Pool::builder(manager)
        .max_size(settings.max_connections)
        // The connection that was used last is the most likely to be alive, and the others become idle enough
        // to close.
        .queue_mode(QueueMode::Lifo)
        .runtime(deadpool::Runtime::Tokio1)
        .wait_timeout(Some(settings.queue_timeout))
        .create_timeout(Some(settings.connect_timeout))
        .recycle_timeout(Some(settings.connect_timeout));
    #[expect(
        clippy::expect_used,
        reason = "the only failure is a time-out without a runtime, and one is given"
    )]
    builder.build().expect("a runtime")
}

impl From<managed::PoolError<sqlx::Error>> for PoolError {
    fn from(error: managed::PoolError<sqlx::Error>) -> Self {
        match error {
            managed::PoolError::Timeout(TimeoutType::Wait) => Self::Exhausted,
            managed::PoolError::Backend(error) => Self::Away(error),
            other => Self::Away(sqlx::Error::Io(io::Error::new(
                io::ErrorKind::TimedOut,
                other.to_string(),
            ))),
        }
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Without the connect options, because they contain the password.
        formatter.write_str("Pool")
    }
}

/// A pooled connection. On drop, it returns to the pool, unless an operation is unfinished: then it is closed,
/// so that the server rolls back and releases its locks at once.
pub struct Connection(Option<Object<Manager>>);

impl Connection {
    /// The kind of the connection's session.
    pub(crate) fn sessions(&self) -> Sessions {
        self.0.as_ref().map_or(Sessions::Own, |pooled| pooled.sessions)
    }

    /// Runs `work`, and returns the connection to the pool. A connection that broke is closed instead.
    ///
    /// A pooler's session is left as it was found: `work` runs in a transaction there, which is committed if `work`
    /// succeeds.
    ///
    /// # Errors
    ///
    /// The error of `work`. If the server is unavailable.
    pub async fn run<T>(
        mut self,
        work: impl AsyncFnOnce(&mut PgConnection) -> sqlx::Result<T>,
    ) -> sqlx::Result<T> {
        let result = match self.sessions() {
            Sessions::Own => work(&mut self).await,
            Sessions::Shared => self.in_pooled_transaction(work).await,
        };
        if result
            .as_ref()
            .is_err_and(|error| error.as_database_error().is_none())
        {
            self.discard();
        }
        result
    }

    /// Runs `work` in a transaction on a pooler's session, with the pool's settings.
    async fn in_pooled_transaction<T>(
        &mut self,
        work: impl AsyncFnOnce(&mut PgConnection) -> sqlx::Result<T>,
    ) -> sqlx::Result<T> {
        let begin = self.0.as_mut().map(|pooled| {
            pooled.in_pooled_transaction = true;
            Arc::clone(&pooled.begin)
        });
        pooled_transaction::begin_on(self, &begin.unwrap_or_default()).await?;
        let result = work(self).await;
        let end = if result.is_ok() {
            End::Commit
        } else {
            End::RollBack
        };
        pooled_transaction::finish(self, end).await?;
        if let Some(pooled) = &mut self.0 {
            pooled.in_pooled_transaction = false;
        }
        result
    }

    /// Closes the connection instead of returning it to the pool, because it failed or its session was changed.
    pub fn discard(mut self) {
        if let Some(pooled) = self.0.take() {
            drop(Object::take(pooled));
        }
    }
}

impl Deref for Connection {
    type Target = PgConnection;

    #[expect(
        clippy::expect_used,
        reason = "only `discard` and `drop` empty it, and nothing comes after them"
    )]
    fn deref(&self) -> &PgConnection {
        &self
            .0
            .as_ref()
            .expect("a connection that was not discarded")
            .connection
    }
}

impl DerefMut for Connection {
    #[expect(
        clippy::expect_used,
        reason = "only `discard` and `drop` empty it, and nothing comes after them"
    )]
    fn deref_mut(&mut self) -> &mut PgConnection {
        &mut self
            .0
            .as_mut()
            .expect("a connection that was not discarded")
            .connection
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        if let Some(mut pooled) = self.0.take() {
            let time = Object::metrics(&pooled).last_used();
            pooled.metrics.uses.observe_time(time);
            if pooled.in_pooled_transaction || !is_at_rest(&mut pooled.connection) {
                drop(Object::take(pooled));
            }
        }
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Connection")
    }
}

/// Whether the connection is idle: no transaction, no query without its response, no queued rollback.
///
/// A flush of an idle connection has nothing to send and completes at its first poll. The flush must not send a
/// rollback, because a fast server would already have responded.
fn is_at_rest(connection: &mut PgConnection) -> bool {
    if connection.is_in_transaction() || connection.should_flush() {
        return false;
    }
    let flushed = pin!(connection.flush()).poll(&mut Context::from_waker(Waker::noop()));
    matches!(flushed, Poll::Ready(Ok(())))
}

/// Opens connections and checks them.
struct Manager {
    server: Server,
    /// The statements that begin a transaction on a pooler's session.
    begin: Arc<str>,
    settings: PoolSettings,
    metrics: Arc<PoolMetrics>,
}

/// A connection, the kind of its session, and the time of its last response.
struct Pooled {
    connection: PgConnection,
    sessions: Sessions,
    begin: Arc<str>,
    /// Whether a pooled transaction has begun and not ended.
    in_pooled_transaction: bool,
    answered: Instant,
    metrics: Arc<PoolMetrics>,
}

impl managed::Manager for Manager {
    type Type = Pooled;
    type Error = sqlx::Error;

    async fn create(&self) -> sqlx::Result<Pooled> {
        let (mut connection, sessions) = self.server.connect(self.settings.connect_timeout).await?;
        if sessions == Sessions::Own {
            sqlx::raw_sql(AssertSqlSafe(set_up(&self.settings)))
                .execute(&mut connection)
                .await?;
        }
        let begin = Arc::clone(&self.begin);
        Ok(Pooled {
            connection,
            sessions,
            begin,
            in_pooled_transaction: false,
            answered: Instant::now(),
            metrics: Arc::clone(&self.metrics),
        })
    }

    async fn recycle(&self, pooled: &mut Pooled, metrics: &Metrics) -> RecycleResult<sqlx::Error> {
        if metrics.last_used() > MAX_IDLE {
            return Err(RecycleError::message("idle for too long"));
        }
        if pooled.answered.elapsed() > PING_AFTER_IDLE {
            pooled.connection.ping().await?;
            pooled.answered = Instant::now();
        }
        Ok(())
    }
}

/// The first statements on a new connection.
fn set_up(settings: &PoolSettings) -> String {
    let time = format!(
        "SET statement_timeout = {};",
        settings.statement_timeout.as_millis()
    );
    let schema = settings
        .search_path
        .as_deref()
        .map(|schema| format!("SET search_path = {};", quote_identifier(schema)));
    time + &schema.unwrap_or_default()
}

/// Closes connections that have been idle for too long, until the pool is dropped.
async fn close_idle(pool: WeakPool<Manager>) {
    loop {
        tokio::time::sleep(SWEEP_INTERVAL).await;
        let Some(pool) = pool.upgrade() else { return };
        let _ = pool.retain(|_, metrics| metrics.last_used() < MAX_IDLE);
    }
}
