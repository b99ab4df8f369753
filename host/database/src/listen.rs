//! Notifications from other hosts: PostgreSQL's LISTEN. Nothing may depend on notifications alone, because a connection
//! can break, and poolers that share connections between clients deliver none.

use std::time::Duration;

use sqlx::postgres::{PgListener, PgPoolOptions};

use crate::server::Server;

/// Timeout for finding out whether there is a pooler.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// A connection that listens for notifications.
pub struct Listener(PgListener);

impl Listener {
    /// Listens on `channel`. Returns `None` if the server is behind a pooler and there is no direct address.
    ///
    /// # Errors
    ///
    /// If the database is unavailable.
    pub async fn open(server: &Server, channel: &str) -> sqlx::Result<Option<Self>> {
        let Some(options) = server.listening(CONNECT_TIMEOUT).await? else {
            return Ok(None);
        };
        let one = PgPoolOptions::new()
            .max_connections(1)
            .connect_with(options.clone())
            .await?;
        let mut listener = PgListener::connect_with(&one).await?;
        listener.eager_reconnect(false);
        listener.listen(channel).await?;
        Ok(Some(Self(listener)))
    }

    /// Waits for the next notification. Its payload does not matter.
    ///
    /// # Errors
    ///
    /// If the connection broke, so that a notification may have been missed.
    pub async fn heard(&mut self) -> sqlx::Result<()> {
        self.0.try_recv().await?.map(drop).ok_or(sqlx::Error::PoolClosed)
    }
}
