//! `cargo xtask test`: every test of the workspace, with what they need.

use anyhow::Result;

use crate::command::run;
use crate::workspace::Workspace;
use crate::{setup, wasm};

/// Sets up, builds components and fixtures, and runs `cargo test` with `arguments`.
pub(crate) fn test(workspace: &Workspace, arguments: &[String]) -> Result<()> {
    setup::target()?;
    let path = setup::postgres(workspace)?;
    wasm::components_and_fixtures(workspace)?;
    let mut cargo = workspace.cargo("test");
    cargo.env("PATH", path);
    if !arguments.iter().any(|argument| argument == "-p" || argument == "--package") {
        cargo.arg("--workspace");
        // Fixtures run nowhere but in a sandbox: there is nothing of them to test on this machine.
        cargo.args(wasm::fixtures(workspace).iter().flat_map(|package| ["--exclude", &package.name]));
    }
    run(cargo.args(arguments))
}
