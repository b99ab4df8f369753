//! The errors of a component's session.

use std::io;

use berth_postgres::Error;
use deadpool::managed::{self, TimeoutType};

use crate::backends::is_full;

/// Why there is no session, or why a session does not run a statement.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// Every session was in use until the request's timeout, or the role has reached its connection limit.
    #[error("all sessions of the component with PostgreSQL were in use for too long")]
    Exhausted,
    /// A session was needed and could not be opened.
    #[error("PostgreSQL cannot be reached: {0}")]
    Away(#[source] Error),
    /// PostgreSQL refused the begin or the end of a transaction, or the connection broke.
    #[error(transparent)]
    Command(#[from] Error),
    /// The session was closed, or the transaction was aborted and has been rolled back.
    #[error("the transaction has ended: begin another")]
    Ended,
    /// The database refuses the claim of the caller: the session was not reset, the component has changed the claim, or the
    /// host's key is not the database's.
    #[error(
        "the database refuses the claim of the request's caller; if it does so for every request, restart the host"
    )]
    RefusedClaim,
    /// The statement prepares another statement, on a session that does not outlive its transaction.
    #[error(
        "PREPARE cannot cross while a pooler is in front of PostgreSQL: the next statement may run on another session; send \
         the statement itself, with its parameters"
    )]
    PreparesBehindPooler,
    /// The number of parameters is wrong. PostgreSQL would report a violation of its protocol.
    #[error("the statement has {wanted} parameters, and {given} were given")]
    ParameterCount {
        /// The number that the statement has.
        wanted: usize,
        /// The number that was given.
        given: usize,
    },
}

impl SessionError {
    /// The error of a session of a trial that an earlier statement has closed.
    pub(crate) fn closed() -> Self {
        Self::Away(Error::Io(io::Error::new(
            io::ErrorKind::NotConnected,
            "the session of the trial was closed",
        )))
    }
}

impl From<managed::PoolError<Error>> for SessionError {
    fn from(error: managed::PoolError<Error>) -> Self {
        match error {
            managed::PoolError::Timeout(TimeoutType::Wait) => Self::Exhausted,
            managed::PoolError::Backend(error) if is_full(&error) => Self::Exhausted,
            managed::PoolError::Backend(error) => Self::Away(error),
            other => Self::Away(Error::Io(io::Error::new(
                io::ErrorKind::TimedOut,
                other.to_string(),
            ))),
        }
    }
}
