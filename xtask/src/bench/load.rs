//! The load generator, wrk: its one thread in C uses the least of the processor time that it shares with the server,
//! and its script gets latencies and every kind of failure. Debian and Homebrew have it.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use super::workload::Request;
use crate::command::run;

const SCRIPT: &str = include_str!("wrk.lua");

/// A request that takes longer counts as failed.
const REQUEST_TIMEOUT: &str = "5s";

/// The generator's counts.
#[derive(Deserialize)]
pub(crate) struct Outcome {
    /// Responses, good or bad.
    pub(crate) requests: u64,
    pub(crate) seconds: f64,
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
    pub(crate) p999_ms: f64,
    /// Failed connections, requests and responses, every status but 2xx and 3xx, and timeouts.
    pub(crate) failed: u64,
}

/// The generator.
pub(crate) struct Load {
    script: PathBuf,
}

impl Load {
    /// Installs wrk if it is missing, and writes its script into `folder`.
    pub(crate) fn prepare(folder: &Path) -> Result<Self> {
        // Without arguments, wrk only prints its usage.
        let is_there = Command::new("wrk")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .is_ok();
        if !is_there {
            run(Command::new("apt-get").args(["install", "--yes", "--quiet", "wrk"]))
                .context("install wrk: `sudo apt-get install wrk`, `brew install wrk`")?;
        }
        let script = folder.join("wrk.lua");
        std::fs::write(&script, SCRIPT)?;
        Ok(Self { script })
    }

    /// Sends `request` repeatedly for `seconds`, on `concurrency` connections, which are kept open.
    pub(crate) fn run(
        &self,
        address: SocketAddr,
        request: &Request,
        concurrency: u32,
        seconds: u32,
    ) -> Result<Outcome> {
        let Request {
            method,
            path,
            token,
            body,
        } = request;
        let output = Command::new("wrk")
            .args([
                "--threads=1",
                &format!("--connections={concurrency}"),
                &format!("--duration={seconds}s"),
            ])
            .args(["--latency", &format!("--timeout={REQUEST_TIMEOUT}"), "--script"])
            .arg(&self.script)
            .args([&format!("http://{address}{path}"), "--", *method, token, body])
            .output()?;
        let text = String::from_utf8_lossy(&output.stdout);
        ensure!(
            output.status.success(),
            "wrk: {text}{}",
            String::from_utf8_lossy(&output.stderr)
        );
        let line = text
            .lines()
            .rfind(|line| line.starts_with('{'))
            .context("wrk told nothing")?;
        Ok(serde_json::from_str(line)?)
    }
}
