//! Puts policies and privileges on the tables of a component after its migrations, in their transaction.

use std::time::Duration;

use berth_postgres::{Connection, Error};

use super::catalogue::Subject;
use crate::pool::PoolError;

/// How long a statement waits for a table that requests use.
const LOCK_TIMEOUT: Duration = Duration::from_secs(2);

/// Why the rows of a component cannot be kept to their users.
#[derive(Debug, thiserror::Error)]
pub enum ProtectionError {
    /// The schema has objects that would undo the protection.
    #[error("the rows of the component cannot be kept to their users: {}", .0.join("; "))]
    Faults(Vec<String>),
    /// The host's own statements did not have their effect.
    #[error("the protection of users' rows is incomplete: the database still lacks {}", .0.join("; "))]
    Incomplete(Vec<String>),
    /// A session kept rights that the host has taken from it.
    #[error("the session of the migrations still has the rights of the tables' owner; push again")]
    StillOwner,
    /// The host's own connections fail.
    #[error("the rights of the tables' owner cannot be given or taken: {0}")]
    Host(#[from] PoolError),
    /// A statement failed.
    #[error("the rows of the component cannot be kept to their users: {0}")]
    Database(#[from] Error),
}

/// Checks the tables, and brings their policies and privileges to the wanted state. Runs as the tables' owner.
pub(crate) async fn protect(
    connection: &mut Connection,
    subject: &Subject<'_>,
) -> Result<(), ProtectionError> {
    // Deferred triggers run now, and not after the check. The path finds no object of the component.
    let set_up = format!(
        "SET CONSTRAINTS ALL IMMEDIATE; SET LOCAL search_path = pg_catalog, pg_temp; SET LOCAL lock_timeout = '{}ms'",
        LOCK_TIMEOUT.as_millis()
    );
    connection.execute(&set_up).await?;
    let faults = subject.faults(connection).await?;
    if !faults.is_empty() {
        return Err(ProtectionError::Faults(faults));
    }
    let missing = subject.missing_statements(connection).await?;
    if missing.is_empty() {
        return Ok(());
    }
    connection.execute(&missing.join(";\n")).await?;
    let missing = subject.missing_statements(connection).await?;
    if missing.is_empty() {
        Ok(())
    } else {
        Err(ProtectionError::Incomplete(missing))
    }
}
