//! Sessions that the requests of one component share: limited in number, handed out within a timeout, and reset for
//! each request.
//!
//! A request must not see the previous request's state on a session: settings, locks, temporary tables, cursors. A
//! function, a view or a trigger can change that state without a trace in the statement's text, so every session is
//! reset after every request. The reset is sent together with the first statement of the next request, in one write,
//! and costs no round trip. A session that no request takes is reset within 250 ms. `docs/security.md` has the cost.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use deadpool::managed::{self, WeakPool};
use tokio::sync::Mutex;
use tokio::time::timeout;

use crate::backends::{Backend, Backends};
use crate::lease::{Kind, Lease};
use crate::metrics::{self, PoolMetrics, PoolStatus};
use crate::pool::{MAX_IDLE, build};
use crate::pool_settings::PoolSettings;
use crate::pooled_session::{Manager, Repair};
use crate::rows::ClaimKey;
use crate::server::Server;
use crate::session::{NoticeHandler, Session};
use crate::session_error::SessionError;

/// How long an idle session may wait before it is reset.
const RESET_INTERVAL: Duration = Duration::from_millis(250);

/// The sessions of one component. Clones share the pool.
#[derive(Clone)]
pub struct SessionPool(Source);

#[derive(Clone)]
enum Source {
    /// Sessions that are opened on demand.
    Shared(managed::Pool<Manager>),
    /// A single session, in a transaction of the host.
    Trial(Trial),
}

/// The session of a version on trial.
#[derive(Clone)]
pub(crate) struct Trial {
    /// `None` after the session was closed.
    pub(crate) session: Arc<Mutex<Option<Backend>>>,
    pub(crate) queue_timeout: Duration,
    /// The statements that begin a transaction of a request.
    pub(crate) begin: Arc<str>,
    /// The key of callers' claims, if rows have owners.
    pub(crate) claims: Option<ClaimKey>,
}

/// The statements that begin a transaction of a request on the session of a trial. The session may have been in another
/// role.
pub(crate) fn trial_begin(become_role: Option<&str>) -> String {
    become_role.map_or_else(
        || "SAVEPOINT berth_request".to_owned(),
        |become_role| format!("SAVEPOINT berth_request; {become_role}"),
    )
}

impl SessionPool {
    /// A pool that opens its first session on demand. `repair` is called when the server refuses the role's password.
    ///
    /// # Panics
    ///
    /// Outside of a Tokio runtime, because a task closes idle sessions.
    #[must_use]
    pub fn new(
        server: impl Into<Server>,
        settings: PoolSettings,
        backends: Backends,
        repair: Option<Repair>,
    ) -> Self {
        Self::counting_in(Arc::default(), server, settings, backends, repair)
    }

    /// A pool that counts in `metrics`, where another pool may have counted before.
    ///
    /// # Panics
    ///
    /// As [`new`](Self::new).
    #[must_use]
    pub fn counting_in(
        metrics: Arc<PoolMetrics>,
        server: impl Into<Server>,
        settings: PoolSettings,
        backends: Backends,
        repair: Option<Repair>,
    ) -> Self {
        let sizes = settings.clone();
        let manager = Manager::new(server.into(), settings, backends, repair, metrics);
        let pool = build(manager, &sizes);
        tokio::spawn(look_after_idle(pool.weak()));
        Self(Source::Shared(pool))
    }

    /// A pool with the only session that sees the migrations of a version on trial.
    pub(crate) fn for_trial(trial: Trial) -> Self {
        Self(Source::Trial(trial))
    }

    /// Takes a session, waiting for one or opening one as needed. The server's messages may have `limit` bytes each,
    /// `notices` gets the notices of its statements, and `caller` is the subject whose rows the statements see, if rows
    /// have owners.
    ///
    /// # Errors
    ///
    /// See [`SessionError`].
    pub async fn acquire(
        &self,
        limit: u64,
        notices: Option<NoticeHandler>,
        caller: Option<&str>,
    ) -> Result<Session, SessionError> {
        let (mut lease, claims) = match &self.0 {
            Source::Shared(pool) => {
                let claims = pool.manager().claims();
                let started = Instant::now();
                let acquired = pool.get().await;
                let metrics = pool.manager().metrics();
                metrics.record_wait(started.elapsed(), &acquired);
                (Lease::from_pool(acquired?)?, claims)
            }
            Source::Trial(trial) => {
                let session = timeout(trial.queue_timeout, Arc::clone(&trial.session).lock_owned());
                let session = session.await.map_err(|_| SessionError::Exhausted)?;
                (
                    Lease::from_trial(session, Arc::clone(&trial.begin))?,
                    trial.claims.as_ref(),
                )
            }
        };
        let claim = match claims {
            // Only a session of the component's own keeps a claim longer than a transaction.
            Some(key) if caller.is_none() || lease.kind() != Kind::Own || lease.claimed() != caller => {
                let lease = lease.queue_renewal()?;
                Some(key.claim(caller, lease.as_deref())?)
            }
            _ => {
                lease.queue_reset()?;
                None
            }
        };
        Ok(Session::new(lease, limit, notices, claim))
    }

    /// The numbers of the pool, and its connections at the moment. None for the only session of a version on trial.
    #[must_use]
    pub fn metrics(&self) -> Option<(&Arc<PoolMetrics>, PoolStatus)> {
        match &self.0 {
            Source::Shared(pool) => Some((pool.manager().metrics(), metrics::status(pool))),
            Source::Trial(_) => None,
        }
    }
}

impl fmt::Debug for SessionPool {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Without the server, because it contains the password.
        formatter.write_str("SessionPool")
    }
}

/// Resets sessions that no request has taken since their last use, and closes those that have been idle for too long,
/// until the pool is dropped.
async fn look_after_idle(pool: WeakPool<Manager>) {
    loop {
        tokio::time::sleep(RESET_INTERVAL).await;
        let Some(pool) = pool.upgrade() else { return };
        let _ = pool.retain(|pooled, metrics| pooled.reset() && metrics.last_used() < MAX_IDLE);
    }
}
