//! `cargo xtask run`: from a fresh clone to a server, in one command.

use std::env;
use std::os::unix::process::CommandExt;
use std::process::Command;

use anyhow::{Context, Result};

use crate::command::run as run_command;
use crate::workspace::Workspace;
use crate::{setup, wasm};

/// Sets up, builds for development, and becomes the host.
///
/// The development profile is the one that tests use, and is compiled in a fraction of a release's time.
pub(crate) fn run(workspace: &Workspace, arguments: &[String]) -> Result<()> {
    setup::target()?;
    let path = setup::postgres(workspace)?;
    wasm::components(workspace)?;
    run_command(workspace.cargo("build").args(["-p", "berth"]))?;
    if arguments.is_empty() {
        announce();
    }
    let host = workspace.host("debug");
    // In place of this process, so that signals reach the host itself.
    let failure = Command::new(&host).args(arguments).current_dir(&workspace.root).env("PATH", path).exec();
    Err(failure).with_context(|| format!("{} does not start", host.display()))
}

fn announce() {
    #[expect(clippy::disallowed_methods, reason = "to tell the address; the host reads it by itself")]
    let port = env::var("PORT").unwrap_or_else(|_| "8000".to_owned());
    println!(
        "\nBerth serves on http://localhost:{port} until ctrl-C; its routes are at /docs. Try, in another terminal:\n\n\
         curl -H 'content-type: application/json' -d '{{\"email\":\"me@example.com\",\"password\":\"correct horse\"}}' \
         http://localhost:{port}/auth/register\n"
    );
}
