//! A running host: the real binary on a port of its own, with a database of its own.
//!
//! ```ignore
//! let app = App::start().await;                                        // what berth.toml says
//! let app = App::with("ANONYMOUS_USER", "guest").start().await;        // with a variable
//! let app = App::serving([Component::new("hello").at("/")]).start().await;  // fixtures instead
//! ```

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::ops::{Deref, DerefMut};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;

use super::cluster::{self, Database};
use super::components::{Component, manifest};
use super::http::client;
use super::operator::ADMIN_TOKEN;
use super::postgres::free_port;
use super::process::{self, Process};
use super::tokens;
use super::user::User;

/// The project's root, from which the host is started.
pub(crate) const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// The directory in which hosts of every run keep compiled components: compiling one takes seconds in a development
/// build.
pub(crate) const DATA: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/berth-data");

/// A running host. It is killed when it is dropped.
pub(crate) struct Host {
    /// The host's process.
    pub(crate) process: Process,
    /// The address on which the host serves.
    pub(crate) address: SocketAddr,
    client: reqwest::Client,
    _files: Option<TempDir>,
}

/// A running host on a database of its own. When it is dropped, the host is killed and the database removed.
pub(crate) struct App {
    host: Host,
    /// The host's database.
    pub(crate) database: Arc<Database>,
}

/// A host that is about to start.
#[derive(Clone)]
pub(crate) struct AppBuilder {
    variables: BTreeMap<String, String>,
    manifest: Option<String>,
    options: Vec<&'static str>,
}

impl App {
    /// A host as the project's own `berth.toml` describes it.
    pub(crate) async fn start() -> Self {
        Self::here().start().await
    }

    /// Like [`App::start`], but returns the host before it starts.
    pub(crate) fn here() -> AppBuilder {
        AppBuilder::new()
    }

    /// Like [`App::here`], with a variable of the environment.
    pub(crate) fn with(variable: &str, value: impl Into<String>) -> AppBuilder {
        AppBuilder::new().with(variable, value)
    }

    /// A host with other components.
    pub(crate) fn serving(components: impl IntoIterator<Item = Component>) -> AppBuilder {
        AppBuilder {
            manifest: Some(manifest(components)),
            ..AppBuilder::new()
        }
    }
}

impl Deref for App {
    type Target = Host;

    fn deref(&self) -> &Host {
        &self.host
    }
}

impl DerefMut for App {
    fn deref_mut(&mut self) -> &mut Host {
        &mut self.host
    }
}

impl Host {
    /// A user whose token another issuer signed: it has no account, only a `sub`.
    pub(crate) fn user(&self, subject: &str) -> User<'_> {
        User::new(self, tokens::for_subject(subject))
    }

    /// The URL of a path.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// A request without a token.
    pub(crate) fn request(&self, method: &str, path: &str) -> reqwest::RequestBuilder {
        self.client.request(method.parse().unwrap(), self.url(path))
    }

    /// A GET without a token.
    pub(crate) fn get(&self, path: &str) -> reqwest::RequestBuilder {
        self.request("GET", path)
    }

    /// A POST without a token.
    pub(crate) fn post(&self, path: &str) -> reqwest::RequestBuilder {
        self.request("POST", path)
    }

    /// Starts `command`, a host, and waits until it listens.
    pub(crate) fn listening(command: Command) -> Self {
        let process = Process::start(command);
        let address = process.address();
        Self {
            process,
            address,
            client: client(),
            _files: None,
        }
    }

    /// Waits until the host serves: if its database is slow, a host listens before its components are live.
    pub(crate) fn wait_until_ready(&self) {
        for _ in 0..600 {
            let mut answer = [0; 12];
            let request = b"GET /ready HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
            if let Ok(mut socket) = TcpStream::connect(self.address)
                && socket.write_all(request).is_ok()
                && socket.read_exact(&mut answer).is_ok()
                && answer.ends_with(b"200")
            {
                return;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        panic!("berth never was ready:\n{}", self.process.log());
    }
}

impl AppBuilder {
    fn new() -> Self {
        let variables = [
            ("HOST", "127.0.0.1"),
            ("PORT", "0"),
            ("ADMIN_ADDR", "127.0.0.1:0"),
            ("ADMIN_TOKEN", ADMIN_TOKEN),
            ("JWT_SECRET", tokens::SECRET),
            ("BERTH_DATA_DIR", DATA),
            ("LOG_FORMAT", "json"),
        ];
        let variables = variables
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into();
        Self {
            variables,
            manifest: None,
            options: Vec::new(),
        }
    }

    /// Sets a variable of the environment.
    pub(crate) fn with(mut self, variable: &str, value: impl Into<String>) -> Self {
        self.variables.insert(variable.to_owned(), value.into());
        self
    }

    /// Starts the host with `--watch` on the manifest at `path`. The test writes the manifest and the files that it
    /// names.
    pub(crate) fn watching(self, path: &Path) -> Self {
        let watching = self.with("BERTH_MANIFEST", path.to_str().unwrap());
        Self {
            options: vec!["--watch"],
            ..watching
        }
    }

    /// Adds an option of the command line.
    pub(crate) fn saying(self, option: &'static str) -> Self {
        Self {
            options: vec![option],
            ..self
        }
    }

    /// Puts this text before the components of the manifest.
    pub(crate) fn preceded_by(self, text: &str) -> Self {
        Self {
            manifest: self.manifest.map(|components| format!("{text}{components}")),
            ..self
        }
    }

    /// Leaves a variable unset that the tests usually set.
    pub(crate) fn without(mut self, variable: &str) -> Self {
        self.variables.remove(variable);
        self
    }

    /// Starts the host on a database of its own, and waits until it serves.
    pub(crate) async fn start(self) -> App {
        let database = cluster::new_database().await;
        self.start_on(Arc::new(database))
    }

    /// Starts the host on the database of `other`, and waits until it serves.
    pub(crate) fn start_beside(self, other: &App) -> App {
        self.start_on(Arc::clone(&other.database))
    }

    fn start_on(self, database: Arc<Database>) -> App {
        let host = self.with("DATABASE_URL", &database.url).start_alone();
        App { host, database }
    }

    /// Starts the host on the database that its variables name, and waits until it serves.
    pub(crate) fn start_alone(self) -> Host {
        let host = self.start_listening();
        host.wait_until_ready();
        host
    }

    /// Starts the host and waits until it listens, even if it cannot serve.
    pub(crate) fn start_listening(self) -> Host {
        let files = tempfile::tempdir().unwrap();
        let host = Host::listening(self.command("serve", files.path()));
        Host {
            _files: Some(files),
            ..host
        }
    }

    /// Starts the host on a database of its own, with its log on `stderr`, and waits until it serves.
    pub(crate) async fn start_unheard(self, stderr: Stdio) -> App {
        let database = Arc::new(cluster::new_database().await);
        let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
        let builder = self
            .with("DATABASE_URL", &database.url)
            .with("PORT", address.port().to_string());
        let files = tempfile::tempdir().unwrap();
        let process = Process::start_with(builder.command("serve", files.path()), stderr);
        let host = Host {
            process,
            address,
            client: client(),
            _files: Some(files),
        };
        host.wait_until_ready();
        App { host, database }
    }

    /// Runs `berth <subcommand>` to its end, without a database.
    pub(crate) fn run(self, subcommand: &str) -> std::process::Output {
        let files = tempfile::tempdir().unwrap();
        process::output(&mut self.command(subcommand, files.path()))
    }

    /// The command line, with the manifest written into `files`.
    fn command(&self, subcommand: &str, files: &Path) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_berth"));
        command
            .arg(subcommand)
            .args(&self.options)
            .current_dir(ROOT)
            .env_clear()
            .envs(&self.variables)
            .envs(path());
        if let Some(manifest) = &self.manifest {
            let file: PathBuf = files.join("berth.toml");
            std::fs::write(&file, manifest).unwrap();
            command.env("BERTH_MANIFEST", file);
        }
        command
    }
}

/// The `PATH`, on which `cargo xtask test` has put PostgreSQL's programs.
pub(crate) fn path() -> Option<(&'static str, std::ffi::OsString)> {
    #[expect(
        clippy::disallowed_methods,
        reason = "to pass it on; the host reads it by itself"
    )]
    std::env::var_os("PATH").map(|path| ("PATH", path))
}
