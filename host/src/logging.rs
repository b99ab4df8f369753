//! The log: one line an event, on standard error, for people or for machines.
//!
//! Whatever a message holds, it cannot break its line or reach the operator's terminal: control characters are escaped.

use std::io::{self, Write};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

use crate::config::{Log, LogFormat};
use crate::printable::printable;

/// Starts logging. Once a process: whoever comes second is ignored.
pub fn start(log: &Log) {
    let filter = EnvFilter::try_new(&log.filter).unwrap_or_else(|_| EnvFilter::new("info"));
    let subscriber =
        tracing_subscriber::fmt().with_env_filter(filter).with_writer(Lines(io::stderr)).with_ansi(false);
    let started = match log.format {
        LogFormat::Json => {
            subscriber.json().flatten_event(true).with_current_span(true).with_span_list(false).try_init()
        }
        LogFormat::Pretty => subscriber.with_target(false).try_init(),
    };
    drop(started);
}

/// Writers that write whole lines. The subscriber writes an event with one call.
struct Lines<M>(M);

impl<'a, M: MakeWriter<'a>> MakeWriter<'a> for Lines<M> {
    type Writer = Line<M::Writer>;

    fn make_writer(&'a self) -> Self::Writer {
        Line(self.0.make_writer())
    }
}

struct Line<W>(W);

impl<W: Write> Write for Line<W> {
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        self.0.write_all(&one_line(event))?;
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// The event with control characters escaped, but for the line end that closes it.
fn one_line(event: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(event);
    let (text, end) = text.strip_suffix('\n').map_or((&*text, ""), |text| (text, "\n"));
    let mut line = printable(text);
    line.push_str(end);
    line.into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_neither_break_a_line_nor_reach_the_terminal() {
        let event = "a\nb\r\n\u{1b}[31mred\u{9b}\u{7f}\0 übrig\t\n";
        let line = r"a\nb\r\n\u{1b}[31mred\u{9b}\u{7f}\u{0} übrig\t";
        assert_eq!(String::from_utf8_lossy(&one_line(event.as_bytes())), format!("{line}\n"));
    }
}
