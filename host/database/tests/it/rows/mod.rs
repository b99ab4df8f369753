//! Rows that belong to users: a hostile component sends SQL, and sees and changes no row of another user.
//!
//! - `callers`: what each caller sees
//! - `statements`: statements of a hostile component
//! - `migrations`: migrations of a hostile component
//! - `requests`: the requests of a hostile component, which an end-to-end test sends as well
//! - `random`: random statements of two users
#![expect(clippy::unwrap_used, reason = "a failing test is meant to panic")]

mod callers;
mod migrations;
mod random;
#[path = "../../../../../tests/postgres/rows/requests.rs"]
mod requests;
mod statements;

use std::borrow::Cow;
use std::fmt::Write as _;

use berth_database::{
    Backends, Collect, ComponentDatabase, Effect, Migrating, Migration, MigrationError, Pool, PoolSettings,
    RowOwnership, RowRules, Server, Session, SessionPool, Statement, component_database, host_tables,
};
use berth_postgres::{Column, Rows};
use berth_private_postgres::PrivatePostgres;
use sqlx::postgres::{PgConnectOptions, PgConnection};

use self::requests::TABLES;
use crate::guest::{Refused, statement};
use crate::support::{DataDirectory, connect, pool_settings, run};

/// The longest message of the server, in bytes.
const LIMIT: u64 = 1024 * 1024;

/// The rows of two users, and a shared one.
const ROWS: &str = "
    INSERT INTO tasks (user_id, title) VALUES ('ann', 'secret of ann'), ('bob', 'secret of bob');
    INSERT INTO notes (user_id, task, body) SELECT user_id, id, title FROM tasks;
    INSERT INTO templates VALUES (1, 'shared');";

fn rules() -> RowRules {
    RowRules {
        owner: "user_id".to_owned(),
        shared: ["templates".to_owned()].into(),
        temporary_tables: false,
    }
}

/// A host with a component whose rows have owners.
struct Host {
    options: PgConnectOptions,
    server: Server,
    pool: Pool,
    backends: Backends,
    _postgres: PrivatePostgres,
    _directory: DataDirectory,
}

impl Host {
    async fn start() -> Self {
        let directory = DataDirectory::new();
        let postgres = directory.start().await;
        let options = postgres.options();
        host_tables::prepare(&options).await.unwrap();
        let pool = Pool::new(options.clone(), pool_settings(4));
        Self {
            server: options.clone().into(),
            backends: Backends::new(pool.clone()),
            pool,
            options,
            _postgres: postgres,
            _directory: directory,
        }
    }

    async fn database(&self, rules: &RowRules) -> ComponentDatabase {
        let rows = RowOwnership {
            rules,
            sees_all_rows: true,
        };
        component_database(&self.pool, &self.server, "todo", 2, Some(rows))
            .await
            .unwrap()
    }

    /// A connection of the host, which is the server's superuser.
    async fn superuser(&self) -> PgConnection {
        connect(&self.options).await
    }

    /// Runs migrations, the first of which has version 1.
    async fn migrate(&self, migrations: &[&str]) -> Result<Migrating, MigrationError> {
        let migrations: Vec<_> = (1..)
            .zip(migrations)
            .map(|(version, sql)| Migration::new(version, "a migration", *sql))
            .collect();
        Migrating::begin(&self.database(&rules()).await, &self.backends, &migrations).await
    }

    /// Makes the tables, and returns a pool of the requests' role with one session.
    async fn requests(&self) -> SessionPool {
        self.requests_on(ROWS).await
    }

    /// As [`Self::requests`], on other rows.
    async fn requests_on(&self, rows: &str) -> SessionPool {
        self.migrate(&[TABLES]).await.unwrap().commit().await.unwrap();
        run(
            &mut self.superuser().await,
            &format!("SET search_path = todo; {rows}"),
        )
        .await;
        self.pool(1).await
    }

    /// A pool of the requests' role.
    async fn pool(&self, sessions: usize) -> SessionPool {
        let database = self.database(&rules()).await;
        let settings = PoolSettings {
            search_path: Some(database.schema),
            claims: database.rows.map(|rows| rows.key),
            queue_timeout: std::time::Duration::from_secs(30),
            ..pool_settings(sessions)
        };
        SessionPool::new(database.server, settings, self.backends.clone(), None)
    }
}

/// Everything that a statement tells its component: the fields of every row, and the texts of an error.
#[derive(Debug, Default)]
struct Told(String);

impl Collect for Told {
    fn begin(&mut self, _: &[Column]) -> Result<(), Refused> {
        self.0.clear();
        Ok(())
    }
}

impl Rows for Told {
    type Error = Refused;

    fn admit(&mut self, _: usize, _: usize) -> Result<(), Refused> {
        Ok(())
    }

    fn field(&mut self, _: usize, value: Option<Cow<'_, [u8]>>) -> Result<(), Refused> {
        let _ = write!(self.0, "{} ", String::from_utf8_lossy(&value.unwrap_or_default()));
        Ok(())
    }
}

/// A statement by its text alone. The first word decides as it does in `berth_runtime`.
fn guest_statement(sql: &str) -> Statement {
    let word = sql.split_whitespace().next().unwrap_or_default().to_lowercase();
    Statement {
        needs_caller: !["set", "reset", "discard", "deallocate"].contains(&&*word),
        effect: match &*word {
            "prepare" => Effect::Prepares,
            "select" | "insert" | "update" | "delete" => Effect::None,
            _ => Effect::Unknown,
        },
        ..statement(sql)
    }
}

async fn acquire(pool: &SessionPool, caller: Option<&str>) -> Session {
    pool.acquire(LIMIT, None, caller).await.unwrap()
}

/// Everything that a statement tells; the first five bytes of an error are its SQLSTATE.
async fn tell(session: &mut Session, sql: &str) -> Result<String, String> {
    let mut told = Told::default();
    match session.run(&guest_statement(sql), &mut told).await {
        Ok(_) => Ok(told.0.trim_end().to_owned()),
        Err(Refused::Postgres(error)) => {
            let code = error.code().unwrap_or("-----").to_owned();
            let texts = error
                .server()
                .map(|refusal| format!("{} {:?}", refusal.message, refusal.detail));
            Err(format!("{code} {} {}", texts.unwrap_or_default(), told.0))
        }
        Err(Refused::Session(error)) => Err(format!("----- {error}")),
    }
}

/// Everything that one statement of a request of `caller` tells.
async fn ask(pool: &SessionPool, caller: &str, sql: &str) -> Result<String, String> {
    tell(&mut acquire(pool, Some(caller)).await, sql).await
}
