//! Opens the sessions of a component's pool, and checks them before each use.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

use berth_postgres::{Connection, Error, TextRows};
use deadpool::managed::{self, Metrics, RecycleError, RecycleResult};

use crate::backends::{Backend, Backends};
use crate::host_tables::FIND_RESET;
use crate::metrics::PoolMetrics;
use crate::pool::{MAX_IDLE, PING_AFTER_IDLE};
use crate::pool_settings::PoolSettings;
use crate::pooled_transaction;
use crate::rows::ClaimKey;
use crate::server::{Server, Sessions};
use crate::sql::quote_identifier;

/// How often the server checks whether the client of a running statement is still connected, in milliseconds.
const CONNECTION_CHECK: (&str, &str) = ("client_connection_check_interval", "2000");

/// Memory limit for one number as text, in bytes.
const MAX_NUMBER_BYTES: usize = 128;

/// SQLSTATEs of a setting that the server does not know (before PostgreSQL 14) or does not support.
const UNKNOWN_SETTING: [&str; 2] = ["42704", "22023"];

/// SQLSTATE of a wrong password.
const WRONG_PASSWORD: &str = "28P01";

/// Restores the password of a component's role, after the component changed it.
pub type Repair = Arc<dyn Fn() -> Pin<Box<dyn Future<Output = ()> + Send>> + Send + Sync>;

/// Opens sessions and checks them.
pub(crate) struct Manager {
    server: Server,
    /// The statements that begin a transaction on a pooler's session.
    begin: Arc<str>,
    settings: PoolSettings,
    backends: Backends,
    repair: Option<Repair>,
    metrics: Arc<PoolMetrics>,
}

/// A session of the pool.
pub(crate) struct Pooled {
    /// `None` while a request has the session, and while it is being ended. The lock never blocks: the pool hands a
    /// session to one request at a time, and the task for idle sessions sees only the others.
    backend: Mutex<Option<Box<Backend>>>,
    pub(crate) sessions: Sessions,
    /// The identifier of the function that resets the session. `None` if the database lacks it.
    pub(crate) reset_function: Option<u32>,
    /// The subject of the claim that the session has.
    pub(crate) claimed: Option<String>,
    /// The statements that begin a transaction on a pooler's session.
    pub(crate) begin: Arc<str>,
}

impl Pooled {
    /// Takes the session for a request.
    pub(crate) fn take(&mut self) -> Option<Box<Backend>> {
        self.backend().take()
    }

    /// Puts the session back.
    pub(crate) fn put_back(&mut self, backend: Box<Backend>) {
        *self.backend() = Some(backend);
    }

    fn backend(&mut self) -> &mut Option<Box<Backend>> {
        self.backend.get_mut().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends the reset, if it is due. Returns false if the session is closed.
    pub(crate) fn reset(&self) -> bool {
        self.backend.try_lock().is_ok_and(|mut backend| {
            backend.as_deref_mut().is_some_and(|backend| {
                let queued = self.reset_function.map_or(Ok(()), |function| {
                    backend.queue_due_reset(function, &kept_claim(self.claimed.as_deref()))
                });
                queued.is_ok() && backend.connection.flush_now()
            })
        })
    }
}

/// The argument of the reset of a session that keeps the claim of `subject`; empty without a claim.
pub(crate) fn kept_claim(subject: Option<&str>) -> String {
    subject.map_or_else(String::new, |subject| format!("|{subject}"))
}

impl Manager {
    /// The key of callers' claims, if rows have owners.
    pub(crate) fn claims(&self) -> Option<&ClaimKey> {
        self.settings.claims.as_ref()
    }

    pub(crate) fn new(
        server: Server,
        settings: PoolSettings,
        backends: Backends,
        repair: Option<Repair>,
        metrics: Arc<PoolMetrics>,
    ) -> Self {
        Self {
            begin: pooled_transaction::begin_sql(&settings).into(),
            server,
            settings,
            backends,
            repair,
            metrics,
        }
    }

    /// The numbers of the pool.
    pub(crate) fn metrics(&self) -> &Arc<PoolMetrics> {
        &self.metrics
    }

    async fn open(&self) -> Result<Backend, Error> {
        let sessions = self.server.sessions(self.settings.connect_timeout).await?;
        let target = self.server.target();
        let connection = match sessions {
            Sessions::Own => open_with_settings(&target, &self.settings).await?,
            Sessions::Shared => Connection::open(&target, &[]).await?,
        };
        let time = self.settings.statement_timeout;
        Ok(self
            .backends
            .register(connection, target, sessions == Sessions::Own, time)
            .counted_in(&self.metrics))
    }
}

impl managed::Manager for Manager {
    type Type = Pooled;
    type Error = Error;

    async fn create(&self) -> Result<Pooled, Error> {
        // A box of an unknown type, because its large frame would otherwise be a part of every request's frame.
        let opening: Pin<Box<dyn Future<Output = Result<Pooled, Error>> + Send + '_>> =
            Box::pin(self.open_pooled());
        opening.await
    }

    async fn recycle(&self, pooled: &mut Pooled, metrics: &Metrics) -> RecycleResult<Error> {
        let Some(Backend { connection, .. }) = pooled.backend().as_deref_mut() else {
            return Err(RecycleError::message("its backend is being ended"));
        };
        if metrics.last_used() > MAX_IDLE {
            return Err(RecycleError::message("idle for too long"));
        }
        if metrics.last_used() > PING_AFTER_IDLE {
            connection.execute("").await?;
        }
        Ok(())
    }
}

impl Manager {
    /// Opens a session, and finds the function that resets the session.
    async fn open_pooled(&self) -> Result<Pooled, Error> {
        let mut backend = match (self.open().await, &self.repair) {
            (Err(error), Some(repair)) if error.code() == Some(WRONG_PASSWORD) => {
                tracing::debug!("a component has changed the password of its role: it is set again");
                repair().await;
                self.open().await?
            }
            (opened, _) => opened?,
        };
        let sessions = self.server.sessions(self.settings.connect_timeout).await?;
        let reset_function = match sessions {
            Sessions::Own => reset_function(&mut backend.connection).await?,
            Sessions::Shared => None,
        };
        Ok(Pooled {
            backend: Mutex::new(Some(Box::new(backend))),
            sessions,
            reset_function,
            claimed: None,
            begin: Arc::clone(&self.begin),
        })
    }
}

/// Opens a session whose settings are part of the startup message, so that a reset restores them.
async fn open_with_settings(
    target: &berth_postgres::Target,
    settings: &PoolSettings,
) -> Result<Connection, Error> {
    let time = settings.statement_timeout.as_millis().to_string();
    let mut own = vec![
        ("statement_timeout", time.clone()),
        ("lock_timeout", time.clone()),
        ("idle_in_transaction_session_timeout", time),
        (CONNECTION_CHECK.0, CONNECTION_CHECK.1.to_owned()),
    ];
    if settings.claims.is_some() {
        // A claim cannot be entered in a transaction that only reads, and a role may change its own defaults.
        own.push(("default_transaction_read_only", "off".to_owned()));
    }
    if let Some(schema) = &settings.search_path {
        own.push(("search_path", quote_identifier(schema)));
    }
    match Connection::open(target, &own).await {
        Err(error) if error.code().is_some_and(|code| UNKNOWN_SETTING.contains(&code)) => {
            own.retain(|(name, _)| *name != CONNECTION_CHECK.0);
            Connection::open(target, &own).await
        }
        opened => opened,
    }
}

/// The identifier of the function that resets a session.
async fn reset_function(connection: &mut Connection) -> Result<Option<u32>, Error> {
    let mut rows = TextRows::with_limit(MAX_NUMBER_BYTES);
    connection.query(FIND_RESET, &mut rows).await?;
    let number = rows.rows.into_iter().flatten().flatten().next();
    Ok(number.and_then(|number| number.parse().ok()))
}
