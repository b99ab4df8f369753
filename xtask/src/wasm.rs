//! Components and fixtures: built with the profile `component`, and copied to the paths in manifests.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use crate::command::run;
use crate::setup::{self, TARGET};
use crate::workspace::{Package, Workspace};

/// The folder of the components' sources, and of the built components: `components/<name>.wasm`.
const COMPONENTS: &str = "components";

/// The folder of the fixtures' sources, and of the built fixtures: `tests/fixtures/<name>.wasm`.
const FIXTURES: &str = "tests/fixtures";

/// The folder of the examples' sources, and of the built examples: `examples/<name>.wasm`.
const EXAMPLES: &str = "examples";

/// Builds every component.
pub(crate) fn components(workspace: &Workspace) -> Result<()> {
    build(workspace, &[COMPONENTS])
}

/// Builds every example.
pub(crate) fn examples(workspace: &Workspace) -> Result<()> {
    setup::target()?;
    build(workspace, &[EXAMPLES])
}

/// Builds every component, every example and every fixture, in one run of cargo.
pub(crate) fn all(workspace: &Workspace) -> Result<()> {
    build(workspace, &[COMPONENTS, EXAMPLES, FIXTURES])
}

/// A cargo command for the whole workspace except the fixtures, which do not compile for this machine.
///
/// Cargo compiles a dependency once for each set of features: a command for a part of the workspace would compile
/// wasmtime again.
pub(crate) fn without_fixtures(workspace: &Workspace, subcommand: &str) -> Command {
    let mut cargo = workspace.cargo(subcommand);
    cargo.arg("--workspace");
    cargo.args(
        workspace
            .programs_below(FIXTURES)
            .iter()
            .flat_map(|package| ["--exclude", &package.name]),
    );
    cargo
}

/// The packages of the components.
pub(crate) fn component_packages(workspace: &Workspace) -> Vec<&Package> {
    workspace.programs_below(COMPONENTS)
}

/// Builds these components and no others.
pub(crate) fn build_components(workspace: &Workspace, packages: &[&Package]) -> Result<()> {
    build_packages(workspace, &[(COMPONENTS, packages.to_vec())])
}

fn build(workspace: &Workspace, folders: &[&str]) -> Result<()> {
    let packages: Vec<_> = folders
        .iter()
        .map(|folder| (*folder, workspace.programs_below(folder)))
        .collect();
    build_packages(workspace, &packages)
}

/// Builds the packages of each folder, all in one run of cargo.
fn build_packages(workspace: &Workspace, folders: &[(&str, Vec<&Package>)]) -> Result<()> {
    let mut cargo = workspace.cargo("build");
    cargo.args(["--target", TARGET, "--profile", "component"]);
    for (_, packages) in folders {
        cargo.args(packages.iter().flat_map(|package| ["-p", &package.name]));
    }
    run(&mut cargo)?;
    for (folder, packages) in folders {
        for package in packages {
            package
                .programs()
                .try_for_each(|name| deliver(workspace, name, folder))?;
        }
    }
    Ok(())
}

/// Copies the file beside the destination and renames it, so that a watching host never sees half a file.
fn deliver(workspace: &Workspace, name: &str, folder: &str) -> Result<()> {
    let file = format!("{name}.wasm");
    let built = workspace.target.join(TARGET).join("component").join(&file);
    let destination = workspace.root.join(folder).join(&file);
    if same(&built, &destination) {
        return Ok(());
    }
    let beside = destination.with_extension("wasm.new");
    fs::copy(&built, &beside)
        .and_then(|_| fs::rename(&beside, &destination))
        .with_context(|| {
            format!(
                "{} cannot be copied to {}",
                built.display(),
                destination.display()
            )
        })
}

/// Whether both files exist and have the same bytes.
pub(crate) fn same(one: &Path, other: &Path) -> bool {
    matches!((fs::read(one), fs::read(other)), (Ok(one), Ok(other)) if one == other)
}
