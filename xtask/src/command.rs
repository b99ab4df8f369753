//! Running a program: what is run is shown, and a failure stops the chore.

use std::process::Command;

use anyhow::{Context, Result, ensure};

/// Runs `command` with this process's standard streams, and waits for it.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let line = line(command);
    eprintln!("$ {line}");
    let status = command.status().with_context(|| format!("`{line}` does not start"))?;
    ensure!(status.success(), "`{line}` failed: {status}");
    Ok(())
}

/// A command as it is shown.
pub(crate) fn line(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}
