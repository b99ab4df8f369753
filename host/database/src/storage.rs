//! Statements on the host's own tables, and their errors.

use sqlx::postgres::PgConnection;

use crate::pool::{Connection, Pool, PoolError};
use crate::pooled_transaction::End;
use crate::server::Sessions;

/// Why a row could be neither read nor written.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// No connection is available.
    #[error(transparent)]
    Pool(#[from] PoolError),
    /// The statement failed.
    #[error("a statement of the host failed: {0}")]
    Statement(#[from] sqlx::Error),
}

impl StorageError {
    /// Whether PostgreSQL is not available, rather than the statement wrong.
    #[must_use]
    pub fn is_outage(&self) -> bool {
        match self {
            Self::Pool(_) => true,
            Self::Statement(sqlx::Error::Database(error)) => {
                // 08: connection exceptions, 53: out of resources, 57: shut down or cancelled (PostgreSQL, appendix A).
                error
                    .code()
                    .is_some_and(|code| ["08", "53", "57"].iter().any(|class| code.starts_with(class)))
            }
            Self::Statement(error) => {
                matches!(
                    error,
                    sqlx::Error::Io(_) | sqlx::Error::Tls(_) | sqlx::Error::Protocol(_)
                )
            }
        }
    }
}

/// Runs `work` on a pooled connection; a connection that failed is not used again.
pub async fn with_connection<T>(
    pool: &Pool,
    work: impl AsyncFnOnce(&mut PgConnection) -> sqlx::Result<T>,
) -> Result<T, StorageError> {
    let mut connection = pool.acquire().await?;
    let result = match connection.sessions() {
        Sessions::Own => work(&mut connection).await,
        Sessions::Shared => in_pooled_transaction(&mut connection, work).await,
    };
    if result
        .as_ref()
        .is_err_and(|error| error.as_database_error().is_none())
    {
        connection.discard();
    }
    Ok(result?)
}

/// Runs `work` in a transaction on a pooled session.
async fn in_pooled_transaction<T>(
    connection: &mut Connection,
    work: impl AsyncFnOnce(&mut PgConnection) -> sqlx::Result<T>,
) -> sqlx::Result<T> {
    connection.take().await?;
    let result = work(connection).await;
    connection
        .give_back(
            if result.is_ok() {
                End::Commit
            } else {
                End::RollBack
            },
            false,
        )
        .await?;
    result
}
