//! One PostgreSQL for the whole run, removed at its end, and a database for each host.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use berth_private_postgres::{PrivatePostgres, PrivateSettings, Search};
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, PgConnection};
use tokio::sync::OnceCell;

use super::app::path;

/// The prefix of the names of runs' folders. The number of the process follows.
const FOLDER: &str = "berth-tests-";

/// The server. The kernel stops it when this process ends.
static CLUSTER: OnceCell<PrivatePostgres> = OnceCell::const_new();

/// The number of databases that were made.
static DATABASES: AtomicU32 = AtomicU32::new(0);

/// A database of one host. It is removed when it is dropped.
pub(crate) struct Database {
    /// The database's URL, with all rights.
    pub(crate) url: String,
    options: PgConnectOptions,
    name: String,
}

/// A new, empty database.
pub(crate) async fn new_database() -> Database {
    let cluster = CLUSTER.get_or_init(start).await;
    let name = format!("test_{}", DATABASES.fetch_add(1, Ordering::Relaxed));
    run(
        &cluster.options(),
        format!("CREATE DATABASE {name} TEMPLATE template0 STRATEGY file_copy"),
    )
    .await;
    let options = cluster.options().database(&name);
    let url = url_of(options.get_socket().unwrap(), options.get_username(), &name);
    Database { url, options, name }
}

/// The URL of a database of the server whose socket is in this folder.
pub(crate) fn url_of(socket: &Path, role: &str, name: &str) -> String {
    let socket: String = form_urlencoded::byte_serialize(socket.to_str().unwrap().as_bytes()).collect();
    format!("postgresql://{role}@localhost:5432/{name}?host={socket}")
}

impl Database {
    /// The folder of the server's socket.
    pub(crate) fn socket(&self) -> &Path {
        self.options.get_socket().unwrap()
    }

    /// The database's name.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The database's URL for a role with fewer rights.
    pub(crate) fn url_as(&self, role: &str) -> String {
        self.url.replacen(
            &format!("//{}@", self.options.get_username()),
            &format!("//{role}@"),
            1,
        )
    }

    /// A connection with all rights.
    pub(crate) async fn connect(&self) -> PgConnection {
        self.options.connect().await.unwrap()
    }
}

impl Database {
    /// Ends every session, and refuses new connections.
    pub(crate) async fn take_away(&self) {
        run(
            &self.maintenance(),
            format!("ALTER DATABASE {} ALLOW_CONNECTIONS false", self.name),
        )
        .await;
        self.end_sessions().await;
    }

    /// Ends every session, as serverless databases do when they are not used.
    pub(crate) async fn end_sessions(&self) {
        let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname";
        run(&self.maintenance(), format!("{end} = '{}'", self.name)).await;
    }

    /// Accepts connections again.
    pub(crate) async fn bring_back(&self) {
        run(
            &self.maintenance(),
            format!("ALTER DATABASE {} ALLOW_CONNECTIONS true", self.name),
        )
        .await;
    }

    fn maintenance(&self) -> PgConnectOptions {
        self.options.clone().database("postgres")
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let maintenance = self.maintenance();
        let statement = format!("DROP DATABASE {} WITH (FORCE)", self.name);
        // A test's own runtime cannot be waited for from within it.
        let remove = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(run(&maintenance, statement));
        });
        let _ = remove.join();
    }
}

async fn run(options: &PgConnectOptions, statement: String) {
    let mut connection = options.connect().await.unwrap();
    sqlx::raw_sql(AssertSqlSafe(statement))
        .execute(&mut connection)
        .await
        .unwrap();
}

async fn start() -> PrivatePostgres {
    remove_old();
    let folder = folder(std::process::id());
    fs::create_dir_all(&folder).unwrap();
    PrivatePostgres::start(&PrivateSettings {
        data_directory: folder,
        binaries: Search {
            path: path().map(|(_, path)| path),
            tools: Vec::new(),
        },
        durable: false,
        max_connections: 400,
    })
    .await
    .unwrap()
}

/// The folder of a run's data, which PostgreSQL's user can reach too.
fn folder(process: u32) -> PathBuf {
    std::env::temp_dir().join(format!("{FOLDER}{process}"))
}

/// Removes the folders of earlier runs, because a process cannot remove its own folder after its end.
fn remove_old() {
    for entry in fs::read_dir(std::env::temp_dir()).unwrap().flatten() {
        let name = entry.file_name();
        let process = name.to_str().and_then(|name| name.strip_prefix(FOLDER));
        if process.is_some_and(|process| !Path::new("/proc").join(process).exists()) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}
