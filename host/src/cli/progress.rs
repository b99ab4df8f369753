//! Shows the steps of a swap as they happen.

use std::io::{self, Write};

use berth_rollout::report::{StepReport, StepState};

use super::text::{time, word};
use crate::escape::escape;

/// Moves to the beginning of the line and clears it.
const CLEAR_LINE: &str = "\r\u{1b}[K";

/// Shows steps, a line each. On a terminal, a line appears when its step begins, and is rewritten when the step ends.
pub(super) struct Steps<W: Write> {
    out: W,
    terminal: bool,
    /// Whether the last line's step has not ended yet.
    open: bool,
}

impl<W: Write> Steps<W> {
    /// Shows steps on `out`. `terminal` tells whether `out` is a terminal.
    pub(super) fn new(out: W, terminal: bool) -> Self {
        Self {
            out,
            terminal,
            open: false,
        }
    }

    /// Shows that a step has begun or ended.
    pub(super) fn show(&mut self, step: &StepReport) -> io::Result<()> {
        match (step.state, self.terminal) {
            (StepState::Started, true) => {
                self.clear()?;
                write!(self.out, "  … {}", word(&step.step))?;
                self.open = true;
            }
            (StepState::Started, false) => {}
            (state, true) => {
                self.clear()?;
                writeln!(self.out, "  {} {}", mark(state), ended(step))?;
            }
            (_, false) => writeln!(self.out, "{}", line(step))?,
        }
        self.out.flush()
    }

    fn clear(&mut self) -> io::Result<()> {
        if self.open {
            self.open = false;
            write!(self.out, "{CLEAR_LINE}")?;
        }
        Ok(())
    }
}

impl<W: Write> Drop for Steps<W> {
    /// Ends the line, so that further output, such as an error, begins on a new line.
    fn drop(&mut self) {
        if self.open {
            // A failure to print cannot be reported.
            drop(writeln!(self.out));
        }
    }
}

/// A step as a plain line, with its state as a word.
pub(super) fn line(step: &StepReport) -> String {
    format!("{:8} {}", word(&step.state), ended(step))
}

fn mark(state: StepState) -> char {
    match state {
        StepState::Started => '…',
        StepState::Passed => '✓',
        StepState::Skipped => '-',
        StepState::Failed => '✗',
    }
}

fn ended(step: &StepReport) -> String {
    let detail = step
        .detail
        .as_deref()
        .map(|detail| format!("  {}", escape(detail)));
    format!(
        "{:10} {:>8}{}",
        word(&step.step),
        time(step.milliseconds),
        detail.unwrap_or_default()
    )
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

    use berth_rollout::report::Step;

    use super::super::test_values::step;
    use super::*;

    /// The output of a swap that fails at its probe.
    fn shown(terminal: bool) -> String {
        let mut out = Vec::new();
        let mut steps = Steps::new(&mut out, terminal);
        for (which, state, milliseconds, detail) in [
            (Step::Size, StepState::Passed, 0.02, None),
            (
                Step::Compile,
                StepState::Passed,
                812.4,
                Some("from the \u{1b}[31mcode cache"),
            ),
            (Step::Migrations, StepState::Skipped, 0.0, Some("none are new")),
            (Step::Probe, StepState::Failed, 10_030.0, None),
        ] {
            steps.show(&step(which, StepState::Started, 0.0, None)).unwrap();
            steps.show(&step(which, state, milliseconds, detail)).unwrap();
        }
        drop(steps);
        String::from_utf8(out)
            .unwrap()
            .replace('\r', "\\r")
            .replace('\u{1b}', "\\e")
    }

    #[test]
    fn on_a_terminal_a_line_is_rewritten_when_its_step_ends() {
        insta::assert_snapshot!(shown(true), @r"
        … size\r\e[K  ✓ size         0.0 ms
        … compile\r\e[K  ✓ compile      812 ms  from the \u{1b}[31mcode cache
        … migrations\r\e[K  - migrations   0.0 ms  none are new
        … probe\r\e[K  ✗ probe       10.03 s
        ");
    }

    #[test]
    fn elsewhere_each_step_that_ended_is_a_plain_line() {
        insta::assert_snapshot!(shown(false), @r"
        passed   size         0.0 ms
        passed   compile      812 ms  from the \u{1b}[31mcode cache
        skipped  migrations   0.0 ms  none are new
        failed   probe       10.03 s
        ");
    }

    #[test]
    fn a_line_that_waits_is_ended_before_anything_else_is_said() {
        let mut out = Vec::new();
        Steps::new(&mut out, true)
            .show(&step(Step::Probe, StepState::Started, 0.0, None))
            .unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), "  … probe\n");
    }
}
