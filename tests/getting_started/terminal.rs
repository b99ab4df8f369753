//! A reader's terminals: one in which a host runs, and one in which everything else is typed.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::page::is_as_shown;
use crate::support::app::{DATA, Host, ROOT, path};
use crate::support::cluster::{self, Database};
use crate::support::process::WAIT_TIMEOUT;
use crate::support::tokens;

/// Where the page's host is, unless it is told otherwise.
const ADDRESS: &str = "localhost:8000";

/// Where `cargo xtask test` has put the Python packages of the page.
const WHEELS: &str = ".berth/tools/wheels";

/// Runs a line as a shell does that was open all the time: in its folder, with what was exported before.
const SHELL: &str = r#"cd -- "$(cat "$STATE/folder")" || exit
test ! -e "$STATE/exported" || . "$STATE/exported"
eval "$1"
status=$?
pwd > "$STATE/folder"
export -p > "$STATE/exported"
exit "$status""#;

pub(super) struct Terminal {
    variables: BTreeMap<&'static str, String>,
    host: Option<Host>,
    state: TempDir,
    _database: Database,
}

impl Terminal {
    /// In an empty folder, with a database of its own, and without a network.
    pub(super) async fn open() -> Self {
        let wheels = Path::new(ROOT).join(WHEELS);
        assert!(
            wheels.is_dir(),
            "{} is not there: run `cargo xtask test`",
            wheels.display()
        );
        let state = tempfile::tempdir().unwrap();
        let work = state.path().join("work");
        fs::create_dir(&work).unwrap();
        fs::write(state.path().join("folder"), work.to_str().unwrap()).unwrap();
        let database = cluster::new_database().await;
        let variables = BTreeMap::from([
            ("ADMIN_ADDR", "127.0.0.1:0".to_owned()),
            ("BERTH_DATA_DIR", DATA.to_owned()),
            ("DATABASE_URL", database.url.clone()),
            ("HOST", "127.0.0.1".to_owned()),
            ("JWT_SECRET", tokens::SECRET.to_owned()),
            ("PORT", "0".to_owned()),
            // Reuses what an earlier run has compiled.
            (
                "CARGO_BUILD_BUILD_DIR",
                concat!(env!("CARGO_TARGET_TMPDIR"), "/getting-started").to_owned(),
            ),
            ("CARGO_INCREMENTAL", "0".to_owned()),
            ("CARGO_NET_OFFLINE", "true".to_owned()),
            (
                "PIP_FIND_LINKS",
                wheels.canonicalize().unwrap().to_str().unwrap().to_owned(),
            ),
            ("PIP_NO_INDEX", "1".to_owned()),
            ("PIP_ROOT_USER_ACTION", "ignore".to_owned()),
            ("STATE", state.path().to_str().unwrap().to_owned()),
        ]);
        Self {
            variables,
            host: None,
            state,
            _database: database,
        }
    }

    /// Writes a file into the folder.
    pub(super) fn write(&self, name: &str, text: &str) {
        fs::write(self.folder().join(name), text).unwrap();
    }

    /// Starts a host in a terminal of its own, and waits until it serves.
    pub(super) fn serve(&mut self, line: &str) {
        let mut command = self.shell(&format!("exec env {line}"));
        command.current_dir(self.folder());
        let host = Host::listening(command);
        host.wait_until_ready();
        self.export("ADMIN_ADDR", host.admin_url().trim_start_matches("http://"));
        self.host = Some(host);
    }

    /// Types a line, which must go well and print what is shown. What only looks is repeated until it does: a swap takes a
    /// moment.
    pub(super) fn run(&self, line: &str, shown: &str) {
        let line = self.host.as_ref().map_or(line.to_owned(), |host| {
            line.replace(ADDRESS, &host.address.to_string())
        });
        let only_looks = line.starts_with("curl ") && !line.contains(" -d ");
        let begun = Instant::now();
        loop {
            let output = self.shell(SHELL).args(["sh", &line]).output().unwrap();
            let printed = String::from_utf8_lossy(&output.stdout);
            let is_right = output.status.success() && (shown.is_empty() || is_as_shown(&printed, shown));
            if is_right {
                return;
            }
            assert!(
                only_looks && begun.elapsed() < WAIT_TIMEOUT,
                "$ {line}\n{printed}{}\n-- {}, but the page shows\n{shown}",
                String::from_utf8_lossy(&output.stderr),
                output.status
            );
            sleep(Duration::from_millis(100));
        }
    }

    fn export(&self, variable: &str, value: &str) {
        let file = self.state.path().join("exported");
        let before = fs::read_to_string(&file).unwrap_or_default();
        fs::write(file, format!("{before}export {variable}='{value}'\n")).unwrap();
    }

    fn folder(&self) -> PathBuf {
        fs::read_to_string(self.state.path().join("folder"))
            .unwrap()
            .trim_end()
            .into()
    }

    fn shell(&self, script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]).envs(&self.variables);
        // Where the page's own cargo builds is for it to say.
        for variable in [
            "CARGO_TARGET_DIR",
            "CARGO_ENCODED_RUSTFLAGS",
            "RUSTFLAGS",
            "ADMIN_TOKEN",
        ] {
            command.env_remove(variable);
        }
        let berth = Path::new(env!("CARGO_BIN_EXE_berth"))
            .parent()
            .unwrap()
            .to_owned();
        let folders = path()
            .into_iter()
            .flat_map(|(_, path)| std::env::split_paths(&path).collect::<Vec<_>>());
        command.env(
            "PATH",
            std::env::join_paths([berth].into_iter().chain(folders)).unwrap(),
        );
        command
    }
}
