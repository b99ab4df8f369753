//! The roles of a component whose rows have owners. The component's own role owns the tables, and no request has it:
//!
//! - the role of requests, which sees the rows of the caller
//! - the role that sees all rows, for a component that is granted them
//! - the role of migrations, which may become the owner only while the host lets it
//!
//! None of them inherits a right of another. They have the password of the component's own role, which no component
//! knows.

use std::fmt::Write as _;

use sqlx::Row as _;
use sqlx::postgres::{PgConnection, PgRow};

use crate::isolation::{Role, attempt, make_role, run};
use crate::sql::quote_identifier;

/// Connections of a role that one host uses for a moment: two for each of [four](crate::isolation) hosts.
const FEW_CONNECTIONS: u32 = 8;

/// The endings of the roles' names.
pub(crate) const REQUEST: &str = "_request";
const ALL_ROWS: &str = "_all_rows";
const MIGRATIONS: &str = "_migrations";

/// The names of the roles.
pub(crate) struct RowRoles {
    pub(crate) request: String,
    pub(crate) migrations: String,
    /// The role that sees all rows, if the component is granted them.
    pub(crate) all_rows: Option<String>,
}

impl RowRoles {
    /// Every role.
    pub(crate) fn all(&self) -> impl Iterator<Item = &String> {
        self.of_requests().chain([&self.migrations])
    }

    /// The roles of statements that requests send.
    fn of_requests(&self) -> impl Iterator<Item = &String> {
        [&self.request].into_iter().chain(&self.all_rows)
    }
}

/// Makes the roles of a component with the `owner` of its tables, in the transaction that makes the owner. The inner
/// error is PostgreSQL's refusal.
pub(crate) async fn prepare_roles(
    connection: &mut PgConnection,
    schema: &str,
    owner: &Role,
    sees_all_rows: bool,
    has_temporary_tables: bool,
) -> sqlx::Result<Result<RowRoles, String>> {
    let name = |ending: &str| format!("{}{ending}", owner.name);
    let roles = RowRoles {
        request: name(REQUEST),
        migrations: name(MIGRATIONS),
        all_rows: sees_all_rows.then(|| name(ALL_ROWS)),
    };
    for role in roles.all() {
        if let Err(reason) = make_role(connection, owner.renamed(role.clone())).await? {
            return Ok(Err(reason));
        }
    }
    let granted = grant(connection, schema, owner, &roles, has_temporary_tables);
    Ok(granted.await?.map(|()| roles))
}

/// Grants the roles their schema, and the role of migrations the other two, for trials.
async fn grant(
    connection: &mut PgConnection,
    schema: &str,
    owner: &Role,
    roles: &RowRoles,
    has_temporary_tables: bool,
) -> sqlx::Result<Result<(), String>> {
    let (schema, database) = (quote_identifier(schema), quote_identifier(&owner.database));
    let migrations = quote_identifier(&roles.migrations);
    let mut statements = format!("GRANT CONNECT ON DATABASE {database} TO {migrations};");
    for role in roles.of_requests() {
        let is_member = is_member(connection, role, &roles.migrations).await?;
        let role = quote_identifier(role);
        let _ = write!(
            statements,
            "GRANT USAGE ON SCHEMA {schema} TO {role}; GRANT CONNECT ON DATABASE {database} TO {role};"
        );
        if !is_member {
            let _ = write!(statements, "GRANT {role} TO {migrations};");
        }
    }
    if !attempt(connection, statements).await? {
        return Ok(Err(
            "the host's role may not grant its schemas and its database to other roles".to_owned(),
        ));
    }
    for role in [&roles.migrations].into_iter().chain(&roles.all_rows) {
        let limit = format!(
            "ALTER ROLE {} CONNECTION LIMIT {FEW_CONNECTIONS}",
            quote_identifier(role)
        );
        attempt(connection, limit).await?;
    }
    limit_temporary_tables(connection, owner, roles, has_temporary_tables).await?;
    Ok(Ok(()))
}

/// Lets the requests of a component make temporary tables, or not. PostgreSQL lets every role make them; the host takes
/// this from `PUBLIC`, and gives it to the components' own roles, which had it so far.
async fn limit_temporary_tables(
    connection: &mut PgConnection,
    owner: &Role,
    roles: &RowRoles,
    are_allowed: bool,
) -> sqlx::Result<()> {
    let database = quote_identifier(&owner.database);
    let rows = sqlx::query(
        "SELECT role FROM berth.component_roles JOIN pg_catalog.pg_roles ON rolname = role
         WHERE NOT EXISTS (
             SELECT FROM pg_catalog.pg_database AS d, pg_catalog.aclexplode(d.datacl) AS acl
             WHERE d.datname = current_database() AND acl.grantee = pg_roles.oid AND acl.privilege_type = 'TEMPORARY'
         )",
    );
    let lacking: Vec<String> = rows
        .try_map(|row: PgRow| row.try_get(0))
        .fetch_all(&mut *connection)
        .await?;
    let mut statements = String::new();
    for role in &lacking {
        let _ = write!(
            statements,
            "GRANT TEMPORARY ON DATABASE {database} TO {};",
            quote_identifier(role)
        );
    }
    let public: bool = sqlx::query_scalar(
        "SELECT pg_catalog.has_database_privilege('public', current_database(), 'TEMPORARY')",
    )
    .fetch_one(&mut *connection)
    .await?;
    if public {
        let _ = write!(statements, "REVOKE TEMPORARY ON DATABASE {database} FROM PUBLIC;");
    }
    for role in roles.of_requests() {
        let role = quote_identifier(role);
        let _ = if are_allowed {
            write!(statements, "GRANT TEMPORARY ON DATABASE {database} TO {role};")
        } else {
            write!(statements, "REVOKE TEMPORARY ON DATABASE {database} FROM {role};")
        };
    }
    if !attempt(connection, statements).await? {
        tracing::warn!(
            role = roles.request,
            "the database belongs to another role, so the host cannot keep this role from making temporary tables: \
             let the database's owner run `REVOKE TEMPORARY ON DATABASE {} FROM PUBLIC`",
            owner.database
        );
    }
    Ok(())
}

/// Lets the role of migrations become the owner, or not any more. `connection` is the host's.
pub(crate) async fn set_membership(
    connection: &mut PgConnection,
    owner: &str,
    migrations: &str,
    is_member: bool,
) -> sqlx::Result<()> {
    // PostgreSQL warns of a change that changes nothing.
    if is_member == self::is_member(connection, owner, migrations).await? {
        return Ok(());
    }
    let (owner, migrations) = (quote_identifier(owner), quote_identifier(migrations));
    let statement = if is_member {
        format!("GRANT {owner} TO {migrations}")
    } else {
        format!("REVOKE {owner} FROM {migrations}")
    };
    run(connection, statement).await
}

/// Whether a role is a direct member of another.
async fn is_member(connection: &mut PgConnection, role: &str, member: &str) -> sqlx::Result<bool> {
    let exists = sqlx::query_scalar(
        "SELECT EXISTS (
             SELECT FROM pg_catalog.pg_auth_members AS m
             JOIN pg_catalog.pg_roles AS r ON r.oid = m.roleid JOIN pg_catalog.pg_roles AS b ON b.oid = m.member
             WHERE r.rolname = $1 AND b.rolname = $2
         )",
    );
    exists
        .persistent(false)
        .bind(role)
        .bind(member)
        .fetch_one(connection)
        .await
}
