//! Transactions on the sessions of a pooler, and the cleanup of the session at their end.
//!
//! PgBouncer may run the connection's next transaction on another session, and gives this session to other clients
//! with the same role. So nothing may outlive the transaction: settings are `SET LOCAL`, prepared statements are
//! closed before its end, and other changes to the session are undone in the same message that ends the transaction,
//! because that message still reaches the same session.

use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection as _};

use crate::pool_settings::PoolSettings;
use crate::sql::quote_identifier;

/// The statements of `DISCARD ALL`, which cannot itself run together with other statements. Without `DEALLOCATE ALL`,
/// because newer versions of PgBouncer keep prepared statements of their own on the session.
macro_rules! undo {
    () => {
        "; CLOSE ALL; SET SESSION AUTHORIZATION DEFAULT; RESET ALL; UNLISTEN *; \
         SELECT pg_catalog.pg_advisory_unlock_all(); DISCARD TEMP; DISCARD SEQUENCES"
    };
}

/// How a transaction ends.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum End {
    /// The transaction is committed.
    Commit,
    /// The transaction is rolled back.
    RollBack,
}

impl End {
    /// The statements that end the transaction and undo other changes to the session.
    pub(crate) fn and_undo(self) -> &'static str {
        match self {
            Self::Commit => concat!("COMMIT", undo!()),
            Self::RollBack => concat!("ROLLBACK", undo!()),
        }
    }
}

/// The statements that begin a transaction, with the settings that a session of the connection's own would
/// keep.
pub(crate) fn begin_sql(settings: &PoolSettings) -> String {
    let time = format!(
        "BEGIN; SET LOCAL statement_timeout = {}",
        settings.statement_timeout.as_millis()
    );
    let schema = settings
        .search_path
        .as_deref()
        .map(|schema| format!("; SET LOCAL search_path = {}", quote_identifier(schema)));
    time + &schema.unwrap_or_default()
}

/// Begins a transaction on a pooler's session.
pub(crate) async fn begin_on(connection: &mut PgConnection, begin: &str) -> sqlx::Result<()> {
    sqlx::raw_sql(AssertSqlSafe(begin))
        .execute(connection)
        .await
        .map(drop)
}

/// Ends the transaction. Nothing else of the session may have changed.
pub(crate) async fn finish(connection: &mut PgConnection, end: End) -> sqlx::Result<()> {
    let statement = match end {
        End::Commit => "COMMIT",
        End::RollBack => "ROLLBACK",
    };
    finish_with(connection, statement).await
}

/// Ends the transaction, and undoes other changes to the session.
pub(crate) async fn finish_and_undo(connection: &mut PgConnection, end: End) -> sqlx::Result<()> {
    finish_with(connection, end.and_undo()).await
}

async fn finish_with(connection: &mut PgConnection, statements: &'static str) -> sqlx::Result<()> {
    connection.clear_cached_statements().await?;
    sqlx::raw_sql(statements).execute(connection).await.map(drop)
}
