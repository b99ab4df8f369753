//! The fake Cohere, built in release. It is a process of its own, so that no server's figures include it.

use std::process::Child;

use anyhow::Result;

use crate::fake_cohere;
use crate::workspace::Workspace;

/// A fake that is stopped when it is dropped.
pub(crate) struct Cohere {
    child: Child,
    pub(crate) url: String,
}

impl Cohere {
    /// Starts the fake.
    pub(crate) fn start(workspace: &Workspace) -> Result<Self> {
        let (child, url) = fake_cohere::start(&workspace.program("release", "fake-cohere"))?;
        Ok(Self { child, url })
    }
}

impl Drop for Cohere {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
