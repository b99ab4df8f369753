//! Rows that belong to users: two accounts, and a component that sends any SQL. PostgreSQL shows each request the rows of
//! its caller.
//!
//! - `callers`: whose rows a request has
//! - `hostile`, `requests`: some ninety requests that try to get at another user's rows
//! - `sessions`: requests of two users on one session
//! - `pooler`: requests of two users behind a pooler
//! - `migrations`: tables that are protected or refused, and a manifest that gains and loses `rows`

mod callers;
mod hostile;
mod migrations;
mod pooler;
mod requests;
mod sessions;

use std::fs;
use std::path::Path;

use serde_json::json;
use tempfile::TempDir;

use crate::support::app::{Host, ROOT};
use crate::support::versions::with_settings;
use crate::support::{App, Component, Send as _, User};

/// The first migration.
const TABLES: &str = "
    CREATE TABLE tasks (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, user_id text NOT NULL, title text NOT NULL, UNIQUE (user_id, id)
    );
    CREATE TABLE templates (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, title text NOT NULL)";

const ROWS: &str = r#"rows = { owner = "user_id", shared = ["templates"] }"#;

const TITLES: &str = "SELECT title FROM tasks ORDER BY title";
const COUNT: &str = "SELECT count(*) AS n FROM tasks";

/// A fixture's wasm.
fn fixture(path: &str) -> Vec<u8> {
    let path = Path::new(ROOT).join(path);
    fs::read(&path).unwrap_or_else(|_| panic!("{} is not built: run `cargo xtask test`", path.display()))
}

/// The fixture `rows` with these migrations.
fn version(migrations: &[&str]) -> Vec<u8> {
    const MARK: &[u8] = b"MIGRATIONS OF THE FIXTURE:";
    const LENGTH: usize = 4096;
    with_settings(
        "tests/fixtures/rows.wasm",
        MARK,
        LENGTH,
        &migrations.join("\n--\n"),
    )
}

/// The component `todo`: the fixture `rows` with its first migration, without `rows` in the manifest.
fn plain_todo(folder: &Path) -> Component {
    let file = folder.join("todo.wasm");
    fs::write(&file, version(&[TABLES])).unwrap();
    Component::from_file("todo", &file)
        .at("/todo")
        .granted(&["identity", "postgres"])
}

/// A host, and its two users.
struct Todo {
    app: App,
    ann: String,
    bob: String,
    files: TempDir,
}

impl Todo {
    /// A host with the component `todo` alone.
    async fn start(manifest: impl FnOnce(Component) -> Component) -> Self {
        let files = tempfile::tempdir().unwrap();
        let todo = manifest(plain_todo(files.path()));
        Self::serving([todo], files).await
    }

    /// A host whose rows have owners, with a row of each user.
    async fn with_rows() -> Self {
        let todo = Self::start(|todo| todo.saying(ROWS).limited("time", "2s")).await;
        for (user, title) in [(todo.ann(), "secret of ann"), (todo.bob(), "secret of bob")] {
            let insert = format!("INSERT INTO tasks (title) VALUES ('{title}')");
            assert_eq!(execute(&user, &insert).await, "1");
        }
        todo
    }

    async fn serving(components: impl IntoIterator<Item = Component>, files: TempDir) -> Self {
        let app = App::serving(components).start().await;
        let (ann, bob) = (
            register(&app, "ann@example.com").await,
            register(&app, "bob@example.com").await,
        );
        Self { app, ann, bob, files }
    }

    fn ann(&self) -> User<'_> {
        User::new(&self.app, self.ann.clone())
    }

    fn bob(&self) -> User<'_> {
        User::new(&self.app, self.bob.clone())
    }

    /// Each user sees their own row, and nothing else.
    async fn assert_apart(&self, after: &str) {
        for (user, own) in [(self.ann(), "secret of ann"), (self.bob(), "secret of bob")] {
            assert_eq!(
                titles(&user).await,
                json!([{ "title": own }]).to_string(),
                "{after}"
            );
        }
    }
}

/// Makes an account, and returns its token.
async fn register(host: &Host, email: &str) -> String {
    let account = json!({ "email": email, "password": "correct horse" });
    let answer = host.post("/auth/register").json(&account).answer().await;
    let token = &answer.expect(201).json()["access_token"];
    token.as_str().unwrap().to_owned()
}

/// A user's subject.
async fn subject(user: &User<'_>) -> String {
    let me = user.get("/users/me").await.expect(200).json();
    me["id"].to_string().trim_matches('"').to_owned()
}

async fn run(user: &User<'_>, path: &str, statement: &str) -> String {
    let request = user.request("GET", path).query(&[("sql", statement)]);
    request.answer().await.expect(200).text()
}

/// The result of a statement as JSON, or the SQLSTATE.
async fn query(user: &User<'_>, statement: &str) -> String {
    run(user, "/todo/query", statement).await
}

/// The number of rows, or the SQLSTATE.
async fn execute(user: &User<'_>, statement: &str) -> String {
    run(user, "/todo/execute", statement).await
}

async fn titles(user: &User<'_>) -> String {
    query(user, TITLES).await
}

/// The outcome of each statement of a transaction.
async fn steps(user: &User<'_>, end: &str, statements: &[&str]) -> Vec<String> {
    let statements: Vec<_> = statements.iter().map(|statement| ("sql", *statement)).collect();
    let request = user
        .request("GET", "/todo/steps")
        .query(&[("end", end)])
        .query(&statements);
    let text = request.answer().await.expect(200).text();
    text.lines().map(str::to_owned).collect()
}

/// The process of the session that serves a user's requests: one after another, they share a session.
async fn backend(user: &User<'_>) -> String {
    query(user, "SELECT pg_backend_pid() AS pid").await
}
