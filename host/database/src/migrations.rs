//! Bringing a schema's tables up to date: each migration once, in order, all of the new ones or none.
//!
//! What ran is written down in the table `berth_migrations` of the schema itself, in the same transaction. A database
//! that knows more migrations than it is given is left alone: an older version of a component may be back.

use std::collections::HashMap;
use std::fmt::Write;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgConnection, PgDatabaseError, PgErrorPosition};
use sqlx::{AssertSqlSafe, Connection, Row};

use crate::connect::connect_when_ready;
use crate::hash::{hex, sha256};
use crate::lock;
use crate::sql::quote_identifier;

/// How long a server may take to wake up.
const PATIENCE: Duration = Duration::from_secs(30);

/// A step in the life of a schema.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Migration {
    /// Its place in the order; from 1, with gaps where one likes.
    pub version: u32,
    /// What it does, in a few words.
    pub name: String,
    /// One or more statements, without `BEGIN` and `COMMIT`.
    pub sql: String,
}

impl Migration {
    /// A migration.
    pub fn new(version: u32, name: impl Into<String>, sql: impl Into<String>) -> Self {
        Self { version, name: name.into(), sql: sql.into() }
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

/// Runs the migrations that have not run yet, with the rights of the role in `options`, in `schema`, which is made
/// where it is missing. Returns the versions that ran.
///
/// The connection is its own and closed afterwards, whatever a migration did to its session.
///
/// # Errors
///
/// See [`MigrationError`].
pub async fn migrate(
    options: &PgConnectOptions,
    schema: &str,
    migrations: &[Migration],
) -> Result<Vec<u32>, MigrationError> {
    let migrations = in_order(migrations)?;
    let mut connection = connect_when_ready(options, PATIENCE).await?;
    let mut transaction = connection.begin().await?;
    lock::lock(&mut transaction, &format!("migrations of {schema}")).await.map_err(|error| {
        if lock::is_held(&error) {
            MigrationError::Locked { schema: schema.to_owned() }
        } else {
            error.into()
        }
    })?;
    let mut run = Run::begin(&mut transaction, schema).await?;
    let new = run.not_yet_applied(migrations).await?;
    for migration in &new {
        run.apply(migration).await?;
    }
    transaction.commit().await?;
    connection.close().await?;
    Ok(new.iter().map(|migration| migration.version).collect())
}

/// The migrations by version, once that is known to be an order.
fn in_order(migrations: &[Migration]) -> Result<Vec<&Migration>, MigrationError> {
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
                    applied_at timestamptz NOT NULL DEFAULT now()
                );"
            );
        }
        sqlx::raw_sql(AssertSqlSafe(missing)).execute(&mut *connection).await?;
        Ok(Self { connection, schema, table, transaction: known.try_get(2)? })
    }

    /// The migrations that are new, if the others are as they were.
    async fn not_yet_applied<'m>(
        &mut self,
        migrations: Vec<&'m Migration>,
    ) -> Result<Vec<&'m Migration>, MigrationError> {
        let select = format!("SELECT version, checksum FROM {}", self.table);
        let mut applied = HashMap::new();
        for row in sqlx::query(AssertSqlSafe(select)).fetch_all(&mut *self.connection).await? {
            applied.insert(row.try_get::<i64, _>(0)?, row.try_get::<String, _>(1)?);
        }
        let last = applied.keys().max().and_then(|last| u32::try_from(*last).ok()).unwrap_or(0);
        let mut new = Vec::new();
        for migration in migrations {
            let Migration { version, name, .. } = migration.clone();
            match applied.get(&i64::from(version)) {
                Some(before) if *before == checksum(migration) => {}
                Some(_) => return Err(MigrationError::Changed { version, name }),
                None if version < last => return Err(MigrationError::Late { version, name, last }),
                None => new.push(migration),
            }
        }
        Ok(new)
    }

    /// Runs one migration and writes it down.
    async fn apply(&mut self, migration: &Migration) -> Result<(), MigrationError> {
        // Anew each time: the migration before may have set its own.
        let set_up =
            format!("SET LOCAL search_path = {}; SET LOCAL statement_timeout = '10min'", self.schema);
        sqlx::raw_sql(AssertSqlSafe(set_up)).execute(&mut *self.connection).await?;
        let sql = AssertSqlSafe(migration.sql.clone());
        sqlx::raw_sql(sql)
            .execute(&mut *self.connection)
            .await
            .map_err(|source| failed(migration, source))?;
        let insert = format!(
            "INSERT INTO {} (version, name, checksum) SELECT $1, $2, $3 WHERE txid_current() = $4",
            self.table
        );
        let written = sqlx::query(AssertSqlSafe(insert))
            .bind(i64::from(migration.version))
            .bind(&migration.name)
            .bind(checksum(migration))
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

/// SHA-256 of the migration's text, in hexadecimal.
fn checksum(migration: &Migration) -> String {
    hex(&sha256(&migration.sql))
}

/// What PostgreSQL has against a migration, and in which line of it.
fn failed(migration: &Migration, source: sqlx::Error) -> MigrationError {
    let Migration { version, name, sql } = migration.clone();
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
