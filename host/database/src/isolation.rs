//! A schema and a login role for each component, so that PostgreSQL itself keeps components apart: a role owns what
//! it makes in its schema, is a member of nothing, and may use nothing else.
//!
//! The schema stays the host's. A component may fill it, but neither drop it nor let others in.

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
use crate::server::{Server, Sessions};
use crate::sql::{quote_identifier, quote_literal};

/// SQLSTATE of a missing right.
const INSUFFICIENT_PRIVILEGE: &str = "42501";

/// How long a pooler may take to let a role in.
const CONNECT: Duration = Duration::from_secs(10);

/// The longest name of a component, in bytes. Role names are made of it and may have 63.
const MAX_NAME_BYTES: usize = 31;

/// Where and as whom a component keeps its data.
#[derive(Clone)]
pub struct ComponentDatabase {
    /// Its schema.
    pub schema: String,
    /// How to connect as its role.
    pub server: Server,
    /// Whether PostgreSQL keeps others out.
    pub isolation: Isolation,
}

impl ComponentDatabase {
    /// The component's role, if it has one of its own.
    #[must_use]
    pub fn role(&self) -> Option<&str> {
        (self.isolation == Isolation::Role).then(|| self.server.direct().get_username())
    }
}

/// Whether PostgreSQL keeps a component away from others' tables.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Isolation {
    /// It does: the component has a role of its own.
    Role,
    /// It does not: the component connects as the host does, and only its search path points to its schema.
    SchemaOnly {
        /// Why, for the host's log.
        reason: String,
    },
}

/// Why a component has no place for its data.
#[derive(Debug, thiserror::Error)]
pub enum IsolationError {
    /// A name that cannot be a schema's.
    #[error("a component called `{0}` cannot have a database: {1}")]
    Name(String, &'static str),
    /// No connection.
    #[error(transparent)]
    Pool(#[from] PoolError),
    /// PostgreSQL refused.
    #[error("the schema and role of the component `{component}` cannot be prepared: {source}")]
    Database {
        /// The component.
        component: String,
        /// What PostgreSQL said.
        source: sqlx::Error,
    },
    /// The pooler between host and server does not let the component's role in.
    #[error(
        "the pooler in front of PostgreSQL does not let the role `{role}` of the component `{component}` in ({source}): \
         have it look roles up in PostgreSQL, in PgBouncer by `auth_query`, or give the host the server's own address"
    )]
    Pooler {
        /// The component.
        component: String,
        /// Its role.
        role: String,
        /// What the pooler said.
        source: sqlx::Error,
    },
}

/// The schema of a component: its name, with `_` for `-`.
///
/// # Errors
///
/// [`IsolationError::Name`] where the name is not like `[a-z][a-z0-9-]{0,30}`, or is PostgreSQL's or the host's own.
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

/// Makes what is missing of a component's schema and role, and says how to connect as it.
///
/// `pool` is the host's, on a database with the [host's tables](crate::host_tables), and `server` what it
/// connects to. `connections` is how many sessions a host has with the database for one component. It can be called again
/// and again, by several hosts at once: a role that was changed by its component is then as it was.
///
/// # Errors
///
/// See [`IsolationError`]. That roles cannot be made is none: see [`ComponentDatabase::isolation`].
pub async fn component_database(
    pool: &Pool,
    server: &Server,
    component: &str,
    connections: usize,
) -> Result<ComponentDatabase, IsolationError> {
    let schema = schema_name(component)?;
    let mut connection = pool.acquire().await?;
    let role = prepare(
        &mut connection,
        component,
        &schema,
        Bounded { connections, is_private: server.is_private() },
    )
    .await
    .map_err(|source| IsolationError::Database { component: component.to_owned(), source })?;
    match role {
        Ok(Role { name, password, .. }) => {
            let server = server.as_role(&name, &password);
            if connection.sessions() == Sessions::Shared {
                check_pooler(&server, component, name).await?;
            }
            Ok(ComponentDatabase { schema, server, isolation: Isolation::Role })
        }
        Err(reason) => {
            let server = server.clone();
            Ok(ComponentDatabase { schema, server, isolation: Isolation::SchemaOnly { reason } })
        }
    }
}

/// Whether the pooler lets the component's role in, which it may not know: better to find that out now than at the first
/// request.
async fn check_pooler(server: &Server, component: &str, role: String) -> Result<(), IsolationError> {
    match server.connect(CONNECT).await {
        Ok((connection, _)) => {
            // Whatever becomes of it, it has shown what it was to show.
            let _ = connection.close().await;
            Ok(())
        }
        Err(source) => Err(IsolationError::Pooler { component: component.to_owned(), role, source }),
    }
}

/// A component's login role.
struct Role {
    name: String,
    /// The database that the role is for.
    database: String,
    password: String,
    /// Whether an earlier start made it.
    remembered: bool,
}

/// Prepares schema and role in one transaction, one host at a time. The inner error is why there is no role.
async fn prepare(
    connection: &mut PgConnection,
    component: &str,
    schema: &str,
    bounded: Bounded,
) -> sqlx::Result<Result<Role, String>> {
    let mut transaction = connection.begin().await?;
    lock::lock(&mut transaction, "components").await?;
    make_schema(&mut transaction, schema).await?;
    let role = match role(&mut transaction, component, schema).await? {
        role if !owns_all(&mut transaction, schema, &role.name).await? => {
            Err("its tables were made by a host that could not make roles, and belong to the host's own role"
                .to_owned())
        }
        role => make_role(&mut transaction, role).await?,
    };
    if let Ok(role) = &role {
        remember(&mut transaction, component, role).await?;
        grant(&mut transaction, schema, role).await?;
        bounds::set(&mut transaction, &role.name, bounded).await?;
    }
    // Behind a pooler the session is somebody else's next.
    transaction.clear_cached_statements().await?;
    transaction.commit().await?;
    Ok(role)
}

async fn make_schema(connection: &mut PgConnection, schema: &str) -> sqlx::Result<()> {
    let known = sqlx::query("SELECT FROM pg_namespace WHERE nspname = $1").bind(schema);
    if known.fetch_optional(&mut *connection).await?.is_none() {
        run(connection, format!("CREATE SCHEMA {}", quote_identifier(schema))).await?;
    }
    Ok(())
}

/// The role as it is remembered, or a new one. Roles belong to the whole server, so their names tell the database.
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
        Some(password) => Role { name, database, password, remembered: true },
        None => Role { name, database, password: new_password()?, remembered: false },
    })
}

/// Whether nothing in the schema belongs to somebody else.
async fn owns_all(connection: &mut PgConnection, schema: &str, role: &str) -> sqlx::Result<bool> {
    let foreign = sqlx::query(
        "SELECT FROM pg_class
         WHERE relnamespace = to_regnamespace(quote_ident($1)) AND pg_get_userbyid(relowner) <> $2 LIMIT 1",
    );
    Ok(foreign.bind(schema).bind(role).fetch_optional(connection).await?.is_none())
}

/// Makes the role, or makes sure that it is as it was made: a role may change its own password and settings, and a
/// component that did so would lock itself out for good.
async fn make_role(connection: &mut PgConnection, role: Role) -> sqlx::Result<Result<Role, String>> {
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
            // The host lost the right, but the role is still there, and its tables are nobody else's.
            if known && role.remembered {
                return Ok(Ok(role));
            }
            Ok(Err(format!("PostgreSQL does not let the host's role make roles: {error}")))
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

/// Lets the role into its schema, and keeps everybody from making things in `public`, which old servers allow.
async fn grant(connection: &mut PgConnection, schema: &str, role: &Role) -> sqlx::Result<()> {
    let (schema, name) = (quote_identifier(schema), quote_identifier(&role.name));
    run(connection, format!("GRANT USAGE, CREATE ON SCHEMA {schema} TO {name}")).await?;
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
        run(connection, format!("GRANT CONNECT ON DATABASE {database} TO {name}")).await?;
    }
    if row.try_get::<bool, _>(2)? {
        // Where it is refused, the schema belongs to another role, and nothing of Berth's is in it.
        attempt(connection, "REVOKE CREATE ON SCHEMA public FROM PUBLIC".to_owned()).await?;
    }
    Ok(())
}

/// Runs a statement that the host's role may not be allowed. Returns whether it was.
async fn attempt(connection: &mut PgConnection, statement: String) -> sqlx::Result<bool> {
    let mut attempt = connection.begin().await?;
    match run(&mut attempt, statement).await {
        Ok(()) => attempt.commit().await.map(|()| true),
        Err(error) if is_refused(&error) => attempt.rollback().await.map(|()| false),
        Err(error) => Err(error),
    }
}

async fn run(connection: &mut PgConnection, statement: String) -> sqlx::Result<()> {
    sqlx::raw_sql(AssertSqlSafe(statement)).execute(connection).await.map(drop)
}

fn is_refused(error: &sqlx::Error) -> bool {
    error.as_database_error().is_some_and(|error| error.code().as_deref() == Some(INSUFFICIENT_PRIVILEGE))
}

/// 256 random bits.
fn new_password() -> sqlx::Result<String> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|error| sqlx::Error::Io(error.into()))?;
    Ok(hex(&bytes))
}

impl fmt::Debug for ComponentDatabase {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Not the options: they hold the password.
        let Self { schema, isolation, .. } = self;
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
            assert!(matches!(schema_name(name), Err(IsolationError::Name(..))), "{name}");
        }
    }
}
