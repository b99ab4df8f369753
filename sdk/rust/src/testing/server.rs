//! A PostgreSQL of a test's own.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::{MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use ::postgres::{Config, NoTls};
use tempfile::TempDir;

/// Debian's folder of PostgreSQL, with a folder for each version.
const DEBIAN: &str = "/usr/lib/postgresql";

const START_TIMEOUT: Duration = Duration::from_mins(1);
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// A running server, which is killed when it is dropped.
pub(super) struct Server {
    process: Child,
    folder: TempDir,
}

impl Server {
    pub(super) fn start() -> Self {
        let folder = tempfile::tempdir().unwrap_or_else(|error| panic!("no temporary folder: {error}"));
        let account = Account::for_server(folder.path());
        let data = folder.path().join("data");
        let made = run(account.as_ref(), "initdb", |command| {
            command.args([
                "--no-sync",
                "--auth=trust",
                "--username=postgres",
                "--encoding=UTF8",
                "--no-locale",
                "-D",
            ]);
            command.arg(&data).stdout(Stdio::null()).stderr(Stdio::inherit());
        });
        match made.and_then(|mut child| child.wait()) {
            Ok(status) if status.success() => {}
            outcome => panic!("initdb failed ({outcome:?}): is PostgreSQL installed and on the PATH?"),
        }
        let started = run(account.as_ref(), "postgres", |command| {
            command.arg("-D").arg(&data).arg("-k").arg(folder.path());
            command.args(["-h", "", "-c", "fsync=off", "-c", "synchronous_commit=off"]);
            command.stdout(Stdio::null()).stderr(Stdio::null());
        });
        let process = started.unwrap_or_else(|error| panic!("postgres does not start: {error}"));
        let server = Self { process, folder };
        server.wait_until_ready();
        server
    }

    pub(super) fn config(&self) -> Config {
        let mut config = Config::new();
        config
            .host_path(self.folder.path())
            .user("postgres")
            .dbname("postgres");
        config
    }

    fn wait_until_ready(&self) {
        let begun = Instant::now();
        while let Err(error) = self.config().connect(NoTls) {
            assert!(
                begun.elapsed() < START_TIMEOUT,
                "postgres does not get ready: {error}"
            );
            sleep(POLL_INTERVAL);
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // The data is removed, so a server that was killed does no harm.
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

/// Starts one of PostgreSQL's programs, from the `PATH` or from Debian's folder.
fn run(account: Option<&Account>, program: &str, arguments: impl Fn(&mut Command)) -> std::io::Result<Child> {
    let mut last = std::io::Error::from(ErrorKind::NotFound);
    for path in std::iter::once(PathBuf::from(program)).chain(debian(program)) {
        let mut command = Command::new(path);
        if let Some(account) = account {
            command.uid(account.user).gid(account.group);
        }
        arguments(&mut command);
        match command.spawn() {
            Err(error) if error.kind() == ErrorKind::NotFound => last = error,
            outcome => return outcome,
        }
    }
    Err(last)
}

fn debian(program: &str) -> impl Iterator<Item = PathBuf> {
    let versions = fs::read_dir(DEBIAN).into_iter().flatten().flatten();
    versions.map(move |version| version.path().join("bin").join(program))
}

/// The account of the server, if the test runs as root: PostgreSQL refuses to run as root.
struct Account {
    user: u32,
    group: u32,
}

impl Account {
    /// The account `postgres` or `nobody`, which gets the folder; `None` if the test does not run as root.
    fn for_server(folder: &Path) -> Option<Self> {
        let is_root = fs::metadata(folder).is_ok_and(|metadata| metadata.uid() == 0);
        if !is_root {
            return None;
        }
        let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
        let find = |name| users.lines().find_map(|line| Self::from_line(line, name));
        let account = find("postgres").or_else(|| find("nobody"))?;
        if let Err(error) = chown(folder, Some(account.user), Some(account.group)) {
            panic!("{} cannot be given to PostgreSQL: {error}", folder.display());
        }
        Some(account)
    }

    /// Reads `name:password:uid:gid:…`, see passwd(5).
    fn from_line(line: &str, wanted: &str) -> Option<Self> {
        let mut fields = line.split(':');
        fields.next().filter(|name| *name == wanted)?;
        Some(Self {
            user: fields.nth(1)?.parse().ok()?,
            group: fields.next()?.parse().ok()?,
        })
    }
}
