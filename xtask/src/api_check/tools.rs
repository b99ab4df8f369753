//! The tools, installed below the target directory. They are installed again when their lists change.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::iter::once;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::command::run_within;
use crate::wasm::same;

/// The longest installation.
const BOUND: Duration = Duration::from_mins(10);

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
            |folder| {
                let mut npm = Command::new("npm");
                npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefix"])
                    .arg(folder);
                npm
            },
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

/// Installs the packages of the `lists` in `clients` into `folder`. The copies of the lists are written last, so that
/// an incomplete installation is repeated.
fn install(
    clients: &Path,
    folder: &Path,
    lists: &[&str],
    command: impl FnOnce(&Path) -> Command,
) -> Result<()> {
    let installed = folder.join("installed");
    if lists
        .iter()
        .all(|list| same(&clients.join(list), &installed.join(list)))
    {
        return Ok(());
    }
    if folder.exists() {
        fs::remove_dir_all(folder)?;
    }
    fs::create_dir_all(&installed)?;
    let copy = |into: &Path| -> Result<()> {
        for list in lists {
            fs::copy(clients.join(list), into.join(list))
                .with_context(|| format!("{list} cannot be copied"))?;
        }
        Ok(())
    };
    copy(folder)?;
    run_within(&mut command(folder), BOUND)
        .with_context(|| format!("the tools of {} cannot be installed", lists.join(" and ")))?;
    copy(&installed)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

    use super::*;

    #[test]
    fn tools_are_installed_once_for_each_list_and_again_after_a_failure() {
        let folder = tempfile::tempdir().unwrap();
        let (clients, tools) = (folder.path().join("clients"), folder.path().join("tools"));
        fs::create_dir(&clients).unwrap();
        let list = clients.join("list");
        fs::write(&list, "one==1").unwrap();
        let install_by = |program: &str| {
            let mut runs = 0;
            let result = install(&clients, &tools, &["list"], |folder| {
                runs += 1;
                assert!(
                    folder.join("list").is_file(),
                    "the list is there for the installer"
                );
                Command::new(program)
            });
            (result.is_ok(), runs)
        };
        assert_eq!(install_by("false"), (false, 1));
        assert_eq!(install_by("true"), (true, 1));
        assert_eq!(install_by("true"), (true, 0));
        fs::write(&list, "one==2").unwrap();
        assert_eq!(install_by("true"), (true, 1));
    }
}
