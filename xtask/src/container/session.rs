//! Runs the session that README.md shows, against a host.

use std::fs;
use std::net::SocketAddr;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::workspace::Workspace;

/// The host's address in README.md.
const SHOWN: &str = "localhost:8000";

/// Runs every command that README.md shows under "Try it", on `address`. A command that fails, or a response that is an
/// error, fails.
pub(crate) fn run(workspace: &Workspace, address: SocketAddr) -> Result<()> {
    let readme = fs::read_to_string(workspace.root.join("README.md"))?;
    let block = readme
        .split("```console\n")
        .nth(1)
        .and_then(|rest| rest.split("```").next());
    let script = commands(block.context("README.md shows no session")?)
        .replace(SHOWN, &address.to_string())
        .replace("curl -s", "curl --fail --silent --show-error");
    let output = Command::new("bash")
        .args(["-euo", "pipefail", "-c", &script])
        .output()?;
    ensure!(
        output.status.success(),
        "{script}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(())
}

/// The commands after the prompts, with the lines that continue after a backslash.
fn commands(session: &str) -> String {
    let mut script = String::new();
    for line in session.lines() {
        let goes_on = script.ends_with("\\\n");
        if let Some(command) = line.strip_prefix("$ ").or(goes_on.then_some(line)) {
            script.push_str(command);
            script.push('\n');
        }
    }
    script
}
