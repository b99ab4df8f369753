//! `cargo xtask run`: starts a server from a fresh clone, in one command.

use std::env;
use std::ffi::OsStr;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use crate::command::run as run_command;
use crate::workspace::Workspace;
use crate::{fake_cohere, setup, wasm};

/// Sets up, builds for development, and becomes the host.
pub(crate) fn run(workspace: &Workspace, arguments: &[String], fake_cohere: bool) -> Result<()> {
    let host = host(workspace, fake_cohere)?;
    if arguments.is_empty() {
        announce();
    }
    become_host(host, arguments)
}

/// Sets up, builds for development, and returns the command that is the host.
///
/// The development profile is the profile of the tests, and compiles in a fraction of a release's time.
pub(crate) fn host(workspace: &Workspace, fake_cohere: bool) -> Result<Command> {
    setup::target()?;
    let path = setup::postgres(workspace)?;
    wasm::components(workspace)?;
    // There are no examples. `--examples` makes cargo compile the dependencies as tests need them, and only once.
    run_command(wasm::without_fixtures(workspace, "build").args(["--bin", "berth", "--examples"]))?;
    let mut command = Command::new(workspace.program("debug", "berth"));
    command.current_dir(&workspace.root).env("PATH", path);
    if fake_cohere {
        // The fake accepts any key.
        command
            .env("COHERE_BASE_URL", start_fake_cohere(workspace)?)
            .env("COHERE_API_KEY", "fake");
    }
    Ok(command)
}

/// Runs `host` in place of this process, so that signals reach the host itself.
pub(crate) fn become_host(
    mut host: Command,
    arguments: impl IntoIterator<Item = impl AsRef<OsStr>>,
) -> Result<()> {
    let failure = host.args(arguments).exec();
    Err(failure).with_context(|| format!("{} does not start", Path::new(host.get_program()).display()))
}

/// Builds the fake and starts it; it ends with the host. Returns its URL.
fn start_fake_cohere(workspace: &Workspace) -> Result<String> {
    run_command(workspace.cargo("build").args(["-p", "fake-cohere"]))?;
    let (_, url) = fake_cohere::start(&workspace.program("debug", "fake-cohere"))?;
    println!("A fake Cohere answers on {url}");
    Ok(url)
}

/// Prints the address of the host, and the first steps.
pub(crate) fn announce() {
    #[expect(
        clippy::disallowed_methods,
        reason = "to tell the address; the host reads it by itself"
    )]
    let port = env::var("PORT").unwrap_or_else(|_| "8000".to_owned());
    println!(
        "\nBerth serves on http://localhost:{port} until ctrl-C: open it in a browser. Its routes are at /docs. Try, in another terminal:\n\n\
         curl -H 'content-type: application/json' -d '{{\"email\":\"me@example.com\",\"password\":\"correct horse\"}}' \
         http://localhost:{port}/auth/register\n"
    );
}
