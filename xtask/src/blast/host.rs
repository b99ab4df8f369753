//! The attacked host: a release build, with the todo component and fixtures that attack.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::bench::server::{Kind, Server};
use crate::command::run;
use crate::workspace::Workspace;

const SECRET: &str = "for-the-blast-and-nothing-else-at-all";

/// The fixtures: the name, the path and the other lines of each in the manifest.
const FIXTURES: [(&str, &str); 3] = [
    ("misbehaves", "limits = { memory = \"64MiB\" }"),
    ("sql", "capabilities = [\"postgres\"]"),
    ("shouts", "capabilities = [\"logging\"]"),
];

/// A host that is stopped when it is dropped.
pub(crate) struct Host {
    pub(crate) server: Server,
    log: PathBuf,
}

/// Builds the host in release.
pub(crate) fn build(workspace: &Workspace) -> Result<()> {
    run(workspace.cargo("build").args(["--release", "-p", "berth"]))
}

impl Host {
    /// Starts the host with an empty log.
    pub(crate) fn start(workspace: &Workspace, folder: &Path, database_url: &str) -> Result<Self> {
        let log = folder.join("log.json");
        let errors = File::create(&log)?;
        let manifest = folder.join("berth.toml");
        fs::write(&manifest, manifest_text(workspace)?)?;
        let server = Server::start(Kind::Berth, |address| {
            let mut command = Command::new(workspace.program("release", "berth"));
            command
                .arg("serve")
                .envs([
                    ("HOST", address.ip().to_string()),
                    ("PORT", address.port().to_string()),
                ])
                .envs([
                    ("DATABASE_URL", database_url),
                    ("JWT_SECRET", SECRET),
                    ("ADMIN_ADDR", "127.0.0.1:0"),
                ])
                // The access log is off, so that the log shows the lines of an attack.
                .envs([
                    ("LOG_FORMAT", "json"),
                    ("RUST_LOG", "info,berth::routes::access_log=warn"),
                ])
                .env("BERTH_MANIFEST", &manifest)
                .env("BERTH_DATA_DIR", folder.join("data"))
                .stderr(errors);
            command
        })?;
        Ok(Self { server, log })
    }

    /// The size of the host's log in bytes.
    pub(crate) fn logged_bytes(&self) -> Result<u64> {
        Ok(fs::metadata(&self.log)?.len())
    }
}

fn manifest_text(workspace: &Workspace) -> Result<String> {
    let root = workspace.root.display();
    let own = fs::read_to_string(workspace.root.join("berth.toml")).context("no berth.toml")?;
    let mut text = own.replace(
        "source = \"components/",
        &format!("source = \"{root}/components/"),
    );
    for (fixture, besides) in FIXTURES {
        write!(
            text,
            "\n[components.{fixture}]\nsource = \"{root}/tests/fixtures/{fixture}.wasm\"\n\
             routes = [\"/{fixture}/{{*rest}}\"]\nauthentication = \"optional\"\n{besides}\n"
        )?;
    }
    Ok(text)
}
