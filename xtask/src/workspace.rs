//! The paths of the workspace, as cargo reports them, so that `CARGO_TARGET_DIR` and cargo's other settings are
//! honoured.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

/// The workspace of the current directory.
#[derive(Deserialize)]
pub(crate) struct Workspace {
    /// The folder of the root `Cargo.toml`.
    #[serde(rename = "workspace_root")]
    pub(crate) root: PathBuf,
    /// Cargo's target directory.
    #[serde(rename = "target_directory")]
    pub(crate) target: PathBuf,
    packages: Vec<Package>,
}

/// A member of the workspace.
#[derive(Deserialize)]
pub(crate) struct Package {
    /// The member's name.
    pub(crate) name: String,
    manifest_path: PathBuf,
    targets: Vec<Target>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
    kind: Vec<String>,
}

impl Workspace {
    /// Asks cargo, which searches from the current directory upwards. The path at which this xtask was compiled may be
    /// another clone's, if clones share a target directory.
    pub(crate) fn find() -> Result<Self> {
        let output = Command::new("cargo")
            .args(["metadata", "--no-deps", "--format-version=1"])
            .output()
            .context("cargo does not start: install Rust with rustup, https://rustup.rs")?;
        ensure!(
            output.status.success(),
            "cargo metadata: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        serde_json::from_slice(&output.stdout).context("cargo metadata answered something else than usual")
    }

    /// The members below `folder` (relative to the root) that build at least one program.
    pub(crate) fn programs_below(&self, folder: &str) -> Vec<&Package> {
        let folder = self.root.join(folder);
        self.packages
            .iter()
            .filter(|package| package.manifest_path.starts_with(&folder))
            .filter(|package| package.programs().next().is_some())
            .collect()
    }

    /// The path of the program `name`, built with `profile` (cargo's name of the folder: `debug`, `release`).
    pub(crate) fn program(&self, profile: &str, name: &str) -> PathBuf {
        self.target.join(profile).join(name)
    }

    /// A cargo command that runs in the root.
    pub(crate) fn cargo(&self, subcommand: &str) -> Command {
        let mut command = Command::new("cargo");
        command.current_dir(&self.root).arg(subcommand);
        command
    }

    /// The folder for tools that the machine lacks. A host that is started in the root looks for them there as well.
    pub(crate) fn tools(&self) -> PathBuf {
        self.root.join(Path::new(".berth/tools"))
    }
}

impl Package {
    /// The folder of the member's `Cargo.toml`.
    pub(crate) fn folder(&self) -> PathBuf {
        self.manifest_path
            .parent()
            .map(Path::to_owned)
            .unwrap_or_default()
    }

    /// The names of the programs that the member builds.
    pub(crate) fn programs(&self) -> impl Iterator<Item = &str> {
        self.targets
            .iter()
            .filter(|target| target.kind.iter().any(|kind| kind == "bin"))
            .map(|target| &*target.name)
    }
}
