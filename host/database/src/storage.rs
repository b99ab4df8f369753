//! Statements on the host's own tables, and their errors.

use sqlx::postgres::PgConnection;

use crate::pool::{Pool, PoolError};

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
    Ok(pool.acquire().await?.run(work).await?)
}
