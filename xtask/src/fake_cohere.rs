//! The fake Cohere, as a process.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result};

/// Starts `program`, which chooses its port. Returns the process and its URL; the process ends with this one at the
/// latest.
pub(crate) fn start(program: &Path) -> Result<(Child, String)> {
    let mut fake = Command::new(program)
        .args(["--port", "0", "--with-parent"])
        .stdout(Stdio::piped())
        .spawn()
        .context("the fake Cohere does not start")?;
    let output = fake.stdout.take().context("the fake Cohere has no output")?;
    let mut url = String::new();
    BufReader::new(output)
        .read_line(&mut url)
        .context("the fake Cohere does not say where it is")?;
    Ok((fake, url.trim().to_owned()))
}
