//! Idle connections, kept for later requests to their origin.

use std::collections::HashMap;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, timeout};

use super::connection::Connection;
use super::destination::Origin;

/// The minimum time before an idle connection is closed; the maximum is twice as long.
const IDLE_TIME: Duration = Duration::from_secs(90);

/// The maximum number of idle connections per origin. Further connections are closed.
const MAX_IDLE: usize = 32;

/// The idle connections of one version of a component. They are closed with the version.
#[derive(Default)]
pub(super) struct KeptConnections(Mutex<HashMap<Origin, Vec<Idle>>>);

struct Idle {
    connection: Connection,
    since: Instant,
}

impl KeptConnections {
    /// Takes the connection that was used last and that can send a request.
    pub(super) fn take(&self, origin: &Origin) -> Option<Connection> {
        let mut all = self.lock();
        let idle = all.get_mut(origin)?;
        idle.retain(|idle| idle.connection.is_ready());
        idle.pop().map(|idle| idle.connection)
    }

    /// Keeps a connection after the response on it has been read to its end.
    pub(super) fn keep(self: &Arc<Self>, origin: Origin, mut connection: Connection) {
        let kept = Arc::downgrade(self);
        tokio::spawn(async move {
            if connection.becomes_ready().await
                && let Some(kept) = kept.upgrade()
            {
                let mut all = kept.lock();
                let idle = all.entry(origin).or_default();
                if idle.len() < MAX_IDLE {
                    idle.push(Idle {
                        connection,
                        since: Instant::now(),
                    });
                }
            }
        });
    }

    /// Drives a connection to its end, and closes connections of its origin that have been idle for too long.
    pub(super) fn drive(self: &Arc<Self>, origin: Origin, driver: impl Future<Output = ()> + Send + 'static) {
        let kept = Arc::downgrade(self);
        tokio::spawn(async move {
            let mut driver = pin!(driver);
            while timeout(IDLE_TIME, &mut driver).await.is_err() {
                if let Some(kept) = kept.upgrade() {
                    kept.close_old(&origin);
                }
            }
        });
    }

    fn close_old(&self, origin: &Origin) {
        if let Some(idle) = self.lock().get_mut(origin) {
            idle.retain(|idle| idle.since.elapsed() < IDLE_TIME);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Origin, Vec<Idle>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
