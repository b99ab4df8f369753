//! The routes that `cargo xtask bench` measures, without any sandbox: plain axum and sqlx, on the same pool, the same
//! allocator and the same table, with the same check of the same tokens.
//!
//! - [`token`]: who asks
//! - [`task`]: what a task is, in PostgreSQL and as JSON
//! - [`store`]: the todo component's own statements
//! - [`timestamp`]: PostgreSQL's `timestamptz`
//! - this file: the routes
//!
//! It is as short as a service of its kind can be, so that nobody can say it was made slow.

mod store;
mod task;
mod timestamp;
mod token;

use std::env;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use anyhow::Context;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::serve::ListenerExt as _;
use axum::{Json, Router};
use berth_database::{Pool, PoolSettings};
use http::StatusCode;

use crate::task::NewTask;
use crate::token::{Caller, Verifier};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The schema of the component `todo`: both servers have one table.
const SCHEMA: &str = "todo";

/// As many as Berth gives to each component.
const CONNECTIONS: usize = 16;

/// The state that all requests share.
#[derive(Clone)]
struct App {
    pool: Pool,
    verifier: Verifier,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let app = App {
        pool: pool()?,
        verifier: Verifier::new(variable("JWT_SECRET")?.as_bytes()),
    };
    let routes = Router::new()
        .route("/hello", get(hello))
        .route("/api/tasks", get(list).post(create))
        .route("/api/tasks/{id}", get(read))
        .with_state(app);
    let port = variable("PORT")?.parse().context("PORT is no port")?;
    let listener = tokio::net::TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).await?;
    // As in Berth: what is small is sent at once.
    let listener = listener.tap_io(|socket| _ = socket.set_nodelay(true));
    axum::serve(listener, routes).await?;
    Ok(())
}

fn pool() -> anyhow::Result<Pool> {
    let server = berth_database::url::parse(&variable("DATABASE_URL")?)?;
    let settings = PoolSettings {
        max_connections: CONNECTIONS,
        queue_timeout: Duration::from_secs(5),
        connect_timeout: Duration::from_secs(5),
        statement_timeout: Duration::from_secs(10),
        search_path: Some(SCHEMA.to_owned()),
        claims: None,
    };
    Ok(Pool::new(server, settings))
}

fn variable(name: &str) -> anyhow::Result<String> {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is no host; the bench starts it with its variables"
    )]
    env::var(name).with_context(|| format!("{name} is not set: `cargo xtask bench` starts this program"))
}

/// The response of the component that Berth is measured with.
async fn hello() -> &'static str {
    "hello, request 1"
}

async fn list(State(app): State<App>, caller: Caller) -> Result<Response, Failure> {
    let tasks = store::list(&mut *app.pool.acquire().await?, &caller.subject).await?;
    Ok(([("x-total-count", tasks.len().to_string())], Json(tasks)).into_response())
}

async fn read(State(app): State<App>, caller: Caller, Path(id): Path<i64>) -> Result<Response, Failure> {
    let task = store::read(&mut *app.pool.acquire().await?, &caller.subject, id).await?;
    Ok(task.map_or_else(
        || StatusCode::NOT_FOUND.into_response(),
        |task| Json(task).into_response(),
    ))
}

async fn create(
    State(app): State<App>,
    caller: Caller,
    Json(task): Json<NewTask>,
) -> Result<Response, Failure> {
    let task = store::create(&mut *app.pool.acquire().await?, &caller.subject, task).await?;
    Ok((StatusCode::CREATED, Json(task)).into_response())
}

/// Whatever goes wrong is 500: the bench counts it as failed.
struct Failure(anyhow::Error);

impl<E: Into<anyhow::Error>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        (StatusCode::INTERNAL_SERVER_ERROR, format!("{:#}", self.0)).into_response()
    }
}
