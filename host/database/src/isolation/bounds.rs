//! The limits of a component's role on the server, as far as PostgreSQL supports them and the host's role may set
//! them.

use sqlx::Row as _;
use sqlx::postgres::PgConnection;

use super::attempt;
use crate::rows::REQUEST;
use crate::sql::quote_identifier;

/// The fewest connections of a role: one for the live version and one for a swap, times two hosts.
const MIN_CONNECTIONS: i64 = 4;

/// The number of hosts for which a role gets connections, if the server has enough.
const HOSTS: i64 = 4;

/// Share of the server's connections that is reserved for the host: a fifth.
const HOST_PART: i64 = 5;

/// Settings that a component cannot change back. The host needs superuser rights to set them.
const SUPERUSER_SETTINGS: [(&str, &str); 2] = [
    ("temp_file_limit", "'1GB'"),
    // RAISE LOG writes to the server's log, which has no size limit.
    ("log_min_messages", "fatal"),
];

/// Settings that a component can change during a request.
const SETTINGS: [(&str, &str); 1] = [("work_mem", "'8MB'")];

/// Functions that create large objects. These belong to no schema, so their space can be neither found nor limited.
const LARGE_OBJECTS: &str = "lo_creat(integer), lo_create(oid), lo_from_bytea(oid, bytea), lo_open(oid, integer), \
     lo_put(oid, bigint, bytea), lo_truncate(integer, integer), lo_truncate64(integer, bigint), lowrite(integer, bytea)";

/// The inputs of the limits.
#[derive(Clone, Copy)]
pub(super) struct Bounded {
    /// Sessions that a host has for one component.
    pub(super) connections: usize,
    /// Whether the host may change privileges for all roles of the server.
    pub(super) is_private: bool,
}

/// Sets a role's limits, and gives every component's role its share of the connections.
pub(super) async fn set(connection: &mut PgConnection, role: &str, bounded: Bounded) -> sqlx::Result<()> {
    let name = quote_identifier(role);
    for (setting, value) in SETTINGS.iter().chain(&SUPERUSER_SETTINGS) {
        attempt(connection, format!("ALTER ROLE {name} SET {setting} = {value}")).await?;
    }
    if bounded.is_private {
        attempt(
            connection,
            format!("REVOKE EXECUTE ON FUNCTION {LARGE_OBJECTS} FROM PUBLIC"),
        )
        .await?;
    }
    join(connection, role).await?;
    share_connections(connection, i64::try_from(bounded.connections).unwrap_or(i64::MAX)).await
}

/// Makes the host a member of the role, so that it sees and may end the role's backends. A superuser needs no
/// membership.
async fn join(connection: &mut PgConnection, role: &str) -> sqlx::Result<()> {
    let has: bool = sqlx::query_scalar("SELECT pg_has_role(current_user, $1, 'USAGE')")
        .bind(role)
        .fetch_one(&mut *connection)
        .await?;
    if !has
        && !attempt(
            connection,
            format!("GRANT {} TO CURRENT_USER", quote_identifier(role)),
        )
        .await?
    {
        tracing::warn!(
            role,
            "this database does not let the host end what a component leaves running"
        );
    }
    Ok(())
}

/// Divides the server's connections: a share for the host, and the rest among the components. No component gets more
/// than [`HOSTS`] hosts need.
async fn share_connections(connection: &mut PgConnection, connections: i64) -> sqlx::Result<()> {
    let row = sqlx::query(
        "SELECT current_setting('max_connections')::bigint
              - current_setting('superuser_reserved_connections')::bigint
              - coalesce(current_setting('reserved_connections', true), '0')::bigint,
                (SELECT count(*) FROM berth.component_roles)",
    )
    .fetch_one(&mut *connection)
    .await?;
    let (usable, components): (i64, i64) = (row.try_get(0)?, row.try_get(1)?);
    let limit = limit(usable, components, connections);
    let roles: Vec<String> = sqlx::query_scalar(
        "SELECT rolname::text FROM pg_roles JOIN berth.component_roles ON rolname IN (role, role || $2)
         WHERE rolconnlimit <> $1",
    )
    .bind(limit)
    .bind(REQUEST)
    .fetch_all(&mut *connection)
    .await?;
    for role in roles {
        attempt(
            connection,
            format!("ALTER ROLE {} CONNECTION LIMIT {limit}", quote_identifier(&role)),
        )
        .await?;
    }
    Ok(())
}

fn limit(usable: i64, components: i64, connections: i64) -> i64 {
    let part = (usable - usable / HOST_PART) / components.max(1);
    part.min(connections.saturating_mul(HOSTS)).max(MIN_CONNECTIONS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn components_share_what_the_host_leaves() {
        assert_eq!(limit(97, 2, 16), 39, "half of 78 for each");
        assert_eq!(limit(97, 1, 16), 64, "as much as four hosts need");
        assert_eq!(limit(97, 50, 16), MIN_CONNECTIONS);
    }
}
