//! Rows that belong to users: a hostile component sends SQL, and sees and changes no row of another user.
#![expect(clippy::unwrap_used, reason = "a failing test is meant to panic")]

use berth_database::{
    Backends, ComponentDatabase, IsolationError, Migrating, Migration, MigrationError, Pool, PoolSettings,
    RowOwnership, RowRules, Server, SessionPool, component_database, host_tables,
};
use berth_private_postgres::PrivatePostgres;

use crate::guest::{Refused, Text, statement};
use crate::support::{DataDirectory, connect, pool_settings, run, text};

/// The longest message of the server, in bytes.
const LIMIT: u64 = 1024 * 1024;

const TABLES: &str = "
    CREATE TABLE tasks (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, user_id text NOT NULL, title text NOT NULL UNIQUE,
        UNIQUE (user_id, id)
    );
    CREATE TABLE notes (
        id serial PRIMARY KEY, user_id varchar(100) NOT NULL, task bigint NOT NULL, body text,
        FOREIGN KEY (user_id, task) REFERENCES tasks (user_id, id) ON DELETE CASCADE
    );
    CREATE TABLE templates (id int PRIMARY KEY, title text);
    CREATE VIEW titles AS SELECT id, user_id, title FROM tasks;
    CREATE FUNCTION all_titles() RETURNS SETOF text LANGUAGE sql AS 'SELECT title FROM tasks';
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
    options: sqlx::postgres::PgConnectOptions,
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

    async fn migrate(&self, migrations: &[&str]) -> Result<Migrating, MigrationError> {
        let migrations: Vec<_> = (1..)
            .zip(migrations)
            .map(|(version, sql)| Migration::new(version, "a migration", *sql))
            .collect();
        Migrating::begin(&self.database(&rules()).await, &self.backends, &migrations).await
    }

    /// Brings the tables up to date, and returns a pool with one session.
    async fn requests(&self) -> SessionPool {
        self.migrate(&[TABLES]).await.unwrap().commit().await.unwrap();
        let database = self.database(&rules()).await;
        let settings = PoolSettings {
            search_path: Some(database.schema),
            claims: database.rows.map(|rows| rows.key),
            ..pool_settings(1)
        };
        SessionPool::new(database.server, settings, self.backends.clone(), None)
    }
}

/// The SQLSTATE of a refusal, or the last value of the result.
async fn outcome(pool: &SessionPool, caller: Option<&str>, sql: &str) -> Result<Option<String>, String> {
    let mut session = pool.acquire(LIMIT, None, caller).await.unwrap();
    let mut text = Text::default();
    match session.run(&statement(sql), &mut text).await {
        Ok(_) => Ok(text.0),
        Err(Refused::Postgres(error)) => Err(error.code().unwrap_or("connection").to_owned()),
        Err(Refused::Session(error)) => panic!("{sql}: {error}"),
    }
}

/// The only value of a query, as text.
async fn value(pool: &SessionPool, caller: &str, sql: &str) -> String {
    let sql = format!("SELECT ({sql})::text");
    outcome(pool, Some(caller), &sql)
        .await
        .unwrap()
        .unwrap_or_default()
}

#[tokio::test]
async fn each_caller_has_the_rows_of_its_own() {
    let host = Host::start().await;
    let pool = host.requests().await;
    let titles = "SELECT string_agg(title, ', ' ORDER BY id) FROM tasks";
    for caller in ["ann", "bob", "ann"] {
        assert_eq!(value(&pool, caller, titles).await, format!("secret of {caller}"));
    }
    assert_eq!(value(&pool, "carol", "SELECT count(*) FROM tasks").await, "0");
    assert_eq!(
        outcome(&pool, None, "SELECT count(*)::text FROM tasks").await,
        Ok(Some("0".to_owned()))
    );
    // The owner of a new row is the caller, and nobody else.
    let insert = "INSERT INTO tasks (title) VALUES ('new') RETURNING user_id";
    assert_eq!(
        outcome(&pool, Some("carol"), insert).await,
        Ok(Some("carol".to_owned()))
    );
    let for_ann = "INSERT INTO tasks (user_id, title) VALUES ('ann', 'forged') RETURNING user_id";
    assert_eq!(
        outcome(&pool, Some("carol"), for_ann).await,
        Err("42501".to_owned())
    );
    let to_ann = "UPDATE tasks SET user_id = 'ann'";
    assert_eq!(
        outcome(&pool, Some("carol"), to_ann).await,
        Err("42501".to_owned())
    );
    assert_eq!(value(&pool, "bob", "SELECT count(*) FROM templates").await, "1");
    assert_eq!(
        value(&pool, "bob", "SELECT string_agg(title, ',') FROM titles").await,
        "secret of bob"
    );
    assert_eq!(
        value(&pool, "bob", "SELECT string_agg(t, ',') FROM all_titles() AS t").await,
        "secret of bob"
    );
    let plan = "EXPLAIN (FORMAT JSON) SELECT * FROM tasks WHERE user_id = 'ann' AND id = 1";
    assert!(outcome(&pool, Some("ann"), plan).await.is_ok());
}
