//! The server's process: a child of the host that runs in the foreground and ends with it.

use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::sync::{oneshot, watch};
use tokio::time::timeout;

/// How long the server may take for its shutdown checkpoint before the host kills it.
const STOP: Duration = Duration::from_secs(30);

/// A running server. Dropping the value sends the shutdown signal and does not wait.
#[derive(Debug)]
pub(crate) struct Server {
    pid: Pid,
    exit: watch::Receiver<Option<ExitStatus>>,
}

impl Server {
    /// Starts `command` as a process that the kernel stops when the host ends, even by a crash.
    pub(crate) async fn start(mut command: Command) -> io::Result<Self> {
        // Ctrl-C in the terminal is for the host, which still needs the server to finish its requests.
        command.process_group(0);
        stop_with_parent(&mut command);
        let (started, start) = oneshot::channel();
        let (exited, exit) = watch::channel(None);
        // The kernel sees the starting thread as the parent, so the thread must live as long as the server.
        thread::Builder::new()
            .name("private-postgres".to_owned())
            .spawn(move || match command.spawn() {
                Ok(child) => {
                    let _ = started.send(Ok(child.id()));
                    let _ = exited.send(wait(child));
                }
                Err(error) => {
                    let _ = started.send(Err(error));
                }
            })?;
        let id = start.await.map_err(io::Error::other)??;
        let pid = i32::try_from(id)
            .ok()
            .and_then(Pid::from_raw)
            .ok_or(io::ErrorKind::InvalidData)?;
        Ok(Self { pid, exit })
    }

    /// Waits until the process has ended, and returns its exit status, if known.
    pub(crate) async fn exited(&self) -> Option<ExitStatus> {
        *self.exit.clone().wait_for(Option::is_some).await.ok()?
    }

    /// Stops the server by a fast shutdown, which ends all sessions, rolls back and writes a checkpoint.
    /// Returns whether the server stopped in time; if not, the process is killed.
    pub(crate) async fn stop(&self) -> bool {
        self.signal(Signal::INT);
        let stopped = timeout(STOP, self.exited()).await.is_ok();
        if !stopped {
            self.signal(Signal::KILL);
            self.exited().await;
        }
        stopped
    }

    fn signal(&self, signal: Signal) {
        // After the process has ended, another process may have its identifier.
        if self.exit.borrow().is_none() {
            let _ = kill_process(self.pid, signal);
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.signal(Signal::INT);
    }
}

fn wait(mut child: Child) -> Option<ExitStatus> {
    child.wait().ok()
}

/// Makes the kernel send SIGINT, a fast shutdown, to the process when the thread that started it is gone.
#[cfg(target_os = "linux")]
#[expect(
    unsafe_code,
    reason = "the request has to be made by the new process itself, between fork and exec"
)]
fn stop_with_parent(command: &mut Command) {
    let host = rustix::process::getpid();
    let request = move || {
        rustix::process::set_parent_process_death_signal(Some(Signal::INT))?;
        // The host may have died before the request.
        if rustix::process::getppid() != Some(host) {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        Ok(())
    };
    // SAFETY: the closure makes two system calls and nothing else: it neither allocates nor takes a lock.
    unsafe { command.pre_exec(request) };
}

/// On other systems, the next host stops a server that outlives a killed host.
#[cfg(not(target_os = "linux"))]
fn stop_with_parent(_command: &mut Command) {}
