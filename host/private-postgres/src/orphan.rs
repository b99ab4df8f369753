//! A server that an earlier host left behind: still shutting down, or, if the host did not stop it, still
//! running.

use std::fs;
use std::path::Path;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use tokio::time::{Instant, sleep};

use crate::PrivateError;

/// How long a server may take for its shutdown checkpoint.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_mins(1);

/// Waits until no server runs on `data`. The caller must hold the lock, so that a server there has lost its
/// host.
///
/// Returns the process that the server's lock file still names. A process with this identifier is no server on these
/// data.
pub(crate) async fn wait_for_end(data: &Path) -> Result<Option<Pid>, PrivateError> {
    let deadline = Instant::now() + SHUTDOWN_TIMEOUT;
    let mut told = false;
    loop {
        let named = named_process(data);
        let Some(pid) = named.filter(|pid| test_kill_process(*pid).is_ok() && serves(*pid, data)) else {
            return Ok(named);
        };
        if !told {
            tracing::info!(
                pid = pid.as_raw_pid(),
                "waiting for the PostgreSQL of an earlier run to stop"
            );
            let _ = kill_process(pid, Signal::INT);
            told = true;
        }
        if Instant::now() > deadline {
            return Err(PrivateError::Orphan {
                pid: pid.as_raw_pid(),
            });
        }
        sleep(Duration::from_millis(10)).await;
    }
}

/// The process named in the first line of the server's lock file.
fn named_process(data: &Path) -> Option<Pid> {
    let text = fs::read_to_string(data.join("postmaster.pid")).ok()?;
    text.lines().next()?.trim().parse().ok().and_then(Pid::from_raw)
}

/// Whether a process is a server on `data`: after a restart of the container, another process soon has its
/// identifier.
#[cfg(target_os = "linux")]
fn serves(pid: Pid, data: &Path) -> bool {
    use std::os::unix::ffi::OsStrExt;

    let data = data.as_os_str().as_bytes();
    fs::read(format!("/proc/{}/cmdline", pid.as_raw_pid())).is_ok_and(|arguments| {
        arguments
            .split(|byte| *byte == 0)
            .any(|argument| argument == data)
    })
}

/// Without `/proc`, the lock file is believed.
#[cfg(not(target_os = "linux"))]
fn serves(_pid: Pid, _data: &Path) -> bool {
    true
}
