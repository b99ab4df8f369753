//! The fake Cohere, a process of its own.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result};

/// Starts `program` on a port of its own choice. Returns it with its URL; it ends with this process at the latest.
pub(crate) fn start(program: &Path) -> Result<(Child, String)> {
    let mut fake = Command::new(program)
        .args(["--port", "0", "--with-parent"])
        .stdout(Stdio::piped())
        .spawn()
        .context("the fake Cohere does not start")?;
    let output = fake.stdout.take().context("the fake Cohere has no output")?;
    let mut url = String::new();
    BufReader::new(output).read_line(&mut url).context("the fake Cohere does not say where it is")?;
    Ok((fake, url.trim().to_owned()))
}
