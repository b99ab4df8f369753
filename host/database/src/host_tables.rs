//! The host's own tables, in a schema that components cannot access: accounts, closed accounts, revoked tokens, and the
//! components' roles, versions, replicas and swaps. A second schema has functions that components' sessions call.

use sqlx::postgres::PgConnectOptions;

use crate::migrations::{Migration, MigrationError, migrate};
use crate::server::target;

/// The host's schema.
pub const SCHEMA: &str = "berth";

/// The schema of the functions that components' sessions call.
pub(crate) const SESSION_SCHEMA: &str = "berth_session";

/// Finds the identifier of the function that resets a session; NULL if the host's tables are missing.
pub(crate) const FIND_RESET: &str =
    "SELECT pg_catalog.to_regprocedure('berth_session.reset(text)')::pg_catalog.oid";

/// Brings the host's tables up to date. The host calls this before it uses a database; it waits for a server that
/// sleeps or is starting. Hosts that start together run the migrations one after the other.
///
/// # Errors
///
/// See [`MigrationError`].
pub async fn prepare(options: &PgConnectOptions) -> Result<(), MigrationError> {
    migrate(&target(options), SCHEMA, &migrations()).await.map(drop)
}

/// All migrations of the host's tables, oldest first. Entries are added, never changed.
fn migrations() -> [Migration; 9] {
    [
        Migration::new(1, "accounts", include_str!("../sql/accounts.sql")),
        Migration::new(2, "revoked tokens", include_str!("../sql/revoked_tokens.sql")),
        Migration::new(3, "component roles", include_str!("../sql/component_roles.sql")),
        Migration::new(
            4,
            "component versions",
            include_str!("../sql/component_versions.sql"),
        ),
        Migration::new(5, "locks", include_str!("../sql/locks.sql")),
        Migration {
            compatible: true,
            ..Migration::new(6, "closed accounts", include_str!("../sql/closed_accounts.sql"))
        },
        Migration {
            compatible: true,
            ..Migration::new(7, "session reset", include_str!("../sql/session_reset.sql"))
        },
        Migration {
            compatible: true,
            ..Migration::new(8, "user rows", include_str!("../sql/user_rows.sql"))
        },
        Migration {
            compatible: true,
            ..Migration::new(9, "swap reports", include_str!("../sql/swap_reports.sql"))
        },
    ]
}
