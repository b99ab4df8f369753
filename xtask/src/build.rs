//! `cargo xtask build`: builds for production.

use anyhow::Result;

use crate::command::run;
use crate::workspace::Workspace;
use crate::{setup, wasm};

/// Builds every component, and the host in release.
pub(crate) fn build(workspace: &Workspace) -> Result<()> {
    setup::target()?;
    wasm::components(workspace)?;
    run(workspace.cargo("build").args(["--release", "-p", "berth"]))?;
    println!(
        "Built {}; run it in {}",
        workspace.program("release", "berth").display(),
        workspace.root.display()
    );
    Ok(())
}
