//! Turns the subscriber's events into whole lines of text.

use std::io::{self, Write};

use tracing_subscriber::fmt::MakeWriter;

use super::queue::Queue;
use crate::config::LogFormat;
use crate::escape::{escape, escape_json};

/// Makes a line of each event for the queue.
pub(super) struct Lines {
    queue: Queue,
    format: LogFormat,
}

impl Lines {
    pub(super) fn new(queue: Queue, format: LogFormat) -> Self {
        Self { queue, format }
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Line<'a>;

    fn make_writer(&'a self) -> Line<'a> {
        Line(self)
    }
}

/// Writes a single event, which the subscriber passes in one call.
pub(super) struct Line<'a>(&'a Lines);

impl Write for Line<'_> {
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(event);
        let text = text.strip_suffix('\n').unwrap_or(&text);
        let mut line = match self.0.format {
            LogFormat::Json => escape_json(text),
            LogFormat::Pretty => one_line(text),
        };
        line.push('\n');
        self.0.queue.push(line.as_bytes());
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The start of an event's further lines. Such a line belongs to the line before, whichever event wrote it.
const FURTHER_LINE: &str = "\n    at ";

/// Escapes the event's control characters, except for the line ends of a backtrace.
fn one_line(text: &str) -> String {
    let lines: Vec<_> = text.split(FURTHER_LINE).map(escape).collect();
    lines.join(FURTHER_LINE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_neither_break_a_line_nor_reach_the_terminal() {
        let event = "a\nb\r\n\u{1b}[31mred\u{9b}\u{7f}\0 übrig\t";
        let line = r"a\nb\r\n\u{1b}[31mred\u{9b}\u{7f}\u{0} übrig\t";
        assert_eq!(one_line(event), line);
    }

    #[test]
    fn the_lines_of_a_backtrace_are_kept_and_can_be_told_from_events() {
        let event = "failed\n    at todo::list (src/\u{1b}tasks.rs:7)\n    at main\n  at";
        let lines = "failed\n    at todo::list (src/\\u{1b}tasks.rs:7)\n    at main\\n  at";
        assert_eq!(one_line(event), lines);
    }
}
