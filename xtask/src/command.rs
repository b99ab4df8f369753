//! Runs programs: prints each command, and stops at a failure.

use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

/// The pause between two checks whether a program has ended.
const PERIOD: Duration = Duration::from_millis(50);

/// Runs `command` with this process's standard streams, and waits for its end.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let line = line(command);
    eprintln!("$ {line}");
    let status = command
        .status()
        .with_context(|| format!("`{line}` does not start"))?;
    ensure!(status.success(), "`{line}` failed: {status}");
    Ok(())
}

/// Runs `command` as [`run`] does, for at most `bound`.
pub(crate) fn run_within(command: &mut Command, bound: Duration) -> Result<()> {
    let line = line(command);
    eprintln!("$ {line}");
    let mut child = command
        .stdin(Stdio::null())
        .spawn()
        .with_context(|| format!("`{line}` does not start"))?;
    let start = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        if start.elapsed() >= bound {
            child.kill()?;
            child.wait()?;
            bail!(
                "`{line}` has not ended in {} seconds, and was killed",
                bound.as_secs()
            );
        }
        sleep(PERIOD);
    };
    ensure!(status.success(), "`{line}` failed: {status}");
    Ok(())
}

/// A command as it is printed.
pub(crate) fn line(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words
        .map(|word| word.to_string_lossy())
        .collect::<Vec<_>>()
        .join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_takes_too_long_is_killed_and_named() {
        let overdue = run_within(Command::new("sleep").arg("60"), Duration::ZERO);
        let said = overdue.err().map(|error| error.to_string()).unwrap_or_default();
        assert!(said.starts_with("`sleep 60` has not ended"), "{said}");
        assert!(run_within(&mut Command::new("true"), Duration::from_mins(1)).is_ok());
        assert!(run_within(&mut Command::new("false"), Duration::from_mins(1)).is_err());
    }
}
