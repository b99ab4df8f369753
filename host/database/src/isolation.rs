//! A schema and a login role for each component, so that PostgreSQL keeps components apart: a role owns the objects
//! that it creates in its schema, is a member of no other role, and has no access to anything else.
//!
//! The host owns the schema. A component may create objects in it, but may neither drop it nor grant others
//! access.

mod bounds;

use std::fmt;
use std::time::Duration;

use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection, Row};

use self::bounds::Bounded;
use crate::hash::{hex, sha256};
use crate::host_tables::{SCHEMA, SESSION_SCHEMA};
use crate::lock;
use crate::pool::{Pool, PoolError};
use crate::rows::{ClaimKey, ClaimKeyError, RowAccess, RowRoles, RowRules, prepare_roles};
use crate::server::{Server, Sessions};
use crate::sql::{quote_identifier, quote_literal};

/// SQLSTATE of a missing privilege.
const INSUFFICIENT_PRIVILEGE: &str = "42501";

/// How long a pooler may take to accept a role's connection.
const CONNECT: Duration = Duration::from_secs(10);

/// The longest name of a component, in bytes. Role names contain it, and PostgreSQL limits those to 63 bytes.
const MAX_NAME_BYTES: usize = 31;

/// The schema and the login of a component.
#[derive(Clone)]
pub struct ComponentDatabase {
    /// The component's schema.
    pub schema: String,
    /// How to connect as the role of the component's requests.
    pub server: Server,
    /// Whether PostgreSQL isolates the component's data.
    pub isolation: Isolation,
    /// The access to rows that belong to users. `None` if the component's tables have no owners of rows.
    pub rows: Option<RowAccess>,
}

impl ComponentDatabase {
    /// The role of the component's requests, if it has one of its own.
    #[must_use]
    pub fn role(&self) -> Option<&str> {
        (self.isolation == Isolation::Role).then(|| self.server.direct().get_username())
    }
}

/// Whether PostgreSQL denies a component access to other components' tables.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Isolation {
    /// Isolated: the component has a role of its own.
    Role,
    /// Not isolated: the component connects as the host does, and only its search path selects its schema.
    SchemaOnly {
        /// The reason, for the host's log.
        reason: String,
    },
}

/// The owners of rows that a component asks for.
#[derive(Clone, Copy)]
pub struct RowOwnership<'a> {
    /// The rules of the component's manifest entry.
    pub rules: &'a RowRules,
    /// Whether the component is granted all rows.
    pub sees_all_rows: bool,
}

/// Why a component has no database schema.
#[derive(Debug, thiserror::Error)]
pub enum IsolationError {
    /// The name cannot be used for a schema.
    #[error("a component called `{0}` cannot have a database: {1}")]
    Name(String, &'static str),
    /// The connection failed.
    #[error(transparent)]
    Pool(#[from] PoolError),
    /// PostgreSQL refused a statement.
    #[error("the schema and role of the component `{component}` cannot be prepared: {source}")]
    Database {
        /// The component.
        component: String,
        /// PostgreSQL's error.
        source: sqlx::Error,
    },
    /// There is no key for the claims of callers.
    #[error(transparent)]
    ClaimKey(#[from] ClaimKeyError),
    /// The rows of the component cannot have owners here.
    #[error(
        "the component `{component}` has `rows` in the manifest, and this database cannot keep them to their users: \
         {reason}. Let a superuser of the database run `ALTER ROLE {role} CREATEROLE; GRANT ALL ON DATABASE {database} \
         TO {role} WITH GRANT OPTION`, or remove `rows`"
    )]
    Rows {
        /// The component.
        component: String,
        /// The reason.
        reason: String,
        /// The host's role.
        role: String,
        /// The database.
        database: String,
    },
    /// The pooler between host and server refuses the component's role.
    #[error(
        "the pooler in front of PostgreSQL does not let the role `{role}` of the component `{component}` in ({source}): \
         have it look roles up in PostgreSQL, in PgBouncer by `auth_query`, or give the host the server's own address"
    )]
    Pooler {
        /// The component.
        component: String,
        /// The component's role.
        role: String,
        /// The pooler's error.
        source: sqlx::Error,
    },
}

/// The schema of a component: its name, with `_` for `-`.
///
/// # Errors
///
/// [`IsolationError::Name`] if the name does not match `[a-z][a-z0-9-]{0,30}`, or is PostgreSQL's or the host's own.
pub fn schema_name(component: &str) -> Result<String, IsolationError> {
    let refuse = |reason| Err(IsolationError::Name(component.to_owned(), reason));
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if !component.starts_with(|first: char| first.is_ascii_lowercase()) || !component.bytes().all(plain) {
        return refuse("names are lower-case letters, digits and `-`, and begin with a letter");
    }
    if component.len() > MAX_NAME_BYTES {
        return refuse("names have at most 31 characters");
    }
    let schema = component.replace('-', "_");
    if schema.starts_with("pg_")
        || [SCHEMA, SESSION_SCHEMA, "public", "information_schema"].contains(&schema.as_str())
    {
        return refuse("that schema belongs to PostgreSQL or to Berth; choose another name");
    }
    Ok(schema)
}

/// Creates a component's schema and roles if they are missing, and returns how to connect as the role of its requests.
///
/// `pool` is the host's, on a database with the [host's tables](crate::host_tables), and `server` is the pool's server.
/// `connections` is the number of sessions that a host opens for one component. With `rows`, requests have a role that
/// sees the rows of the caller. The function is idempotent and may run on several hosts at once; it also undoes changes
/// that a component made to its own roles.
///
/// # Errors
///
/// See [`IsolationError`]. Without `rows`, a failure to create roles is not an error: see
/// [`ComponentDatabase::isolation`].
pub async fn component_database(
    pool: &Pool,
    server: &Server,
    component: &str,
    connections: usize,
    rows: Option<RowOwnership<'_>>,
) -> Result<ComponentDatabase, IsolationError> {
    let schema = schema_name(component)?;
    let mut connection = pool.acquire().await?;
    let bounded = Bounded {
        connections,
        is_private: server.is_private(),
    };
    let prepared = prepare(&mut connection, component, &schema, bounded, rows)
        .await
        .map_err(|source| IsolationError::Database {
            component: component.to_owned(),
            source,
        })?;
    let (request, isolation, rows) = match (prepared, rows) {
        (Ok((role, None)), _) => (server.as_role(&role.name, &role.password), Isolation::Role, None),
        (Ok((role, Some(roles))), Some(ownership)) => {
            let key = ClaimKey::read(pool).await?;
            let access = RowAccess::new(ownership.rules, key, pool, server, (&role, &roles));
            (
                server.as_role(&roles.request, &role.password),
                Isolation::Role,
                Some(access),
            )
        }
        (Err(reason), None) => (server.clone(), Isolation::SchemaOnly { reason }, None),
        (Err(reason), Some(_)) => return Err(rows_refused(component, server, reason)),
        (Ok((_, Some(_))), None) => return Err(rows_refused(component, server, String::new())),
    };
    if isolation == Isolation::Role && connection.sessions() == Sessions::Shared {
        check_pooler(&request, component).await?;
    }
    Ok(ComponentDatabase {
        schema,
        server: request,
        isolation,
        rows,
    })
}

fn rows_refused(component: &str, server: &Server, reason: String) -> IsolationError {
    let host = server.direct();
    IsolationError::Rows {
        component: component.to_owned(),
        reason,
        role: quote_identifier(host.get_username()),
        database: quote_identifier(host.get_database().unwrap_or(host.get_username())),
    }
}

/// Checks that the pooler accepts the component's role. A pooler may not know the role, and the first request should
/// not be the first to fail.
async fn check_pooler(server: &Server, component: &str) -> Result<(), IsolationError> {
    match server.connect(CONNECT).await {
        Ok((connection, _)) => {
            // The connection was only a check, so an error on closing does not matter.
            let _ = connection.close().await;
            Ok(())
        }
        Err(source) => Err(IsolationError::Pooler {
            component: component.to_owned(),
            role: server.direct().get_username().to_owned(),
            source,
        }),
    }
}

/// A component's login role.
pub(crate) struct Role {
    pub(crate) name: String,
    /// The database that the role belongs to.
    pub(crate) database: String,
    pub(crate) password: String,
    /// Whether an earlier start recorded the role.
    remembered: bool,
}

impl Role {
    /// Another role of the component, with the same password.
    pub(crate) fn renamed(&self, name: String) -> Self {
        Self {
            name,
            database: self.database.clone(),
            password: self.password.clone(),
            remembered: self.remembered,
        }
    }
}

/// Prepares schema and roles in one transaction, one host at a time. The inner error says why there are no roles.
async fn prepare(
    connection: &mut PgConnection,
    component: &str,
    schema: &str,
    bounded: Bounded,
    rows: Option<RowOwnership<'_>>,
) -> sqlx::Result<Result<(Role, Option<RowRoles>), String>> {
    let mut transaction = connection.begin().await?;
    lock::lock(&mut transaction, "components").await?;
    make_schema(&mut transaction, schema).await?;
    let role = match role(&mut transaction, component, schema).await? {
        role if !owns_all(&mut transaction, schema, &role.name).await? => Err(
            "its tables were made by a host that could not make roles, and belong to the host's own role"
                .to_owned(),
        ),
        role => make_role(&mut transaction, role).await?,
    };
    let roles = match role {
        Ok(role) => {
            remember(&mut transaction, component, &role).await?;
            grant(&mut transaction, schema, &role).await?;
            add_row_roles(&mut transaction, schema, role, bounded, rows).await?
        }
        Err(reason) => Err(reason),
    };
    // Behind a pooler, another client gets the session next.
    transaction.clear_cached_statements().await?;
    transaction.commit().await?;
    Ok(roles)
}

/// Adds the roles of a component whose rows have owners, and sets the limits of each role.
async fn add_row_roles(
    connection: &mut PgConnection,
    schema: &str,
    owner: Role,
    bounded: Bounded,
    rows: Option<RowOwnership<'_>>,
) -> sqlx::Result<Result<(Role, Option<RowRoles>), String>> {
    bounds::set(connection, &owner.name, bounded).await?;
    let Some(rows) = rows else {
        return Ok(Ok((owner, None)));
    };
    let temporary_tables = rows.rules.temporary_tables;
    let prepared = prepare_roles(connection, schema, &owner, rows.sees_all_rows, temporary_tables).await?;
    if let Ok(roles) = &prepared {
        for role in roles.all() {
            bounds::set(connection, role, bounded).await?;
        }
    }
    Ok(prepared.map(|roles| (owner, Some(roles))))
}

async fn make_schema(connection: &mut PgConnection, schema: &str) -> sqlx::Result<()> {
    let known = sqlx::query("SELECT FROM pg_namespace WHERE nspname = $1").bind(schema);
    if known.fetch_optional(&mut *connection).await?.is_none() {
        run(connection, format!("CREATE SCHEMA {}", quote_identifier(schema))).await?;
    }
    Ok(())
}

/// The recorded role, or a new one. Roles belong to the whole server, so their names contain the database's.
async fn role(connection: &mut PgConnection, component: &str, schema: &str) -> sqlx::Result<Role> {
    let row = sqlx::query(
        "SELECT current_database()::text, password
         FROM (SELECT) AS one LEFT JOIN berth.component_roles ON component = $1",
    )
    .bind(component)
    .fetch_one(connection)
    .await?;
    let database: String = row.try_get(0)?;
    let name = format!("berth_{schema}_{}", hex(&sha256(&database)[..4]));
    Ok(match row.try_get(1)? {
        Some(password) => Role {
            name,
            database,
            password,
            remembered: true,
        },
        None => Role {
            name,
            database,
            password: new_password()?,
            remembered: false,
        },
    })
}

/// Whether the role owns every object in the schema.
async fn owns_all(connection: &mut PgConnection, schema: &str, role: &str) -> sqlx::Result<bool> {
    let foreign = sqlx::query(
        "SELECT FROM pg_class
         WHERE relnamespace = to_regnamespace(quote_ident($1)) AND pg_get_userbyid(relowner) <> $2 LIMIT 1",
    );
    Ok(foreign
        .bind(schema)
        .bind(role)
        .fetch_optional(connection)
        .await?
        .is_none())
}

/// Creates the role, or restores its password and settings, because a role may change its own: a component that
/// did so would lock itself out for good.
pub(crate) async fn make_role(
    connection: &mut PgConnection,
    role: Role,
) -> sqlx::Result<Result<Role, String>> {
    let known = sqlx::query("SELECT FROM pg_roles WHERE rolname = $1").bind(&role.name);
    let known = known.fetch_optional(&mut *connection).await?.is_some();
    let (name, password) = (quote_identifier(&role.name), quote_literal(&role.password));
    let statement = if known {
        let database = quote_identifier(&role.database);
        format!(
            "ALTER ROLE {name} LOGIN PASSWORD {password}; ALTER ROLE {name} RESET ALL; \
             ALTER ROLE {name} IN DATABASE {database} RESET ALL"
        )
    } else {
        format!("CREATE ROLE {name} LOGIN NOINHERIT PASSWORD {password}")
    };
    let mut attempt = connection.begin().await?;
    match run(&mut attempt, statement).await {
        Ok(()) => {
            attempt.commit().await?;
            Ok(Ok(role))
        }
        Err(error) if is_refused(&error) => {
            attempt.rollback().await?;
            // The host lost the privilege, but the role still exists, and no other role owns its tables.
            if known && role.remembered {
                return Ok(Ok(role));
            }
            Ok(Err(format!(
                "PostgreSQL does not let the host's role make roles: {error}"
            )))
        }
        Err(error) => Err(error),
    }
}

async fn remember(connection: &mut PgConnection, component: &str, role: &Role) -> sqlx::Result<()> {
    sqlx::query(
        "INSERT INTO berth.component_roles (component, role, password) VALUES ($1, $2, $3)
         ON CONFLICT (component) DO UPDATE SET role = excluded.role, password = excluded.password",
    )
    .bind(component)
    .bind(&role.name)
    .bind(&role.password)
    .execute(connection)
    .await?;
    Ok(())
}

/// Grants the role access to its schema, and revokes CREATE in `public`, which old servers grant to every role.
async fn grant(connection: &mut PgConnection, schema: &str, role: &Role) -> sqlx::Result<()> {
    let (schema, name) = (quote_identifier(schema), quote_identifier(&role.name));
    run(
        connection,
        format!("GRANT USAGE, CREATE ON SCHEMA {schema} TO {name}"),
    )
    .await?;
    let row = sqlx::query(
        "SELECT quote_ident(current_database()),
                has_database_privilege($1, current_database(), 'CONNECT'),
                coalesce(has_schema_privilege('public', to_regnamespace('public'), 'CREATE'), false)",
    )
    .bind(&role.name)
    .fetch_one(&mut *connection)
    .await?;
    if !row.try_get::<bool, _>(1)? {
        let database: String = row.try_get(0)?;
        run(
            connection,
            format!("GRANT CONNECT ON DATABASE {database} TO {name}"),
        )
        .await?;
    }
    if row.try_get::<bool, _>(2)? {
        // If PostgreSQL refuses, another role owns `public`, and Berth has nothing in it.
        attempt(
            connection,
            "REVOKE CREATE ON SCHEMA public FROM PUBLIC".to_owned(),
        )
        .await?;
    }
    Ok(())
}

/// Runs a statement for which the host's role may lack the privilege. Returns whether the statement ran.
pub(crate) async fn attempt(connection: &mut PgConnection, statement: String) -> sqlx::Result<bool> {
    let mut attempt = connection.begin().await?;
    match run(&mut attempt, statement).await {
        Ok(()) => attempt.commit().await.map(|()| true),
        Err(error) if is_refused(&error) => attempt.rollback().await.map(|()| false),
        Err(error) => Err(error),
    }
}

pub(crate) async fn run(connection: &mut PgConnection, statement: String) -> sqlx::Result<()> {
    sqlx::raw_sql(AssertSqlSafe(statement))
        .execute(connection)
        .await
        .map(drop)
}

fn is_refused(error: &sqlx::Error) -> bool {
    error
        .as_database_error()
        .is_some_and(|error| error.code().as_deref() == Some(INSUFFICIENT_PRIVILEGE))
}

/// A password of 256 random bits.
fn new_password() -> sqlx::Result<String> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|error| sqlx::Error::Io(error.into()))?;
    Ok(hex(&bytes))
}

impl fmt::Debug for ComponentDatabase {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Without the connect options, because they contain the password.
        let Self {
            schema, isolation, ..
        } = self;
        formatter
            .debug_struct("ComponentDatabase")
            .field("schema", schema)
            .field("isolation", isolation)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_component_has_the_schema_of_its_name() {
        assert_eq!(schema_name("todo").ok().as_deref(), Some("todo"));
        assert_eq!(schema_name("a-2-z").ok().as_deref(), Some("a_2_z"));
        assert!(schema_name(&"a".repeat(31)).is_ok());
    }

    #[test]
    fn names_that_are_taken_or_unsafe_are_refused() {
        let too_long = "a".repeat(32);
        for name in [
            "",
            "berth",
            "berth-session",
            "public",
            "pg-catalog",
            "pg-",
            "information-schema",
            "Todo",
            "2do",
            "-todo",
            "to_do",
            "tödo",
            "todo\"; DROP SCHEMA berth",
            &too_long,
        ] {
            assert!(
                matches!(schema_name(name), Err(IsolationError::Name(..))),
                "{name}"
            );
        }
    }
}
