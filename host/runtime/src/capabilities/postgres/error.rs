//! Every way in which a statement fails, and whether the guest or the host is at fault.
//!
//! The guest handles all but the last two, which it gets as the WIT's `error`; those two are faults of the
//! host, and trap.

use berth_database::{SessionError, StatementError};
use berth_postgres::ServerMessage;
use wasmtime::component::ResourceTableError;

use super::{MAX_OPEN, bindings};
use crate::metrics::{Limit, StatementOutcome};

/// See the WIT's `error`.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("PostgreSQL refused the statement: {0}")]
    Refused(Box<ServerMessage>),
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
    Away(#[source] berth_postgres::Error),
    #[error("{}", SessionError::RefusedClaim)]
    RefusedClaim,
    #[error("the component uses berth:postgres without the grant, though the host linked it")]
    NotGranted,
    #[error("a transaction is not in the resource table: {0}")]
    Table(#[from] ResourceTableError),
}

impl Error {
    /// The outcome of a statement with this error.
    pub(super) fn outcome(&self) -> StatementOutcome {
        match self {
            Self::Refused(_) | Self::TransactionAborted | Self::RefusedClaim => StatementOutcome::Refused,
            Self::Timeout => StatementOutcome::Timeout,
            Self::TooManyRows(_) | Self::TooManyBytes(_) => StatementOutcome::TooLarge,
            Self::PoolExhausted => StatementOutcome::Exhausted,
            Self::Away(_) => StatementOutcome::Unavailable,
            Self::TooManyTransactions | Self::Unsupported(_) | Self::NotGranted | Self::Table(_) => {
                StatementOutcome::Invalid
            }
        }
    }

    /// The limit that the error reports.
    pub(super) fn limit(&self) -> Option<Limit> {
        match self {
            Self::Timeout => Some(Limit::StatementTime),
            Self::TooManyRows(_) => Some(Limit::Rows),
            Self::TooManyBytes(_) => Some(Limit::Result),
            Self::PoolExhausted => Some(Limit::Connections),
            Self::TooManyTransactions => Some(Limit::Transactions),
            _ => None,
        }
    }
}

impl StatementError for Error {
    fn refusal(&self) -> Option<&ServerMessage> {
        match self {
            Self::Refused(refusal) => Some(refusal),
            _ => None,
        }
    }
}

impl From<berth_postgres::Error> for Error {
    fn from(error: berth_postgres::Error) -> Self {
        match error {
            berth_postgres::Error::Server(error) => match error.code.as_str() {
                "57014" => Self::Timeout,
                code if error.is_fatal() || code.starts_with("08") => {
                    Self::Away(berth_postgres::Error::Server(error))
                }
                _ => Self::Refused(error),
            },
            berth_postgres::Error::TooLong { limit, .. } => Self::TooManyBytes(limit),
            other => Self::Away(other),
        }
    }
}

impl From<SessionError> for Error {
    fn from(error: SessionError) -> Self {
        match error {
            SessionError::Exhausted => Self::PoolExhausted,
            SessionError::Away(error) => Self::Away(error),
            SessionError::RefusedClaim => Self::RefusedClaim,
            SessionError::Command(error) => error.into(),
            SessionError::Ended => Self::TransactionAborted,
            SessionError::PreparesBehindPooler | SessionError::ParameterCount { .. } => {
                Self::Unsupported(error.to_string())
            }
        }
    }
}

impl TryFrom<Error> for bindings::Error {
    type Error = wasmtime::Error;

    fn try_from(error: Error) -> wasmtime::Result<Self> {
        let message = error.to_string();
        Ok(match error {
            Error::Refused(error) => Self::Database(bindings::DatabaseError {
                sqlstate: error.code,
                message: error.message,
                detail: error.detail,
                constraint: error.constraint,
            }),
            Error::TransactionAborted => own_refusal("25P02", message),
            Error::TooManyTransactions => own_refusal("53300", message),
            Error::Timeout => Self::Timeout,
            Error::TooManyRows(limit) => Self::TooManyRows(limit),
            Error::TooManyBytes(limit) => Self::TooManyBytes(limit),
            Error::Unsupported(reason) => Self::Unsupported(reason),
            Error::PoolExhausted => Self::PoolExhausted,
            // The guest learns no details; the cause is in the log.
            Error::Away(_) | Error::RefusedClaim => Self::Away,
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
