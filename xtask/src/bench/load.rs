//! The load, from wrk: one thread of C takes least of the processors that it shares with the server, and its script is
//! told of latencies and of every kind of failure. Debian and Homebrew have it.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use super::workload::Request;
use crate::command::run;

const SCRIPT: &str = include_str!("wrk.lua");

/// A request that takes longer has failed.
const REQUEST_TIMEOUT: &str = "5s";

/// What the generator saw.
#[derive(Deserialize)]
pub(crate) struct Outcome {
    /// Answers that came, good or bad.
    pub(crate) requests: u64,
    pub(crate) seconds: f64,
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
    pub(crate) p999_ms: f64,
    /// Connections, requests and answers that went wrong, any status but 2xx and 3xx, and what took too long.
    pub(crate) failed: u64,
}

/// The generator.
pub(crate) struct Load {
    script: PathBuf,
}

impl Load {
    /// Installs wrk where it lacks, and puts its script into `folder`.
    pub(crate) fn prepare(folder: &Path) -> Result<Self> {
        // Without arguments it only tells its usage.
        let is_there = Command::new("wrk").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok();
        if !is_there {
            run(Command::new("apt-get").args(["install", "--yes", "--quiet", "wrk"]))
                .context("install wrk: `sudo apt-get install wrk`, `brew install wrk`")?;
        }
        let script = folder.join("wrk.lua");
        std::fs::write(&script, SCRIPT)?;
        Ok(Self { script })
    }

    /// Sends `request` again and again for `seconds`, `concurrency` at once, each on a connection that is kept.
    pub(crate) fn run(
        &self,
        address: SocketAddr,
        request: &Request,
        concurrency: u32,
        seconds: u32,
    ) -> Result<Outcome> {
        let Request { method, path, token, body } = request;
        let output = Command::new("wrk")
            .args(["--threads=1", &format!("--connections={concurrency}"), &format!("--duration={seconds}s")])
            .args(["--latency", &format!("--timeout={REQUEST_TIMEOUT}"), "--script"])
            .arg(&self.script)
            .args([&format!("http://{address}{path}"), "--", *method, token, body])
            .output()?;
        let text = String::from_utf8_lossy(&output.stdout);
        ensure!(output.status.success(), "wrk: {text}{}", String::from_utf8_lossy(&output.stderr));
        let line = text.lines().rfind(|line| line.starts_with('{')).context("wrk told nothing")?;
        Ok(serde_json::from_str(line)?)
    }
}
