//! The host's log lines about a component's actions. A component can cause them at will, so they count in its log
//! budget.

use std::fmt::{self, Display, Write};
use std::num::NonZeroU32;

use super::RequestContext;
use super::log_budget::LogBudget;

/// The longest log line that a component causes, in bytes; longer lines are cut.
pub(crate) const MAX_LINE: usize = 8 * 1024;

impl RequestContext {
    /// Logs a forbidden action of the component.
    pub(crate) fn warn(&self, message: impl Display) {
        warn(
            &self.log,
            &self.component,
            self.version,
            &self.request_id,
            message,
        );
    }

    /// Logs a failure of the component, and its reason.
    pub(crate) fn error(&self, message: &str, error: impl Display) {
        let error = one_line(error);
        if self.log.admit(message.len() + error.len()) {
            let Self {
                component,
                version,
                request_id,
                ..
            } = self;
            tracing::error!(component, version, request_id, error, "{message}");
        }
    }
}

/// Logs what is wrong with a response of a component, if the component's log budget allows the line.
pub(crate) fn warn(
    log: &LogBudget,
    component: &str,
    version: Option<NonZeroU32>,
    request_id: &str,
    message: impl Display,
) {
    let message = one_line(message);
    if log.admit(message.len()) {
        tracing::warn!(component, version, request_id, "{message}");
    }
}

/// Escapes control characters, so that no component can end a line, forge the next line or colour a terminal. The text
/// is cut at [`MAX_LINE`] bytes: the rest is not even formatted.
pub(crate) fn one_line(text: impl Display) -> String {
    let mut line = Line(String::new());
    if write!(line, "{text}").is_err() {
        line.0.push('…');
    }
    line.0
}

struct Line(String);

impl Write for Line {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for character in text.chars() {
            if self.0.len() >= MAX_LINE {
                return Err(fmt::Error);
            }
            if character.is_control() {
                self.0.extend(character.escape_default());
            } else {
                self.0.push(character);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_stays_one_line() {
        assert_eq!(one_line("a\r\n\u{1b}[31mb\u{9b}c"), r"a\r\n\u{1b}[31mb\u{9b}c");
        assert_eq!(one_line("grün ✓"), "grün ✓");
    }

    #[test]
    fn a_line_is_cut_at_its_limit() {
        assert_eq!(one_line("x".repeat(MAX_LINE)).len(), MAX_LINE);
        assert_eq!(one_line("x".repeat(MAX_LINE + 1)), "x".repeat(MAX_LINE) + "…");
        assert!(one_line("\u{1b}".repeat(MAX_LINE)).len() < MAX_LINE + 16);
    }
}
