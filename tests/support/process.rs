//! A host's process. It is killed when the test ends, and its log is shown when the test fails.

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::channel;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, Once, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use signal_hook::consts::{SIGINT, SIGQUIT, SIGTERM};
use signal_hook::flag::register_conditional_default;

/// The longest wait for anything: far longer than anything takes.
pub(crate) const WAIT_TIMEOUT: Duration = Duration::from_mins(3);

/// A running host.
pub(crate) struct Process {
    child: Child,
    log: Arc<Log>,
}

/// The output of a process.
#[derive(Default)]
struct Log {
    printed: Mutex<Printed>,
    changed: Condvar,
}

/// The output so far.
#[derive(Default)]
struct Printed {
    lines: Vec<String>,
    /// The number of streams that are still open.
    open: usize,
}

impl Process {
    /// Starts `command`.
    pub(crate) fn start(command: Command) -> Self {
        Self::start_with(command, Stdio::piped())
    }

    /// Starts `command`. Standard error is read only if it is piped.
    pub(crate) fn start_with(mut command: Command, stderr: Stdio) -> Self {
        default_signals();
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(stderr)
            .spawn()
            .unwrap();
        let log = Arc::new(Log::default());
        log.follow(child.stdout.take());
        log.follow(child.stderr.take());
        Self { child, log }
    }

    /// The address that the host logs when it serves.
    pub(crate) fn address(&self) -> SocketAddr {
        let line = self.wait_for("listening on http://127.0.0.1:");
        let (_, rest) = line.split_once("listening on http://").unwrap();
        let end = rest
            .find(|c: char| !(c.is_ascii_digit() || c == '.' || c == ':'))
            .unwrap_or(rest.len());
        rest[..end].parse().unwrap()
    }

    /// The process number.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits until the process has printed a line that contains `text`, and returns the first such line.
    pub(crate) fn wait_for(&self, text: &str) -> String {
        let mut printed = self.log.printed();
        // The deadline is fixed here, so that a host that prints other lines all the time does not extend it.
        let deadline = Instant::now() + WAIT_TIMEOUT;
        loop {
            if let Some(line) = printed.lines.iter().find(|line| line.contains(text)) {
                return line.clone();
            }
            assert!(
                printed.open > 0,
                "berth ended without a word of {text:?}:\n{}",
                printed.lines.join("\n")
            );
            let left = deadline.saturating_duration_since(Instant::now());
            (printed, _) = self.log.changed.wait_timeout(printed, left).unwrap();
            assert!(
                Instant::now() < deadline,
                "berth did not say {text:?}:\n{}",
                printed.lines.join("\n")
            );
        }
    }

    /// The output so far.
    pub(crate) fn log(&self) -> String {
        self.log.printed().lines.join("\n")
    }

    /// The whole output, after the end of the process.
    pub(crate) fn whole_log(&self) -> String {
        let printed = self.log.printed();
        let (printed, waited) = self
            .log
            .changed
            .wait_timeout_while(printed, WAIT_TIMEOUT, |printed| printed.open > 0)
            .unwrap();
        assert!(
            !waited.timed_out(),
            "its output is still open:\n{}",
            printed.lines.join("\n")
        );
        printed.lines.join("\n")
    }

    /// Sends a signal to the process.
    pub(crate) fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(self.child.id().try_into().unwrap()).unwrap();
        kill_process(pid, signal).unwrap();
    }

    /// Waits for the end of the process.
    pub(crate) fn wait(&mut self) -> ExitStatus {
        let deadline = Instant::now() + WAIT_TIMEOUT;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < deadline, "it does not end:\n{}", self.log());
            thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if thread::panicking() {
            eprintln!("-- what the host logged:\n{}\n--", self.log());
        }
    }
}

/// Runs `command` to its end, which must come within [`WAIT_TIMEOUT`].
pub(crate) fn output(command: &mut Command) -> Output {
    default_signals();
    let child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let pid = Pid::from_child(&child);
    let (sender, ended) = channel();
    thread::spawn(move || sender.send(child.wait_with_output()));
    let Ok(output) = ended.recv_timeout(WAIT_TIMEOUT) else {
        let _ = kill_process(pid, Signal::KILL);
        panic!("it does not end: {command:?}")
    };
    output.unwrap()
}

/// Gives programs that are started from now on the default action of signals that end a program, even if the tests ignore
/// these signals, as a program in the background of a script does: a child inherits an ignored signal, but not a handled
/// signal (execve(2)).
fn default_signals() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        for signal in [SIGINT, SIGQUIT, SIGTERM] {
            register_conditional_default(signal, Arc::new(AtomicBool::new(true))).unwrap();
        }
    });
}

impl Log {
    fn printed(&self) -> MutexGuard<'_, Printed> {
        // A test that panics while it holds the lock must still be able to show the output.
        self.printed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn follow(self: &Arc<Self>, stream: Option<impl Read + std::marker::Send + 'static>) {
        let Some(stream) = stream else { return };
        self.printed().open += 1;
        let log = Arc::clone(self);
        thread::spawn(move || {
            for line in BufReader::new(stream).split(b'\n').map_while(Result::ok) {
                log.printed()
                    .lines
                    .push(String::from_utf8_lossy(&line).into_owned());
                log.changed.notify_all();
            }
            log.printed().open -= 1;
            log.changed.notify_all();
        });
    }
}
