//! The tools that check the sources and build the book, each in the version of `xtask/tools`. They are installed below the
//! target directory, and again when their lists change.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use crate::install::install;
use crate::workspace::Workspace;

/// The folder of the lists.
const LISTS: &str = "xtask/tools";

/// The list for pip.
const WHEELS: &str = "requirements.txt";

/// The installed tools.
pub(crate) struct Tools {
    lists: PathBuf,
    folder: PathBuf,
}

impl Tools {
    /// Installs the tools that pip has, if they are missing.
    pub(crate) fn prepare(workspace: &Workspace) -> Result<Self> {
        let tools = Self {
            lists: workspace.root.join(LISTS),
            folder: workspace.target.join("tools"),
        };
        install(&tools.lists, &tools.folder.join("wheels"), &[WHEELS], pip)?;
        Ok(tools)
    }

    /// A tool that came as a wheel.
    pub(crate) fn wheel(&self, program: &str) -> Command {
        Command::new(self.folder.join("wheels/bin").join(program))
    }

    /// A tool that no wheel has, or none of the tool's own authors. Cargo compiles the tool, if it is missing, with the
    /// arguments in the list of the tool's name.
    pub(crate) fn compiled(&self, program: &str) -> Result<Command> {
        let list = format!("{program}.txt");
        let arguments = fs::read_to_string(self.lists.join(&list))?;
        let (folder, target) = (self.folder.join(program), self.folder.join("build"));
        install(&self.lists, &folder, &[&list], |folder| {
            cargo(folder, &target, &arguments)
        })?;
        Ok(Command::new(folder.join("bin").join(program)))
    }
}

fn pip(folder: &Path) -> Command {
    let mut pip = Command::new("python3");
    pip.args([
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-deps",
        "--only-binary=:all:",
    ])
    .args(["--disable-pip-version-check", "--target"])
    .arg(folder)
    .arg("--requirement")
    .arg(folder.join(WHEELS));
    pip
}

/// Compiles a crate with the versions of its lock file, apart from the workspace's own artifacts. Optimised programs would
/// take longer to compile than they ever run.
fn cargo(folder: &Path, target: &Path, arguments: &str) -> Command {
    let mut cargo = Command::new("cargo");
    cargo
        .args(["install", "--quiet", "--debug", "--locked", "--root"])
        .arg(folder)
        .arg("--target-dir")
        .arg(target)
        .args(arguments.split_whitespace());
    cargo
}
