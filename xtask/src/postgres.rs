//! A temporary PostgreSQL on the loopback interface.

use std::net::SocketAddr;
use std::os::unix::fs::{MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::{fs, process};

use anyhow::{Context, Result};

use crate::command::run;
use crate::setup;
use crate::workspace::Workspace;

/// The user "nobody", because PostgreSQL refuses to run as root.
const NOBODY: u32 = 65534;

/// A server. When it is dropped, it is killed and its data are removed.
pub(crate) struct Postgres {
    server: Child,
    folder: PathBuf,
    address: SocketAddr,
}

impl Postgres {
    /// Makes an empty cluster and starts the server, which accepts connections a moment later.
    pub(crate) fn start(workspace: &Workspace) -> Result<Self> {
        let programs = setup::postgres_programs(workspace)?;
        let folder = PathBuf::from(format!("/tmp/berth-xtask-{}", process::id()));
        fs::create_dir(&folder)?;
        let is_root = fs::metadata("/proc/self")?.uid() == 0;
        if is_root {
            chown(&folder, Some(NOBODY), Some(NOBODY))?;
        }
        let program = |name: &str| {
            let mut command = Command::new(programs.join(name));
            command.arg("-D").arg(&folder).current_dir("/");
            if is_root {
                command.uid(NOBODY).gid(NOBODY);
            }
            command
        };
        run(program("initdb").args(["--username=todo", "--auth=trust", "--encoding=UTF8", "--no-sync"]))?;
        let address = crate::http::free_address()?;
        let server = program("postgres")
            .args([
                "-c",
                "listen_addresses=127.0.0.1",
                "-c",
                "unix_socket_directories=",
                "-c",
                "fsync=off",
            ])
            .args(["-p", &address.port().to_string(), "-c", "max_connections=200"])
            // Connections that end without a farewell are not logged.
            .args(["-c", "log_min_messages=fatal"])
            .spawn()
            .context("PostgreSQL does not start")?;
        Ok(Self {
            server,
            folder,
            address,
        })
    }

    /// The value of `DATABASE_URL`.
    pub(crate) fn url(&self) -> String {
        format!("postgresql://todo@{}/postgres?sslmode=disable", self.address)
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // An error leaves a process or files that are temporary anyway.
        let _ = self.server.kill();
        let _ = self.server.wait();
        let _ = fs::remove_dir_all(Path::new(&self.folder));
    }
}
