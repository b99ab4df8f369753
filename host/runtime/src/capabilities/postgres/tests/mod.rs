//! The host functions on a real PostgreSQL, without any component.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod json;
mod limits;
mod round_trip;
mod server;
mod sessions;
mod transactions;

use std::time::Duration;

use berth_database::{Backends, Pool, PoolSettings, SessionPool};
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, Connection as _};
use wasmtime::component::{Resource, ResourceTable};

use super::bindings::{self, DatabaseError, Host, HostTransaction, JsonRows, Rows, Value};
use super::{Context, Error};
use crate::capabilities::{Scope, Services};
use crate::limits::Limits;
use crate::request::RequestContext;
use crate::settings::Settings;

/// A guest with a database of its own. There is a single connection, so that every statement meets any
/// traces of an earlier statement.
struct Guest {
    database: PgConnectOptions,
    pool: SessionPool,
    context: Context,
    table: ResourceTable,
}

/// The result type of the interface's functions.
type Answer<T> = Result<T, bindings::Error>;

impl Guest {
    async fn start() -> Self {
        Self::start_with(settings()).await
    }

    async fn start_with(settings: PoolSettings) -> Self {
        let database = server::new_database().await;
        let host = Pool::new(database.clone(), self::settings());
        let pool = SessionPool::new(database.clone(), settings, Backends::new(host), None);
        let context = context(&pool, 1_000, 10 * 1024 * 1024);
        Self {
            database,
            pool,
            context,
            table: ResourceTable::new(),
        }
    }

    /// The next request, with limits of its own.
    fn next_request(&mut self, rows: u32, bytes: u64) {
        self.table = ResourceTable::new();
        self.context = context(&self.pool, rows, bytes);
    }

    /// A connection beside the guest's.
    async fn other_connection(&self) -> PgConnection {
        PgConnection::connect_with(&self.database).await.unwrap()
    }

    async fn query(&mut self, statement: &str, params: Vec<Value>) -> Answer<Rows> {
        let mut view = self.context.view(&mut self.table);
        Host::query(&mut view, statement.to_owned(), params)
            .await
            .map_err(answer)
    }

    async fn query_json(&mut self, statement: &str, params: Vec<Value>) -> Answer<JsonRows> {
        let mut view = self.context.view(&mut self.table);
        Host::query_json(&mut view, statement.to_owned(), params)
            .await
            .map_err(answer)
    }

    async fn execute(&mut self, statement: &str, params: Vec<Value>) -> Answer<u64> {
        let mut view = self.context.view(&mut self.table);
        Host::execute(&mut view, statement.to_owned(), params)
            .await
            .map_err(answer)
    }

    async fn begin(&mut self) -> Answer<Handle> {
        let mut view = self.context.view(&mut self.table);
        view.begin()
            .await
            .map(|transaction| Handle(transaction.rep()))
            .map_err(answer)
    }

    async fn query_in(&mut self, handle: Handle, statement: &str) -> Answer<Rows> {
        let mut view = self.context.view(&mut self.table);
        let transaction = Resource::new_borrow(handle.0);
        HostTransaction::query(&mut view, transaction, statement.to_owned(), Vec::new())
            .await
            .map_err(answer)
    }

    async fn execute_in(&mut self, handle: Handle, statement: &str) -> Answer<u64> {
        let mut view = self.context.view(&mut self.table);
        let transaction = Resource::new_borrow(handle.0);
        HostTransaction::execute(&mut view, transaction, statement.to_owned(), Vec::new())
            .await
            .map_err(answer)
    }

    async fn commit(&mut self, handle: Handle) -> Answer<()> {
        let mut view = self.context.view(&mut self.table);
        view.commit(Resource::new_own(handle.0)).await.map_err(answer)
    }

    async fn roll_back(&mut self, handle: Handle) -> Answer<()> {
        let mut view = self.context.view(&mut self.table);
        view.rollback(Resource::new_own(handle.0)).await.map_err(answer)
    }

    async fn drop_transaction(&mut self, handle: Handle) {
        let mut view = self.context.view(&mut self.table);
        HostTransaction::drop(&mut view, Resource::new_own(handle.0))
            .await
            .unwrap();
    }

    /// The only value of a statement without parameters.
    async fn value(&mut self, statement: &str) -> Value {
        let mut rows = self.query(statement, Vec::new()).await.unwrap();
        assert_eq!(rows.values.len(), 1, "{statement}");
        rows.values.remove(0)
    }

    /// The server process behind the connection.
    async fn process(&mut self) -> Value {
        self.value("SELECT pg_backend_pid()").await
    }
}

/// The context of a request whose results have these limits.
fn context(pool: &SessionPool, rows: u32, result: u64) -> Context {
    let services = Services {
        database: Some(pool.clone()),
        ..Services::default()
    };
    Context::new(&Scope {
        request: &RequestContext::for_tests("tested", None),
        limits: &Limits {
            rows,
            result,
            ..Limits::default()
        },
        config: &Settings::default(),
        services: &services,
    })
}

/// A guest's handle of a transaction.
#[derive(Clone, Copy)]
struct Handle(u32);

fn settings() -> PoolSettings {
    PoolSettings {
        max_connections: 1,
        queue_timeout: Duration::from_secs(30),
        connect_timeout: Duration::from_secs(30),
        statement_timeout: Duration::from_secs(30),
        search_path: None,
        claims: None,
    }
}

fn answer(error: Error) -> bindings::Error {
    error.try_into().unwrap()
}

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

/// The SQLSTATE of a refusal.
fn sqlstate<T: std::fmt::Debug>(answer: Answer<T>) -> String {
    refusal(answer).sqlstate
}

fn refusal<T: std::fmt::Debug>(answer: Answer<T>) -> DatabaseError {
    match answer {
        Err(bindings::Error::Database(error)) => error,
        other => panic!("not a refusal: {other:?}"),
    }
}

/// The unsupported type, as text.
fn unsupported<T: std::fmt::Debug>(answer: Answer<T>) -> String {
    match answer {
        Err(bindings::Error::Unsupported(reason)) => reason,
        other => panic!("it crossed: {other:?}"),
    }
}

async fn run(connection: &mut PgConnection, sql: &str) {
    sqlx::raw_sql(AssertSqlSafe(sql))
        .execute(connection)
        .await
        .unwrap();
}
