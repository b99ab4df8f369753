//! PgBouncer in transaction mode in front of a database, with far fewer sessions than clients.

use std::fs;
use std::net::TcpStream;
use std::os::unix::fs::chown;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use super::cluster::Database;
use super::postgres::{become_owner, free_port};
use super::process::WAIT_TIMEOUT;

/// Sessions that all clients of one role share.
const SESSIONS: u32 = 3;

/// The password of the host's role.
const PASSWORD: &str = "a password for the pooler";

/// A running PgBouncer. It ends when it is dropped.
pub(crate) struct PgBouncer {
    process: Child,
    port: u16,
    database: String,
    folder: TempDir,
}

impl PgBouncer {
    /// Starts a PgBouncer in front of `database`. `more` are lines of its configuration.
    pub(crate) fn start(database: &Database, more: &str) -> Self {
        let owner = fs::metadata(database.socket()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let port = free_port();
        let (name, socket) = (database.name(), database.socket().display());
        let users = folder.path().join("users");
        let settings = format!(
            "[databases]\n\
             {name} = host={socket} port=5432 auth_user=postgres\n\
             [pgbouncer]\n\
             pool_mode = transaction\n\
             listen_addr = 127.0.0.1\n\
             listen_port = {port}\n\
             unix_socket_dir =\n\
             auth_type = scram-sha-256\n\
             auth_file = {users}\n\
             default_pool_size = {SESSIONS}\n\
             {more}\n",
            users = users.display()
        );
        let file = folder.path().join("settings");
        fs::write(&file, settings).unwrap();
        fs::write(&users, format!("\"postgres\" \"{PASSWORD}\"\n")).unwrap();
        for path in [folder.path(), &file, &users] {
            chown(path, Some(std::os::unix::fs::MetadataExt::uid(&owner)), None).unwrap();
        }
        let mut command = Command::new(program());
        become_owner(&mut command, &owner);
        let process = command
            .arg(&file)
            .current_dir("/")
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let bouncer = Self {
            process,
            port,
            database: name.to_owned(),
            folder,
        };
        bouncer.wait_until_it_listens();
        bouncer
    }

    /// The URL of the database through PgBouncer.
    pub(crate) fn url(&self) -> String {
        let password: String = form_urlencoded::byte_serialize(PASSWORD.as_bytes()).collect();
        let password = password.replace('+', "%20");
        format!(
            "postgresql://postgres:{password}@127.0.0.1:{}/{}",
            self.port, self.database
        )
    }

    fn wait_until_it_listens(&self) {
        let pause = Duration::from_millis(10);
        for _ in 0..WAIT_TIMEOUT.as_millis() / pause.as_millis() {
            if TcpStream::connect(("127.0.0.1", self.port)).is_ok() {
                return;
            }
            std::thread::sleep(pause);
        }
        panic!(
            "PgBouncer does not listen; its settings are in {}",
            self.folder.path().display()
        );
    }
}

impl Drop for PgBouncer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The program. Debian installs it in a directory that is not on every user's `PATH`.
fn program() -> PathBuf {
    #[expect(clippy::disallowed_methods, reason = "to look for a program")]
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain([PathBuf::from("/usr/sbin")])
        .map(|folder| folder.join("pgbouncer"))
        .find(|program| program.is_file())
        .expect("PgBouncer is not on this machine: `apt-get install pgbouncer`")
}
