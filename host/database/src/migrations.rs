//! Bringing a schema's tables up to date: each migration once, in order, all of the new ones or none.
//!
//! What ran is written down in the table `berth_migrations` of the schema itself, in the same transaction. A database
//! that knows more migrations than it is given is left alone: an older version of a component may be back, and
//! [`Migrating::newer`](crate::Migrating::newer) says what it will meet.

use std::collections::BTreeMap;
use std::fmt::{self, Write};
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgConnection, PgDatabaseError, PgErrorPosition};
use sqlx::{AssertSqlSafe, Row};

use crate::hash::{hex, sha256};
use crate::lock;
use crate::migrating::Migrating;
use crate::sql::quote_identifier;

/// How long a migration waits for a table that others use. While it waits, whoever comes later waits behind it.
const LOCK: Duration = Duration::from_secs(2);

/// SQLSTATE of a statement that waited too long for a table.
const LOCK_NOT_AVAILABLE: &str = "55P03";

/// A step in the life of a schema.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Migration {
    /// Its place in the order; from 1, with gaps where one likes.
    pub version: u32,
    /// What it does, in a few words.
    pub name: String,
    /// One or more statements, without `BEGIN` and `COMMIT`.
    pub sql: String,
    /// Whether code that does not know it can go on working once it has run.
    pub compatible: bool,
}

impl Migration {
    /// A migration that only those can work with who know it.
    pub fn new(version: u32, name: impl Into<String>, sql: impl Into<String>) -> Self {
        Self { version, name: name.into(), sql: sql.into(), compatible: false }
    }
}

/// A migration that has run, as the database remembers it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Applied {
    /// Its place in the order.
    pub version: u32,
    /// What it does, in a few words.
    pub name: String,
    /// Whether code that does not know it can go on working.
    pub compatible: bool,
    checksum: String,
}

impl fmt::Display for Applied {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} `{}`", self.version, self.name)
    }
}

/// Why a schema was not brought up to date. It is as it was before.
#[derive(Debug, thiserror::Error)]
pub enum MigrationError {
    /// A version that is no version.
    #[error("migration `{name}` has the version 0; versions begin with 1")]
    Zero {
        /// The migration's name.
        name: String,
    },
    /// Two migrations with the same version.
    #[error(
        "migration {version} is there twice, as `{first}` and as `{second}`; give each a version of its own"
    )]
    Twice {
        /// Their version.
        version: u32,
        /// The name of one.
        first: String,
        /// The name of the other.
        second: String,
    },
    /// A migration that ran is no longer what it was.
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
    /// A new migration comes before one that ran.
    #[error(
        "migration {version} `{name}` is new, but migration {last} has run on this database already; give the new \
         one a version above {last}"
    )]
    Late {
        /// Its version.
        version: u32,
        /// Its name.
        name: String,
        /// The highest version that ran.
        last: u32,
    },
    /// PostgreSQL refused a migration.
    #[error("migration {version} `{name}` failed: {message}")]
    Failed {
        /// Its version.
        version: u32,
        /// Its name.
        name: String,
        /// What PostgreSQL said, with the SQLSTATE and the line.
        message: String,
        /// The error as it came.
        source: sqlx::Error,
    },
    /// A migration ended the transaction that all of them run in.
    #[error("migration {version} `{name}` ends its transaction; leave COMMIT and ROLLBACK out of it")]
    EndsTransaction {
        /// Its version.
        version: u32,
        /// Its name.
        name: String,
    },
    /// Another host is at the same schema.
    #[error(
        "the migrations of the schema `{schema}` have been locked by another host for too long; try again later"
    )]
    Locked {
        /// The schema.
        schema: String,
    },
    /// PostgreSQL cannot be reached, or does not let this role do what is needed.
    #[error("the schema cannot be brought up to date: {0}")]
    Database(#[from] sqlx::Error),
}

impl MigrationError {
    /// Whether the same may go well a moment later: the database was away, or somebody else held what was needed.
    #[must_use]
    pub fn is_temporary(&self) -> bool {
        match self {
            Self::Database(_) | Self::Locked { .. } => true,
            Self::Failed { source, .. } => {
                source.as_database_error().is_none_or(|e| e.code().as_deref() == Some(LOCK_NOT_AVAILABLE))
            }
            _ => false,
        }
    }
}

/// Runs the migrations that have not run yet, with the rights of the role in `options`, in `schema`, which is made
/// where it is missing. Returns the versions that ran.
///
/// # Errors
///
/// See [`MigrationError`].
pub async fn migrate(
    options: &PgConnectOptions,
    schema: &str,
    migrations: &[Migration],
) -> Result<Vec<u32>, MigrationError> {
    let migrating = Migrating::begin(options, schema, migrations).await?;
    let ran = migrating.ran().to_vec();
    migrating.commit().await?;
    Ok(ran)
}

/// What a schema's migrations came to.
pub(crate) struct Outcome {
    /// The versions that ran.
    pub(crate) ran: Vec<u32>,
    /// What had run before and is not in the list.
    pub(crate) newer: Vec<Applied>,
}

/// Runs what has not run yet of migrations [in order](in_order), in the transaction that `connection` is in.
pub(crate) async fn run(
    connection: &mut PgConnection,
    schema: &str,
    migrations: Vec<&Migration>,
) -> Result<Outcome, MigrationError> {
    lock::lock(connection, &format!("migrations of {schema}")).await.map_err(|error| {
        if lock::is_held(&error) {
            MigrationError::Locked { schema: schema.to_owned() }
        } else {
            error.into()
        }
    })?;
    let mut run = Run::begin(connection, schema).await?;
    let mut applied = run.applied().await?;
    let new = not_yet_applied(migrations, &mut applied)?;
    for migration in &new {
        run.apply(migration).await?;
    }
    let ran = new.iter().map(|migration| migration.version).collect();
    Ok(Outcome { ran, newer: applied.into_values().collect() })
}

/// The migrations by version, once that is known to be an order.
pub(crate) fn in_order(migrations: &[Migration]) -> Result<Vec<&Migration>, MigrationError> {
    let mut migrations: Vec<_> = migrations.iter().collect();
    migrations.sort_by_key(|migration| migration.version);
    if let Some(migration) = migrations.first().filter(|migration| migration.version == 0) {
        return Err(MigrationError::Zero { name: migration.name.clone() });
    }
    for pair in migrations.windows(2) {
        if let [one, other] = pair
            && one.version == other.version
        {
            let (first, second) = (one.name.clone(), other.name.clone());
            return Err(MigrationError::Twice { version: one.version, first, second });
        }
    }
    Ok(migrations)
}

/// The transaction that brings one schema up to date.
struct Run<'a> {
    connection: &'a mut PgConnection,
    /// The schema's name and that of the table in it, quoted.
    schema: String,
    table: String,
    /// PostgreSQL's number for the transaction.
    transaction: i64,
}

impl<'a> Run<'a> {
    /// Makes the schema and the table in it where they are missing.
    async fn begin(connection: &'a mut PgConnection, schema: &str) -> sqlx::Result<Self> {
        let known = sqlx::query(
            "SELECT to_regnamespace(quote_ident($1)) IS NOT NULL,
                    to_regclass(quote_ident($1) || '.berth_migrations') IS NOT NULL,
                    txid_current()",
        )
        .bind(schema)
        .fetch_one(&mut *connection)
        .await?;
        let schema = quote_identifier(schema);
        let table = format!("{schema}.berth_migrations");
        let mut missing = String::new();
        if !known.try_get::<bool, _>(0)? {
            let _ = writeln!(missing, "CREATE SCHEMA {schema};");
        }
        if !known.try_get::<bool, _>(1)? {
            let _ = writeln!(
                missing,
                "CREATE TABLE {table} (
                    version    bigint      PRIMARY KEY,
                    name       text        NOT NULL,
                    checksum   text        NOT NULL,
                    compatible boolean     NOT NULL,
                    applied_at timestamptz NOT NULL DEFAULT now()
                );"
            );
        }
        sqlx::raw_sql(AssertSqlSafe(missing)).execute(&mut *connection).await?;
        Ok(Self { connection, schema, table, transaction: known.try_get(2)? })
    }

    /// What has run before, by version.
    async fn applied(&mut self) -> Result<BTreeMap<i64, Applied>, MigrationError> {
        let select = format!("SELECT version, name, checksum, compatible FROM {}", self.table);
        let mut applied = BTreeMap::new();
        for row in sqlx::query(AssertSqlSafe(select)).fetch_all(&mut *self.connection).await? {
            let version = row.try_get::<i64, _>(0)?;
            let known = Applied {
                version: u32::try_from(version).unwrap_or(u32::MAX),
                name: row.try_get(1)?,
                checksum: row.try_get(2)?,
                compatible: row.try_get(3)?,
            };
            applied.insert(version, known);
        }
        Ok(applied)
    }

    /// Runs one migration and writes it down.
    async fn apply(&mut self, migration: &Migration) -> Result<(), MigrationError> {
        // Anew each time: the migration before may have set its own.
        let set_up = format!(
            "SET LOCAL search_path = {}; SET LOCAL statement_timeout = '10min'; SET LOCAL lock_timeout = '{}ms'",
            self.schema,
            LOCK.as_millis()
        );
        sqlx::raw_sql(AssertSqlSafe(set_up)).execute(&mut *self.connection).await?;
        let sql = AssertSqlSafe(migration.sql.clone());
        sqlx::raw_sql(sql)
            .execute(&mut *self.connection)
            .await
            .map_err(|source| failed(migration, source))?;
        let insert = format!(
            "INSERT INTO {} (version, name, checksum, compatible) SELECT $1, $2, $3, $4 WHERE txid_current() = $5",
            self.table
        );
        let written = sqlx::query(AssertSqlSafe(insert))
            .bind(i64::from(migration.version))
            .bind(&migration.name)
            .bind(checksum(migration))
            .bind(migration.compatible)
            .bind(self.transaction)
            .execute(&mut *self.connection)
            .await?;
        if written.rows_affected() == 0 {
            let Migration { version, name, .. } = migration.clone();
            return Err(MigrationError::EndsTransaction { version, name });
        }
        Ok(())
    }
}

/// The migrations that are new, if the others are as they were. What they know is taken out of `applied`.
fn not_yet_applied<'m>(
    migrations: Vec<&'m Migration>,
    applied: &mut BTreeMap<i64, Applied>,
) -> Result<Vec<&'m Migration>, MigrationError> {
    let last = applied.values().next_back().map_or(0, |applied| applied.version);
    let mut new = Vec::new();
    for migration in migrations {
        let (version, name) = (migration.version, migration.name.clone());
        match applied.remove(&i64::from(version)) {
            Some(before) if before.checksum == checksum(migration) => {}
            Some(_) => return Err(MigrationError::Changed { version, name }),
            None if version < last => return Err(MigrationError::Late { version, name, last }),
            None => new.push(migration),
        }
    }
    Ok(new)
}

/// SHA-256 of the migration's text, in hexadecimal.
fn checksum(migration: &Migration) -> String {
    hex(&sha256(&migration.sql))
}

/// What PostgreSQL has against a migration, and in which line of it.
fn failed(migration: &Migration, source: sqlx::Error) -> MigrationError {
    let Migration { version, name, sql, .. } = migration.clone();
    let message =
        match source.as_database_error().and_then(|error| error.try_downcast_ref::<PgDatabaseError>()) {
            Some(error) => {
                let line = match error.position() {
                    Some(PgErrorPosition::Original(position)) => {
                        let before = sql.chars().take(position.saturating_sub(1));
                        format!(" in line {}", 1 + before.filter(|character| *character == '\n').count())
                    }
                    _ => String::new(),
                };
                format!("{}{line} (SQLSTATE {})", error.message(), error.code())
            }
            None => source.to_string(),
        };
    MigrationError::Failed { version, name, message, source }
}
