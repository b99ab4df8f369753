//! Every way in which a statement fails, and which of them is whose affair.
//!
//! All but the last two are the guest's to handle and cross as the WIT's `error`; those are the host's own
//! faults and trap.

use berth_database::PoolError;
use sqlx::postgres::{PgDatabaseError, PgSeverity};
use wasmtime::component::ResourceTableError;

use super::transaction::MAX_OPEN;
use crate::capabilities::postgres::bindings;

/// See the WIT's `error`.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("PostgreSQL refused the statement: {0}")]
    Refused(Box<PgDatabaseError>),
    #[error("the transaction was aborted: roll it back and begin another")]
    TransactionAborted,
    #[error("the request has {MAX_OPEN} transactions open: end one before the next begins")]
    TooManyTransactions,
    #[error("the statement took too long and was cancelled")]
    Timeout,
    #[error("the result has more than {0} rows: use LIMIT")]
    TooManyRows(u32),
    #[error("the result or the parameters have more than {0} bytes")]
    TooManyBytes(u64),
    #[error("{0}")]
    Unsupported(String),
    #[error("every connection was busy for too long")]
    PoolExhausted,
    #[error("the connection to PostgreSQL broke: {0}")]
    Away(#[source] sqlx::Error),
    #[error("the component uses berth:postgres without the grant, though the host linked it")]
    NotGranted,
    #[error("a transaction is not in the resource table: {0}")]
    Table(#[from] ResourceTableError),
}

impl Error {
    /// Whether PostgreSQL itself ended the statement, so that the connection is ready for the next one.
    pub(crate) fn is_refusal(&self) -> bool {
        matches!(self, Self::Refused(_) | Self::Timeout)
    }

    /// Whether a prepared statement is out of date, since a table that it reads was altered. It did not run.
    pub(crate) fn is_stale_plan(&self) -> bool {
        matches!(self, Self::Refused(error)
            if error.code() == "0A000" && error.routine() == Some("RevalidateCachedQuery"))
    }
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        match error {
            sqlx::Error::Database(error) => match error.try_downcast::<PgDatabaseError>() {
                Ok(error) => Self::of_server(error),
                Err(other) => Self::Away(sqlx::Error::Database(other)),
            },
            other => Self::Away(other),
        }
    }
}

impl Error {
    fn of_server(error: Box<PgDatabaseError>) -> Self {
        let ends_session = matches!(error.severity(), PgSeverity::Fatal | PgSeverity::Panic);
        match error.code() {
            "57014" => Self::Timeout,
            code if ends_session || code.starts_with("08") => Self::Away(sqlx::Error::Database(error)),
            _ => Self::Refused(error),
        }
    }
}

impl From<PoolError> for Error {
    fn from(error: PoolError) -> Self {
        match error {
            PoolError::Exhausted => Self::PoolExhausted,
            PoolError::Away(error) => Self::Away(error),
        }
    }
}

impl TryFrom<Error> for bindings::Error {
    type Error = wasmtime::Error;

    fn try_from(error: Error) -> wasmtime::Result<Self> {
        let message = error.to_string();
        Ok(match error {
            Error::Refused(error) => Self::Database(bindings::DatabaseError {
                sqlstate: error.code().to_owned(),
                message: error.message().to_owned(),
                detail: error.detail().map(str::to_owned),
                constraint: error.constraint().map(str::to_owned),
            }),
            Error::TransactionAborted => own_refusal("25P02", message),
            Error::TooManyTransactions => own_refusal("53300", message),
            Error::Timeout => Self::Timeout,
            Error::TooManyRows(limit) => Self::TooManyRows(limit),
            Error::TooManyBytes(limit) => Self::TooManyBytes(limit),
            Error::Unsupported(reason) => Self::Unsupported(reason),
            Error::PoolExhausted => Self::PoolExhausted,
            Error::Away(_) => {
                // The guest learns no more than that; whoever runs the host needs the cause.
                tracing::warn!(message);
                Self::Away
            }
            Error::NotGranted | Error::Table(_) => return Err(wasmtime::Error::new(error)),
        })
    }
}

/// A refusal by the host, with the SQLSTATE that PostgreSQL has for such a case.
fn own_refusal(sqlstate: &str, message: String) -> bindings::Error {
    bindings::Error::Database(bindings::DatabaseError {
        sqlstate: sqlstate.to_owned(),
        message,
        detail: None,
        constraint: None,
    })
}
