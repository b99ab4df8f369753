//! A PostgreSQL of one test's own, because the test would disturb others: the server is stopped and started, or speaks
//! TLS.

use std::fs::{self, Permissions};
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use berth_database::connect::connect_when_ready;
use berth_private_postgres::{PrivatePostgres, PrivateSettings, Search};
use sqlx::Connection as _;
use tempfile::TempDir;

use super::app::path;
use super::certificates::Certificates;
use super::cluster;
use super::process::WAIT_TIMEOUT;

/// A server that a test may stop and start. Its data survive a stop, as they survive a power cut.
pub(crate) struct Postgres {
    server: Option<PrivatePostgres>,
    folder: TempDir,
}

impl Postgres {
    /// A server with an empty database.
    pub(crate) async fn start() -> Self {
        let mut postgres = Self::absent();
        postgres.start_again().await;
        postgres
    }

    /// A server that has not been started.
    pub(crate) fn absent() -> Self {
        Self {
            server: None,
            folder: tempfile::tempdir().unwrap(),
        }
    }

    /// Starts the server again on its data.
    pub(crate) async fn start_again(&mut self) {
        let settings = PrivateSettings {
            data_directory: self.folder.path().to_owned(),
            binaries: Search {
                path: path().map(|(_, path)| path),
                tools: Vec::new(),
            },
            durable: true,
            max_connections: 100,
        };
        self.server = Some(PrivatePostgres::start(&settings).await.unwrap());
    }

    /// Stops the server: every session ends, and connections are refused.
    pub(crate) async fn stop(&mut self) {
        self.server.take().unwrap().stop().await;
    }

    /// The server's URL, whether the server runs or not.
    pub(crate) fn url(&self) -> String {
        let socket = self.folder.path().canonicalize().unwrap().join("postgres/socket");
        cluster::url_of(&socket, "postgres", "berth")
    }
}

/// A server on the loopback interface that requires TLS or has none. It ends when it is dropped.
pub(crate) struct TlsPostgres {
    process: Child,
    port: u16,
    _folder: TempDir,
}

impl TlsPostgres {
    /// Starts a server that uses `certificates`.
    pub(crate) async fn start(certificates: &Certificates) -> Self {
        Self::start_with("on", "hostssl", certificates).await
    }

    /// Starts a server that has no TLS.
    pub(crate) async fn start_without_tls() -> Self {
        Self::start_with("off", "host", &Certificates::for_host("localhost")).await
    }

    async fn start_with(tls: &str, hosts: &str, certificates: &Certificates) -> Self {
        let mut laid_out = Postgres::start().await;
        let data = laid_out.server.as_ref().unwrap().path().join("data");
        let program = program_of(&data);
        laid_out.stop().await;

        let owner = fs::metadata(&data).unwrap();
        for (name, text) in [
            ("server.crt", &*certificates.server),
            ("server.key", &*certificates.key),
            ("pg_hba.conf", &*format!("{hosts} all all all trust\n")),
        ] {
            let file = data.join(name);
            fs::write(&file, text).unwrap();
            fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
            chown(&file, Some(owner.uid()), Some(owner.gid())).unwrap();
        }
        let port = free_port();
        let mut command = Command::new(program);
        command
            .arg("-D")
            .arg(&data)
            .args(["-p", &port.to_string(), "-c", &format!("ssl={tls}")]);
        command.args([
            "-c",
            "listen_addresses=127.0.0.1",
            "-c",
            "unix_socket_directories=",
            "-c",
            "fsync=off",
        ]);
        become_owner(&mut command, &owner);
        let process = command.current_dir("/").stderr(Stdio::null()).spawn().unwrap();
        let server = Self {
            process,
            port,
            _folder: laid_out.folder,
        };
        let url = berth_database::url::parse(&server.url("localhost", "sslmode=prefer")).unwrap();
        connect_when_ready(url.direct(), WAIT_TIMEOUT)
            .await
            .unwrap()
            .close()
            .await
            .unwrap();
        server
    }

    /// The server's URL with this host name and these TLS parameters.
    pub(crate) fn url(&self, host: &str, tls: &str) -> String {
        format!("postgresql://postgres@{host}:{}/berth?{tls}", self.port)
    }
}

impl Drop for TlsPostgres {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The program that serves this data directory at the moment.
fn program_of(data: &Path) -> PathBuf {
    let lock = fs::read_to_string(data.join("postmaster.pid")).unwrap();
    fs::read_link(format!("/proc/{}/exe", lock.lines().next().unwrap())).unwrap()
}

/// A port of the loopback interface on which nothing listens. It is outside the range of outgoing connections: a run of
/// the tests makes so many that one of them would take the port before a server listens.
pub(crate) fn free_port() -> u16 {
    loop {
        let port = 10_000 + u16::try_from(getrandom::u32().unwrap() % 20_000).unwrap();
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

/// Makes root run `command` as the owner of its files, because PostgreSQL refuses to run as root.
pub(crate) fn become_owner(command: &mut Command, owner: &fs::Metadata) {
    if rustix::process::geteuid().is_root() {
        command.uid(owner.uid()).gid(owner.gid());
    }
}
