//! Runs tests with a time limit for each: a test that takes longer than [`BOUND`] ends the run, and is named.
//!
//! The test harness prints a line when a test ends, and another when a test has run for over a minute. Time counts only
//! between `running 7 tests` and `test result: …`, since compiling has no limit.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::process::CommandExt as _;
use std::process::{ChildStdout, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use rustix::process::{Pid, Signal, kill_process_group};
use signal_hook::low_level::emulate_default_handler;

use crate::command::line;
use crate::signals::{SIGNALS, Signals};

/// The longest run of one test: far longer than any test takes, also on a busy machine.
const BOUND: Duration = Duration::from_mins(10);

/// The pause between two checks whether the tests have ended.
const CHECK_INTERVAL: Duration = Duration::from_secs(1);

/// Runs `command`, which prints the output of Rust's test harness, and waits for it. Its process group is killed when a
/// test takes too long.
pub(crate) fn run(command: &mut Command, signals: &Signals) -> Result<()> {
    let line = line(command);
    eprintln!("$ {line}");
    let mut child = command
        .process_group(0)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("`{line}` does not start"))?;
    let group = Pid::from_child(&child);
    pass_on(signals, group)?;
    let lines = child
        .stdout
        .take()
        .map(lines_of)
        .context("the tests have no standard output")?;
    let mut tests = Tests::default();
    let status = loop {
        match lines.recv_timeout(CHECK_INTERVAL) {
            Ok(line) => {
                std::io::stdout().write_all(&line)?;
                tests.read(&String::from_utf8_lossy(&line), Instant::now());
            }
            Err(RecvTimeoutError::Disconnected) => break child.wait()?,
            // A process that the tests have left behind may keep the pipe open.
            Err(RecvTimeoutError::Timeout) => {
                if let Some(status) = child.try_wait()? {
                    break status;
                }
            }
        }
        if let Some(overdue) = tests.overdue(Instant::now()) {
            kill_process_group(group, Signal::KILL)?;
            child.wait()?;
            bail!("{overdue}: the tests were killed");
        }
    };
    ensure!(status.success(), "`{line}` failed: {status}");
    Ok(())
}

/// Makes signals that end xtask end the process group too, because a terminal sends signals to xtask's own group alone.
fn pass_on(signals: &Signals, group: Pid) -> Result<()> {
    let mut received = signal_hook::iterator::Signals::new(SIGNALS)?;
    signals.keep_xtask();
    thread::spawn(move || {
        for signal in received.forever() {
            let _ = Signal::from_named_raw(signal).map(|signal| kill_process_group(group, signal));
            let _ = emulate_default_handler(signal);
        }
    });
    Ok(())
}

fn lines_of(output: ChildStdout) -> Receiver<Vec<u8>> {
    let (sender, lines) = channel();
    thread::spawn(move || {
        let mut output = BufReader::new(output);
        let mut line = Vec::new();
        while output.read_until(b'\n', &mut line).is_ok_and(|bytes| bytes > 0)
            && sender.send(std::mem::take(&mut line)).is_ok()
        {}
    });
    lines
}

/// The running tests of one program.
#[derive(Default)]
struct Tests {
    /// The time of the harness's last line; `None` while no tests run.
    last_line: Option<Instant>,
    /// The tests that have run for over a minute, and the time at which the harness reported each.
    slow: BTreeMap<String, Instant>,
}

impl Tests {
    /// Updates the state from a line of the harness.
    fn read(&mut self, line: &str, now: Instant) {
        let line = line.trim_end();
        if line.starts_with("test result: ") {
            *self = Self::default();
            return;
        }
        if line.starts_with("running ") && line.ends_with(['t', 's']) || self.last_line.is_some() {
            self.last_line = Some(now);
        }
        let Some(line) = line.strip_prefix("test ") else {
            return;
        };
        if let Some((name, _)) = line.split_once(" has been running for over ") {
            self.slow.insert(name.to_owned(), now);
        } else if let Some((name, _)) = line.split_once(" ... ") {
            self.slow.remove(name);
        }
    }

    /// The name of a test that takes too long, if there is one.
    fn overdue(&self, now: Instant) -> Option<String> {
        let is_over = |since: Instant| now.duration_since(since) >= BOUND;
        let mut slow = self.slow.iter().filter(|(_, since)| is_over(**since));
        if let Some((name, _)) = slow.next() {
            return Some(format!(
                "the test {name} has not ended in {} minutes",
                BOUND.as_secs() / 60
            ));
        }
        let silent = self.last_line.is_some_and(is_over);
        silent.then(|| format!("no test has ended in {} minutes", BOUND.as_secs() / 60))
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

    use super::*;

    fn after(lines: &[&str], seconds: u64) -> Option<String> {
        let now = Instant::now();
        let mut tests = Tests::default();
        for line in lines {
            tests.read(line, now);
        }
        tests.overdue(now + Duration::from_secs(seconds))
    }

    #[test]
    fn a_test_that_does_not_end_is_named() {
        let lines = [
            "running 2 tests\n",
            "test a::slow has been running for over 60 seconds\n",
        ];
        assert_eq!(after(&lines, 599), None);
        assert!(after(&lines, 600).unwrap().contains("the test a::slow"));
        let ended = [lines[0], lines[1], "test a::slow ... ok\n"];
        assert!(after(&ended, 600).unwrap().contains("no test has ended"));
    }

    #[test]
    fn compiling_has_no_bound() {
        assert_eq!(after(&[], 10_000), None);
        assert_eq!(
            after(
                &[
                    "running 1 test\n",
                    "test a ... ok\n",
                    "test result: ok. 1 passed\n"
                ],
                10_000
            ),
            None
        );
    }

    #[test]
    fn what_a_test_prints_does_not_end_another() {
        let mut tests = Tests::default();
        let began = Instant::now();
        tests.read("running 2 tests", began);
        tests.read("test a has been running for over 60 seconds", began);
        tests.read("test b ... ok", began + BOUND);
        assert!(tests.overdue(began + BOUND).unwrap().contains("the test a "));
    }
}
