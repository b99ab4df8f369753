//! Hearing of what other hosts did: PostgreSQL's LISTEN. Nothing may depend on it alone, since a connection can break, and
//! poolers that share connections between clients pass no notifications on.

use sqlx::postgres::{PgConnectOptions, PgListener, PgPoolOptions};

/// A connection that listens.
pub struct Listener(PgListener);

impl Listener {
    /// Listens on `channel`.
    ///
    /// # Errors
    ///
    /// If the database is away.
    pub async fn open(options: &PgConnectOptions, channel: &str) -> sqlx::Result<Self> {
        let one = PgPoolOptions::new().max_connections(1).connect_with(options.clone()).await?;
        let mut listener = PgListener::connect_with(&one).await?;
        listener.eager_reconnect(false);
        listener.listen(channel).await?;
        Ok(Self(listener))
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
