//! One PostgreSQL for the whole run, and a database of its own for each test.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::{env, fs, process};

use berth_database::host_tables;
use berth_private_postgres::{PrivatePostgres, PrivateSettings};
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, Connection as _};
use tokio::sync::OnceCell;

/// Prefix of the folders of test runs, followed by the process identifier.
const FOLDER: &str = "berth-postgres-tests-";

/// The server. The kernel stops it when this process ends.
static SERVER: OnceCell<PrivatePostgres> = OnceCell::const_new();

/// How many databases were made.
static DATABASES: AtomicU32 = AtomicU32::new(0);

/// How to connect to a new database that has the host's tables only, with all rights.
pub(super) async fn new_database() -> PgConnectOptions {
    let options = SERVER.get_or_init(start).await.options();
    let name = format!("test_{}", DATABASES.fetch_add(1, Ordering::Relaxed));
    let statement = format!("CREATE DATABASE {name} TEMPLATE template0 STRATEGY file_copy");
    let mut connection = PgConnection::connect_with(&options).await.unwrap();
    sqlx::raw_sql(AssertSqlSafe(statement))
        .execute(&mut connection)
        .await
        .unwrap();
    let database = options.database(&name);
    host_tables::prepare(&database).await.unwrap();
    database
}

async fn start() -> PrivatePostgres {
    remove_old();
    let folder = folder(process::id());
    fs::create_dir_all(&folder).unwrap();
    PrivatePostgres::start(&PrivateSettings::for_tests(&folder))
        .await
        .unwrap()
}

/// Where a run keeps its data: where PostgreSQL's user can reach them too.
fn folder(process: u32) -> PathBuf {
    env::temp_dir().join(format!("{FOLDER}{process}"))
}

/// Removes the folders of earlier runs, which cannot clean up after their own end.
fn remove_old() {
    for entry in fs::read_dir(env::temp_dir()).unwrap().flatten() {
        let name = entry.file_name();
        let process = name.to_str().and_then(|name| name.strip_prefix(FOLDER));
        if process.is_some_and(|process| !Path::new("/proc").join(process).exists()) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}
