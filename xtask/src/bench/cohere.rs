//! The fake Cohere, built in release: a process of its own, which no server's figures include.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result};

use crate::workspace::Workspace;

/// A fake that runs until this is dropped.
pub(crate) struct Cohere {
    child: Child,
    pub(crate) url: String,
}

impl Cohere {
    /// Starts it on a port of its own choice.
    pub(crate) fn start(workspace: &Workspace) -> Result<Self> {
        let mut child = Command::new(workspace.program("release", "fake-cohere"))
            .args(["--port", "0", "--with-parent"])
            .stdout(Stdio::piped())
            .spawn()
            .context("the fake Cohere does not start")?;
        let output = child.stdout.take().context("the fake Cohere has no output")?;
        let mut url = String::new();
        BufReader::new(output).read_line(&mut url).context("the fake Cohere does not say where it is")?;
        Ok(Self { child, url: url.trim().to_owned() })
    }
}

impl Drop for Cohere {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
