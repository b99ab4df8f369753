//! A lock in the database, so that hosts that start at once do not get in each other's way.

use sqlx::postgres::PgConnection;

use crate::hash::sha256;

/// SQLSTATE of a lock that did not come free in time.
const LOCK_NOT_AVAILABLE: &str = "55P03";

/// Takes the lock called `name` until the end of the current transaction. The wait for it, and for every later lock in
/// the transaction, is bounded by half a minute.
pub(crate) async fn lock(transaction: &mut PgConnection, name: &str) -> sqlx::Result<()> {
    sqlx::raw_sql("SET LOCAL lock_timeout = '30s'").execute(&mut *transaction).await?;
    sqlx::query("SELECT pg_advisory_xact_lock($1)").bind(key(name)).execute(transaction).await?;
    Ok(())
}

/// Whether an error says that a lock was held by somebody else for too long.
pub(crate) fn is_held(error: &sqlx::Error) -> bool {
    error.as_database_error().is_some_and(|error| error.code().as_deref() == Some(LOCK_NOT_AVAILABLE))
}

/// PostgreSQL's advisory locks are numbers, shared by everyone in the database: a hash keeps clear of other people's.
fn key(name: &str) -> i64 {
    let hash = sha256(&format!("berth {name}"));
    hash.iter().take(8).fold(0, |key, byte| (key << 8) | i64::from(*byte))
}
