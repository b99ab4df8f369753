//! A session that a pooler lends for one transaction: how it is taken, and given back as it was found.
//!
//! PgBouncer passes the next transaction of the same connection to any other session, and this one to anybody else who
//! has the same role. So whatever a connection would keep elsewhere lives no longer than the transaction: settings are
//! `SET LOCAL`, prepared statements are closed before its end, and what a statement may have left behind is undone in
//! the very message that ends it, which reaches the same session still.

use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection as _};

use crate::pool::PoolSettings;
use crate::sql::quote_identifier;

/// What `DISCARD ALL` does, which itself may not stand beside other statements. Without `DEALLOCATE ALL`: newer versions
/// of PgBouncer keep prepared statements of their own on the session.
macro_rules! undo {
    () => {
        "; CLOSE ALL; SET SESSION AUTHORIZATION DEFAULT; RESET ALL; UNLISTEN *; \
         SELECT pg_catalog.pg_advisory_unlock_all(); DISCARD TEMP; DISCARD SEQUENCES"
    };
}

/// How a transaction ends.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum End {
    /// What was done stays.
    Commit,
    /// Nothing was done.
    RollBack,
}

impl End {
    /// The statements that end the transaction, and undo what else was left on the session.
    #[must_use]
    pub fn and_undo(self) -> &'static str {
        match self {
            Self::Commit => concat!("COMMIT", undo!()),
            Self::RollBack => concat!("ROLLBACK", undo!()),
        }
    }
}

/// The statements by which a session is taken, with the settings that a session of one's own would keep.
pub(crate) fn begin_sql(settings: &PoolSettings) -> String {
    let time = format!("BEGIN; SET LOCAL statement_timeout = {}", settings.statement_timeout.as_millis());
    let schema = settings
        .search_path
        .as_deref()
        .map(|schema| format!("; SET LOCAL search_path = {}", quote_identifier(schema)));
    time + &schema.unwrap_or_default()
}

/// Takes a session.
pub(crate) async fn begin_on(connection: &mut PgConnection, begin: &str) -> sqlx::Result<()> {
    sqlx::raw_sql(AssertSqlSafe(begin)).execute(connection).await.map(drop)
}

/// Ends the transaction and gives the session back, undoing whatever else was left on it if it was `changed`.
pub(crate) async fn finish(connection: &mut PgConnection, end: End, changed: bool) -> sqlx::Result<()> {
    connection.clear_cached_statements().await?;
    let statements = match (end, changed) {
        (End::Commit, false) => "COMMIT",
        (End::RollBack, false) => "ROLLBACK",
        (end, true) => end.and_undo(),
    };
    sqlx::raw_sql(statements).execute(connection).await.map(drop)
}
