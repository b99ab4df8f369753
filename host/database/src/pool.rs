//! The host's own connections, which requests share: at most so many, handed out within a bounded time.
//!
//! sqlx's own pool pings every connection that is given back, a fifth of the cost of a small query. This one
//! pings a connection when it is handed out, and at most once a second.

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

use crate::pooled_transaction::{self, End};
use crate::server::{Server, Sessions};
use crate::sql::quote_identifier;

/// How long a connection is believed to be alive after it last answered.
pub(crate) const PING_AFTER_IDLE: Duration = Duration::from_secs(1);

/// How long a connection may lie unused. Managed servers that sleep after five idle minutes cut it then.
pub(crate) const MAX_IDLE: Duration = Duration::from_mins(3);

/// How often idle connections are looked for, so that none lies there for five minutes.
const SWEEP_INTERVAL: Duration = Duration::from_mins(1);

/// The knobs of a [`Pool`].
#[derive(Clone, Debug)]
pub struct PoolSettings {
    /// The most connections that are open at once.
    pub max_connections: usize,
    /// How long a caller waits for a connection that others hold before it is told [`PoolError::Exhausted`].
    pub queue_timeout: Duration,
    /// How long opening a connection, or asking one whether it is still alive, may take.
    pub connect_timeout: Duration,
    /// How long PostgreSQL works on one statement before it cancels it. Zero means without end.
    pub statement_timeout: Duration,
    /// The schema in which unqualified names are looked up; `None` leaves the role's own setting.
    pub search_path: Option<String>,
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum PoolError {
    /// Every connection was in use for as long as the caller was willing to wait.
    #[error("all connections to PostgreSQL were in use for too long")]
    Exhausted,
    /// A new connection was needed and could not be opened.
    #[error("PostgreSQL cannot be reached: {0}")]
    Away(#[source] sqlx::Error),
}

/// A pool of connections with the same role, database and settings. A clone is the same pool.
#[derive(Clone)]
pub struct Pool(managed::Pool<Manager>);

impl Pool {
    /// A pool that opens its first connection when one is asked for.
    ///
    /// # Panics
    ///
    /// Outside of a Tokio runtime, which has to run the task that closes idle connections.
    #[must_use]
    pub fn new(server: impl Into<Server>, settings: PoolSettings) -> Self {
        let sizes = settings.clone();
        let manager = Manager {
            begin: pooled_transaction::begin_sql(&settings).into(),
            server: server.into(),
            settings,
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
        Ok(Connection(Some(self.0.get().await?)))
    }
}

/// A pool with the sizes and times of `settings`.
pub(crate) fn build<M: managed::Manager>(manager: M, settings: &PoolSettings) -> managed::Pool<M> {
    let builder = managed::Pool::builder(manager)
        .max_size(settings.max_connections)
        // The connection used last is the likeliest to be alive, and the others get to grow old.
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
            other => Self::Away(sqlx::Error::Io(io::Error::new(io::ErrorKind::TimedOut, other.to_string()))),
        }
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Not the options: they hold the password.
        formatter.write_str("Pool")
    }
}

/// A connection on loan. Dropped, it goes back to the pool, unless it was in the middle of something:
/// then it is closed, so that the server rolls back and lets go of its locks at once.
pub struct Connection(Option<Object<Manager>>);

impl Connection {
    /// What the connection is at the server's end. On a [shared](Sessions::Shared) session, every statement belongs between
    /// [`take`](Self::take) and [`give_back`](Self::give_back).
    #[must_use]
    pub fn sessions(&self) -> Sessions {
        self.0.as_ref().map_or(Sessions::Own, |pooled| pooled.sessions)
    }

    /// Takes a session for one transaction, with the pool's settings.
    ///
    /// # Errors
    ///
    /// If the server is away.
    pub async fn take(&mut self) -> sqlx::Result<()> {
        let Some(lent) = &mut self.0 else { return Ok(()) };
        lent.in_pooled_transaction = true;
        let begin = Arc::clone(&lent.begin);
        pooled_transaction::begin_on(&mut lent.connection, &begin).await
    }

    /// Ends the transaction and gives the session back as it was found, if `changed` by more than an ordinary statement
    /// changes it.
    ///
    /// # Errors
    ///
    /// Where the transaction cannot be committed, or the server is away.
    pub async fn give_back(&mut self, end: End, changed: bool) -> sqlx::Result<()> {
        let Some(lent) = &mut self.0 else { return Ok(()) };
        pooled_transaction::finish(&mut lent.connection, end, changed).await?;
        lent.in_pooled_transaction = false;
        Ok(())
    }

    /// Closes the connection instead of giving it back: for one that failed, or whose session was changed.
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
        &self.0.as_ref().expect("a connection that was not discarded").connection
    }
}

impl DerefMut for Connection {
    #[expect(
        clippy::expect_used,
        reason = "only `discard` and `drop` empty it, and nothing comes after them"
    )]
    fn deref_mut(&mut self) -> &mut PgConnection {
        &mut self.0.as_mut().expect("a connection that was not discarded").connection
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        if let Some(mut pooled) = self.0.take()
            && (pooled.in_pooled_transaction || !is_at_rest(&mut pooled.connection))
        {
            drop(Object::take(pooled));
        }
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Connection")
    }
}

/// Whether nothing is under way: no transaction, no query whose answer is outstanding, no queued rollback.
///
/// A flush has nothing to do then, and is done at its first poll. It must not be what sends a rollback: a server that is
/// quick would have answered it already.
fn is_at_rest(connection: &mut PgConnection) -> bool {
    if connection.is_in_transaction() || connection.should_flush() {
        return false;
    }
    let flushed = pin!(connection.flush()).poll(&mut Context::from_waker(Waker::noop()));
    matches!(flushed, Poll::Ready(Ok(())))
}

/// What opens connections and looks after them.
struct Manager {
    server: Server,
    /// How a session is taken that a pooler lends.
    begin: Arc<str>,
    settings: PoolSettings,
}

/// A connection, what is at its other end, and the time when that last showed to be alive.
struct Pooled {
    connection: PgConnection,
    sessions: Sessions,
    begin: Arc<str>,
    /// Whether it has taken a session that it must give back.
    in_pooled_transaction: bool,
    answered: Instant,
}

impl managed::Manager for Manager {
    type Type = Pooled;
    type Error = sqlx::Error;

    async fn create(&self) -> sqlx::Result<Pooled> {
        let (mut connection, sessions) = self.server.connect(self.settings.connect_timeout).await?;
        if sessions == Sessions::Own {
            sqlx::raw_sql(AssertSqlSafe(set_up(&self.settings))).execute(&mut connection).await?;
        }
        let begin = Arc::clone(&self.begin);
        Ok(Pooled { connection, sessions, begin, in_pooled_transaction: false, answered: Instant::now() })
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

/// The statements that a new connection begins with.
fn set_up(settings: &PoolSettings) -> String {
    let time = format!("SET statement_timeout = {};", settings.statement_timeout.as_millis());
    let schema = settings
        .search_path
        .as_deref()
        .map(|schema| format!("SET search_path = {};", quote_identifier(schema)));
    time + &schema.unwrap_or_default()
}

/// Closes connections that nobody has used for a while, until the pool itself is gone.
async fn close_idle(pool: WeakPool<Manager>) {
    loop {
        tokio::time::sleep(SWEEP_INTERVAL).await;
        let Some(pool) = pool.upgrade() else { return };
        let _ = pool.retain(|_, metrics| metrics.last_used() < MAX_IDLE);
    }
}
