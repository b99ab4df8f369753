//! `cargo xtask test`: runs every test of the workspace.

use anyhow::Result;

use crate::signals::Signals;
use crate::workspace::Workspace;
use crate::{bounded, setup, wasm};

/// Sets up, builds components and fixtures, and runs `cargo test` with `arguments`, with a time limit for each test.
pub(crate) fn test(workspace: &Workspace, arguments: &[String], signals: &Signals) -> Result<()> {
    setup::target()?;
    let path = setup::postgres(workspace)?;
    setup::pgbouncer(&path)?;
    let path = setup::prometheus(workspace, path)?;
    setup::wheels(workspace)?;
    setup::browser(workspace, &path)?;
    wasm::all(workspace)?;
    let names_a_package = arguments
        .iter()
        .any(|argument| argument == "-p" || argument == "--package");
    let mut cargo = if names_a_package {
        workspace.cargo("test")
    } else {
        wasm::without_fixtures(workspace, "test")
    };
    bounded::run(
        cargo.env("PATH", path).arg("--no-fail-fast").args(arguments),
        signals,
    )
}
