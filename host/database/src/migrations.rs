//! Brings a schema's tables up to date. Each migration runs once, in order; either all pending migrations run
//! or none.
//!
//! The table `berth_migrations` of the schema itself records the applied migrations, in the same transaction. A
//! database with more migrations than the given list is not changed, because an older version of a component may be
//! live again; [`Migrating::newer`](crate::Migrating::newer) returns the migrations that the older version does not
//! know.

use std::collections::BTreeMap;
use std::fmt::{self, Write};
use std::time::Duration;

use berth_postgres::{Connection, Error, Ignored, ServerMessage, Target, TextRows};

use crate::connect::{WAKE_TIMEOUT, open_when_ready};
use crate::hash::{hex, sha256};
use crate::pooled_transaction::End;
use crate::rows::ProtectionError;
use crate::sql::{quote_identifier, quote_literal};

/// How long a migration waits for a lock on a table. Meanwhile, later statements on the table queue behind the
/// migration.
const LOCK_TIMEOUT: Duration = Duration::from_secs(2);

/// SQLSTATE of a statement that timed out waiting for a lock on a table.
const LOCK_NOT_AVAILABLE: &str = "55P03";

/// SQLSTATE of COMMIT or ROLLBACK in a procedure that may not end the transaction.
const INVALID_TERMINATION: &str = "2D000";

/// SQLSTATEs of a schema or a table that another host has just created, and how often to try in that case.
const MADE_BY_ANOTHER: [&str; 3] = ["23505", "42P06", "42P07"];
const MAX_ATTEMPTS: u32 = 5;

/// Size limit of the record, in bytes. The record is in the component's schema, so the component may have written
/// anything into it.
const MAX_RECORD_BYTES: usize = 4 * 1024 * 1024;

/// One migration of a schema.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Migration {
    /// The position in the order, from 1; gaps are allowed.
    pub version: u32,
    /// A short description.
    pub name: String,
    /// One or more statements, without `BEGIN` and `COMMIT`.
    pub sql: String,
    /// Whether code that does not know the migration keeps working after it has run.
    pub compatible: bool,
}

impl Migration {
    /// A migration that is incompatible with code that does not know it.
    pub fn new(version: u32, name: impl Into<String>, sql: impl Into<String>) -> Self {
        Self {
            version,
            name: name.into(),
            sql: sql.into(),
            compatible: false,
        }
    }
}

/// An applied migration, as the database records it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Applied {
    /// The position in the order.
    pub version: u32,
    /// A short description.
    pub name: String,
    /// Whether code that does not know the migration keeps working.
    pub compatible: bool,
    checksum: String,
}

impl fmt::Display for Applied {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} `{}`", self.version, self.name)
    }
}

/// Why a schema was not brought up to date. The schema is unchanged.
#[derive(Debug, thiserror::Error)]
pub enum MigrationError {
    /// The version is 0.
    #[error("migration `{name}` has the version 0; versions begin with 1")]
    Zero {
        /// The migration's name.
        name: String,
    },
    /// Two migrations have the same version.
    #[error(
        "migration {version} is there twice, as `{first}` and as `{second}`; give each a version of its own"
    )]
    Twice {
        /// Their version.
        version: u32,
        /// The name of the first.
        first: String,
        /// The name of the second.
        second: String,
    },
    /// An applied migration was changed.
    #[error(
        "migration {version} `{name}` has been changed since it ran on this database; restore its text, and put what \
         is new into a migration with a higher version"
    )]
    Changed {
        /// Its version.
        version: u32,
        /// Its name.
        name: String,
    },
    /// A new migration comes before an applied migration.
    #[error(
        "migration {version} `{name}` is new, but migration {last} has run on this database already; give the new \
         one a version above {last}"
    )]
    Late {
        /// Its version.
        version: u32,
        /// Its name.
        name: String,
        /// The highest version that was applied.
        last: u32,
    },
    /// PostgreSQL refused a migration.
    #[error("migration {version} `{name}` failed: {message}")]
    Failed {
        /// Its version.
        version: u32,
        /// Its name.
        name: String,
        /// PostgreSQL's message, with the SQLSTATE and the line.
        message: String,
        /// The original error.
        source: Error,
    },
    /// A migration ended the transaction that all of them run in.
    #[error("migration {version} `{name}` ends its transaction; leave COMMIT and ROLLBACK out of it")]
    EndsTransaction {
        /// Its version.
        version: u32,
        /// Its name.
        name: String,
    },
    /// Another host migrates the same schema.
    #[error(
        "the migrations of the schema `{schema}` have been locked by another host for too long; try again later"
    )]
    Locked {
        /// The schema.
        schema: String,
    },
    /// The migrations timed out.
    #[error("the migrations took more than {0:?}: make them smaller, or run them by hand before the push")]
    TooSlow(Duration),
    /// The rows of the component cannot be kept to their users.
    #[error(transparent)]
    Rows(#[from] ProtectionError),
    /// PostgreSQL cannot be reached, or the role lacks a privilege.
    #[error("the schema cannot be brought up to date: {0}")]
    Database(#[from] Error),
}

impl MigrationError {
    /// Whether a retry may succeed: the database was unavailable, or a lock was held elsewhere.
    #[must_use]
    pub fn is_temporary(&self) -> bool {
        match self {
            Self::Database(_)
            | Self::Locked { .. }
            | Self::Rows(ProtectionError::Host(_) | ProtectionError::StillOwner) => true,
            Self::Rows(ProtectionError::Database(source)) => {
                source.code().is_none_or(|code| code == LOCK_NOT_AVAILABLE)
            }
            Self::Failed { source, .. } => source.code().is_none_or(|code| code == LOCK_NOT_AVAILABLE),
            _ => false,
        }
    }
}

/// Runs the pending migrations, with the rights of the role of `target`, in `schema`, which is created if it is
/// missing. Returns the versions that ran.
///
/// # Errors
///
/// See [`MigrationError`].
pub async fn migrate(
    target: &Target,
    schema: &str,
    migrations: &[Migration],
) -> Result<Vec<u32>, MigrationError> {
    let migrations = in_order(migrations)?;
    let mut attempts = 0;
    loop {
        attempts += 1;
        let mut connection = open_when_ready(target, &[], WAKE_TIMEOUT).await?;
        match migrate_on(&mut connection, schema, &migrations).await {
            Err(MigrationError::Database(error))
                if error.code().is_some_and(|code| MADE_BY_ANOTHER.contains(&code))
                    && attempts < MAX_ATTEMPTS => {}
            result => return result,
        }
    }
}

async fn migrate_on(
    connection: &mut Connection,
    schema: &str,
    migrations: &[&Migration],
) -> Result<Vec<u32>, MigrationError> {
    connection.execute("BEGIN").await?;
    let pending = look(connection, schema, migrations).await?;
    let ran = run(connection, schema, &pending, None).await?;
    connection.execute(End::Commit.and_undo()).await?;
    connection.close().await;
    Ok(ran)
}

/// The pending migrations of a schema, as the transaction that read the record found them.
pub(crate) struct Pending<'m> {
    new: Vec<&'m Migration>,
    /// Applied migrations that are not in the list.
    pub(crate) newer: Vec<Applied>,
    /// PostgreSQL's identifier of the transaction.
    transaction: String,
}

/// Finds the migrations [in order](in_order) that have not run, in the transaction of `connection`. If there are any,
/// no other host can run them until the transaction ends.
pub(crate) async fn look<'m>(
    connection: &mut Connection,
    schema: &str,
    migrations: &[&'m Migration],
) -> Result<Pending<'m>, MigrationError> {
    let locked = |error: Error| {
        if error.code() == Some(LOCK_NOT_AVAILABLE) {
            MigrationError::Locked {
                schema: schema.to_owned(),
            }
        } else {
            error.into()
        }
    };
    connection.execute("SET LOCAL lock_timeout = '30s'").await?;
    let transaction = make_record(connection, schema).await.map_err(locked)?;
    let mut applied = applied(connection, schema).await.map_err(locked)?;
    let mut new = not_yet_applied(migrations, &mut applied)?;
    if !new.is_empty() {
        let lock = format!("LOCK TABLE {} IN SHARE ROW EXCLUSIVE MODE", record(schema));
        connection.execute(&lock).await.map_err(locked)?;
        applied = self::applied(connection, schema).await?;
        new = not_yet_applied(migrations, &mut applied)?;
    }
    Ok(Pending {
        new,
        newer: applied.into_values().collect(),
        transaction,
    })
}

/// Runs the pending migrations. `become_role` is the command that makes the session's role the owner of the tables, if
/// it is another role. Returns the versions that ran.
pub(crate) async fn run(
    connection: &mut Connection,
    schema: &str,
    pending: &Pending<'_>,
    become_role: Option<&str>,
) -> Result<Vec<u32>, MigrationError> {
    for migration in &pending.new {
        if let Some(command) = become_role {
            connection.execute(command).await?;
        }
        apply(connection, schema, migration, &pending.transaction).await?;
    }
    Ok(pending.new.iter().map(|migration| migration.version).collect())
}

/// Sorts the migrations by version. Fails if a version is 0 or occurs twice.
pub(crate) fn in_order(migrations: &[Migration]) -> Result<Vec<&Migration>, MigrationError> {
    let mut migrations: Vec<_> = migrations.iter().collect();
    migrations.sort_by_key(|migration| migration.version);
    if let Some(migration) = migrations.first().filter(|migration| migration.version == 0) {
        return Err(MigrationError::Zero {
            name: migration.name.clone(),
        });
    }
    for pair in migrations.windows(2) {
        if let [one, other] = pair
            && one.version == other.version
        {
            let (first, second) = (one.name.clone(), other.name.clone());
            return Err(MigrationError::Twice {
                version: one.version,
                first,
                second,
            });
        }
    }
    Ok(migrations)
}

/// The table that records the applied migrations.
fn record(schema: &str) -> String {
    format!("{}.berth_migrations", quote_identifier(schema))
}

/// Creates the schema and its record if they are missing. Returns PostgreSQL's identifier of the transaction.
async fn make_record(connection: &mut Connection, schema: &str) -> Result<String, Error> {
    let select = format!(
        "SELECT to_regnamespace(quote_ident({name})) IS NOT NULL,
                to_regclass(quote_ident({name}) || '.berth_migrations') IS NOT NULL,
                txid_current()",
        name = quote_literal(schema)
    );
    let row = rows(connection, &select)
        .await?
        .into_iter()
        .next()
        .unwrap_or_default();
    let mut row = row.into_iter().flatten();
    let mut is_there = || row.next().as_deref() == Some("t");
    let mut missing = String::new();
    if !is_there() {
        let _ = writeln!(missing, "CREATE SCHEMA {};", quote_identifier(schema));
    }
    if !is_there() {
        let _ = writeln!(
            missing,
            "CREATE TABLE {} (
                version    bigint      PRIMARY KEY,
                name       text        NOT NULL,
                checksum   text        NOT NULL,
                compatible boolean     NOT NULL,
                applied_at timestamptz NOT NULL DEFAULT now()
            );",
            record(schema)
        );
    }
    connection.execute(&missing).await?;
    Ok(row.next().unwrap_or_default())
}

/// The applied migrations, by version.
async fn applied(connection: &mut Connection, schema: &str) -> Result<BTreeMap<u32, Applied>, Error> {
    let select = format!(
        "SELECT version, name, checksum, compatible FROM {}",
        record(schema)
    );
    let rows = rows(connection, &select).await?.into_iter().map(|row| {
        let mut row = row.into_iter().map(Option::unwrap_or_default);
        let mut text = || row.next().unwrap_or_default();
        let applied = Applied {
            version: text().parse().unwrap_or(u32::MAX),
            name: text(),
            checksum: text(),
            compatible: text() == "t",
        };
        (applied.version, applied)
    });
    Ok(rows.collect())
}

async fn rows(connection: &mut Connection, select: &str) -> Result<Vec<Vec<Option<String>>>, Error> {
    let mut rows = TextRows::with_limit(MAX_RECORD_BYTES);
    connection.query(select, &mut rows).await?;
    Ok(rows.rows)
}

/// Runs one migration and records it.
async fn apply(
    connection: &mut Connection,
    schema: &str,
    migration: &Migration,
    transaction: &str,
) -> Result<(), MigrationError> {
    // Set for each migration, because the migration before may have changed the settings.
    let set_up = format!(
        "SET LOCAL search_path = {}; SET LOCAL statement_timeout = '10min'; SET LOCAL lock_timeout = '{}ms'",
        quote_identifier(schema),
        LOCK_TIMEOUT.as_millis()
    );
    connection.execute(&set_up).await?;
    connection
        .execute(&in_transaction(&migration.sql))
        .await
        .map_err(|source| failed(migration, source))?;
    let insert = format!(
        "INSERT INTO {} (version, name, checksum, compatible)
         SELECT {}, {}, {}, {} WHERE pg_catalog.txid_current() = {}",
        record(schema),
        migration.version,
        quote_literal(&migration.name),
        quote_literal(&checksum(migration)),
        migration.compatible,
        quote_literal(transaction),
    );
    if connection.query(&insert, &mut Ignored).await? == 0 {
        let Migration { version, name, .. } = migration.clone();
        return Err(MigrationError::EndsTransaction { version, name });
    }
    Ok(())
}

/// The statements of a migration as one statement that can neither commit nor roll back. The tags of the quotes contain
/// a hash of the text, so the text cannot contain the tags.
fn in_transaction(sql: &str) -> String {
    let tag = hex(&sha256(sql));
    format!("DO $outer_{tag}$ BEGIN EXECUTE $inner_{tag}${sql}$inner_{tag}$; END $outer_{tag}$")
}

/// Whether PostgreSQL refused COMMIT or ROLLBACK, or a savepoint, within a migration.
fn ends_transaction(refusal: &ServerMessage) -> bool {
    let is_refused = refusal.code == "0A000" && refusal.routine.as_deref() == Some("exec_stmt_dynexecute");
    is_refused || refusal.code == INVALID_TERMINATION
}

/// Returns the new migrations, if the applied ones are unchanged. Removes those that are in the list from
/// `applied`.
fn not_yet_applied<'m>(
    migrations: &[&'m Migration],
    applied: &mut BTreeMap<u32, Applied>,
) -> Result<Vec<&'m Migration>, MigrationError> {
    let last = applied.values().next_back().map_or(0, |applied| applied.version);
    let mut new = Vec::new();
    for migration in migrations {
        let (version, name) = (migration.version, migration.name.clone());
        match applied.remove(&version) {
            Some(before) if before.checksum == checksum(migration) => {}
            Some(_) => return Err(MigrationError::Changed { version, name }),
            None if version < last => return Err(MigrationError::Late { version, name, last }),
            None => new.push(*migration),
        }
    }
    Ok(new)
}

/// SHA-256 of the migration's text, in hexadecimal.
fn checksum(migration: &Migration) -> String {
    hex(&sha256(&migration.sql))
}

/// Converts PostgreSQL's refusal of a migration to an error with the line in question.
fn failed(migration: &Migration, source: Error) -> MigrationError {
    let Migration {
        version, name, sql, ..
    } = migration.clone();
    if source.server().is_some_and(ends_transaction) {
        return MigrationError::EndsTransaction { version, name };
    }
    let message = match source.server() {
        Some(refusal) => {
            // A long query is cut off.
            let is_own = |query: &String| sql.starts_with(query.as_str());
            let position = refusal
                .internal_position
                .filter(|_| refusal.internal_query.as_ref().is_some_and(is_own));
            let line = position.map_or_else(String::new, |position| {
                let before = sql.chars().take(position.saturating_sub(1));
                format!(
                    " in line {}",
                    1 + before.filter(|character| *character == '\n').count()
                )
            });
            format!("{}{line} (SQLSTATE {})", refusal.message, refusal.code)
        }
        None => source.to_string(),
    };
    MigrationError::Failed {
        version,
        name,
        message,
        source,
    }
}
