//! Hearing of what other hosts did: PostgreSQL's LISTEN. Nothing may depend on it alone, since a connection can break, and
//! poolers that share connections between clients pass no notifications on.

use std::time::Duration;

use sqlx::postgres::{PgListener, PgPoolOptions};

use crate::server::Server;

/// How long finding out may take whether there is a pooler.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// A connection that listens.
pub struct Listener(PgListener);

impl Listener {
    /// Listens on `channel`. None where the server cannot be listened to, behind a pooler.
    ///
    /// # Errors
    ///
    /// If the database is away.
    pub async fn open(server: &Server, channel: &str) -> sqlx::Result<Option<Self>> {
        let Some(options) = server.listening(CONNECT_TIMEOUT).await? else { return Ok(None) };
        let one = PgPoolOptions::new().max_connections(1).connect_with(options.clone()).await?;
        let mut listener = PgListener::connect_with(&one).await?;
        listener.eager_reconnect(false);
        listener.listen(channel).await?;
        Ok(Some(Self(listener)))
    }

    /// Waits until somebody says something. What is said does not matter.
    ///
    /// # Errors
    ///
    /// When the connection has broken, so that something may have been missed.
    pub async fn heard(&mut self) -> sqlx::Result<()> {
        self.0.try_recv().await?.map(drop).ok_or(sqlx::Error::PoolClosed)
    }
}
