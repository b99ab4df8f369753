//! The tools, installed below the target directory. They are installed again when their lists change.

use std::env;
use std::ffi::OsString;
use std::iter::once;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Result, bail};

use crate::install::{install, npm_ci};

/// The installed tools.
pub(super) struct Tools {
    python: PathBuf,
    node: PathBuf,
}

impl Tools {
    /// Installs the tools that are missing.
    pub(super) fn prepare(clients: &Path, folder: &Path) -> Result<Self> {
        needs(
            "npm",
            &["--version"],
            "Node.js 20 or newer with npm: https://nodejs.org, or `apt-get install npm`",
        )?;
        needs(
            "python3",
            &["-m", "pip", "--version"],
            "Python 3.11 or newer with pip: `apt-get install python3-pip`",
        )?;
        let tools = Self {
            python: folder.join("python"),
            node: folder.join("node"),
        };
        install(clients, &tools.python, &["requirements.txt"], |folder| {
            let mut pip = Command::new("python3");
            pip.args([
                "-m",
                "pip",
                "install",
                "--quiet",
                "--no-deps",
                "--disable-pip-version-check",
                "--target",
            ]);
            pip.arg(folder)
                .arg("--requirement")
                .arg(folder.join("requirements.txt"));
            pip
        })?;
        install(
            clients,
            &tools.node,
            &["package.json", "package-lock.json"],
            npm_ci,
        )?;
        Ok(tools)
    }

    /// A program of a Python package, with the Python packages on its path.
    pub(super) fn python(&self, program: &str) -> Result<Command> {
        #[expect(
            clippy::disallowed_methods,
            reason = "it is extended for the programs that are run"
        )]
        let path = env::var_os("PATH").unwrap_or_default();
        let programs = self.python.join("bin");
        let mut command = Command::new("python3");
        command
            .arg(programs.join(program))
            .env("PYTHONPATH", &self.python);
        command.env(
            "PATH",
            env::join_paths(once(programs).chain(env::split_paths(&path)))?,
        );
        Ok(command)
    }

    /// `PYTHONPATH` for programs in `folder` that need the Python packages.
    pub(super) fn python_path(&self, folder: &Path) -> Result<OsString> {
        Ok(env::join_paths([folder, &self.python])?)
    }

    /// A program of an npm package.
    pub(super) fn node(&self, program: &str) -> Command {
        let mut command = Command::new("node");
        command.arg(self.node.join("node_modules/.bin").join(program));
        // The tools send no request to other sites.
        command.envs([
            ("REDOCLY_TELEMETRY", "off"),
            ("REDOCLY_SUPPRESS_UPDATE_NOTICE", "true"),
        ]);
        command
    }

    /// The folder with the npm packages.
    pub(super) fn node_folder(&self) -> &Path {
        &self.node
    }
}

fn needs(program: &str, arguments: &[&str], what: &str) -> Result<()> {
    let mut command = Command::new(program);
    let status = command
        .args(arguments)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    if !status.is_ok_and(|status| status.success()) {
        bail!("api-check runs other people's tools, for which it needs {what}");
    }
    Ok(())
}
