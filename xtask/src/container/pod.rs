//! The host in its image: read-only, without any capability, with the memory and processor limits of the deployment.

use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};
use std::{fs, process};

use anyhow::{Context, Result, ensure};

use crate::command::run;
use crate::http;

/// The pause between two checks.
const PAUSE: Duration = Duration::from_millis(20);

/// The pod's grace period: the time that Kubernetes gives it after SIGTERM, less the pause before.
const GRACE: Duration = Duration::from_secs(35);

/// A container that is removed when it is dropped.
pub(crate) struct Pod {
    name: String,
    child: Child,
    address: SocketAddr,
    started: Instant,
}

impl Pod {
    /// Starts `image`, which serves on the loopback address `address`.
    pub(crate) fn start(image: &str, address: SocketAddr, database_url: &str) -> Result<Self> {
        let name = format!("berth-container-test-{}", process::id());
        let started = Instant::now();
        let child = Command::new("podman")
            .args(["--runtime=runc", "run", "--rm", "--name", &name, "--network=host"])
            .args([
                "--read-only",
                "--read-only-tmpfs=false",
                "--cap-drop=all",
                "--security-opt=no-new-privileges",
            ])
            .args([
                "--memory=512m",
                "--cpus=0.5",
                "--ulimit=nofile=4096:4096",
                "--ulimit=nproc=4096:4096",
            ])
            .args(["--env", &format!("DATABASE_URL={database_url}")])
            .args([
                "--env",
                &format!("HOST={}", address.ip()),
                "--env",
                &format!("PORT={}", address.port()),
            ])
            .args(["--env=ENVIRONMENT=production", "--env=RUST_LOG=warn"])
            .args(["--env=JWT_SECRET=for-this-test-and-nothing-else-at-all", image])
            .stdout(Stdio::inherit())
            .spawn()
            .context("podman does not start")?;
        Ok(Self {
            name,
            child,
            address,
            started,
        })
    }

    /// Waits until the image's health check is good and `/ready` is 200. Returns the time that this took.
    pub(crate) fn wait_until_ready(&self, limit: Duration) -> Result<Duration> {
        let is_ready = || http::get(self.address, "/ready", None).is_ok_and(|answer| answer.status == 200);
        while !is_ready() {
            ensure!(
                self.started.elapsed() < limit,
                "not ready after {} s",
                limit.as_secs()
            );
            sleep(PAUSE);
        }
        let ready = self.started.elapsed();
        run(Command::new("podman").args(["healthcheck", "run", &self.name]))?;
        Ok(ready)
    }

    /// The host's resident memory, from `/proc`.
    pub(crate) fn resident(&self) -> Result<String> {
        let output = Command::new("podman")
            .args(["inspect", "--format={{.State.Pid}}", &self.name])
            .output()?;
        let status = fs::read_to_string(format!(
            "/proc/{}/status",
            String::from_utf8(output.stdout)?.trim()
        ))?;
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:"))
            .context("no VmRSS")?;
        Ok(line.trim().to_owned())
    }

    /// The output of `berth --version` in the container.
    pub(crate) fn version(&self) -> Result<String> {
        let output = Command::new("podman")
            .args(["exec", &self.name, "berth", "--version"])
            .output()?;
        Ok(String::from_utf8(output.stdout)?)
    }

    /// Sends SIGTERM, as Kubernetes does.
    pub(crate) fn terminate(&self) -> Result<()> {
        run(Command::new("podman")
            .args(["kill", "--signal=TERM", &self.name])
            .stdout(Stdio::null()))
    }

    /// Waits for the end of the host, which must be in time and without an error.
    pub(crate) fn wait(mut self) -> Result<()> {
        let told = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait()? {
                break status;
            }
            ensure!(
                told.elapsed() < GRACE,
                "still running {} s after SIGTERM",
                GRACE.as_secs()
            );
            sleep(PAUSE);
        };
        ensure!(status.success(), "the container ended with {status}");
        Ok(())
    }
}

impl Drop for Pod {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            // Best effort: every failure has been reported.
            let _ = Command::new("podman")
                .args(["rm", "--force", "--time=0", &self.name])
                .output();
            let _ = self.child.wait();
        }
    }
}
