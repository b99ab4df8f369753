//! Where and why a guest has failed, as text for the log.

use std::fmt::{self, Display, Write as _};
use std::sync::Arc;

use rustc_demangle::demangle;
use tokio::task::spawn_blocking;
use tracing::field::display;
use wasmtime::{Trap, WasmBacktrace};

use crate::request::RequestContext;
use crate::request::incident::one_line;
use crate::source_lines::SourceLines;

/// The longest function name in a backtrace, in bytes.
const MAX_NAME_BYTES: usize = 300;

/// The beginning of wasmtime's backtrace message, which is one of the messages of an error.
const BACKTRACE_MESSAGE: &str = "error while executing at wasm backtrace";

/// Prefix of the fault address that usually means a stack overflow in linear memory: the stack grows down to 0, and
/// the next address is the highest.
const BELOW_ZERO: &str = "memory fault at wasm address 0xffff";

/// Why a guest has failed: wasmtime's message without a backtrace.
pub(crate) struct Reason<'a>(pub(crate) &'a wasmtime::Error);

impl Display for Reason<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let messages = self.0.chain().map(ToString::to_string);
        let messages: Vec<_> = messages
            .filter(|message| !message.starts_with(BACKTRACE_MESSAGE))
            .collect();
        formatter.write_str(&messages.join(": "))?;
        if self.0.downcast_ref::<Trap>() == Some(&Trap::StackOverflow) {
            return formatter.write_str(" (the host gives each instance 512 KiB of stack)");
        }
        if messages.iter().any(|message| message.starts_with(BELOW_ZERO)) {
            return formatter.write_str(
                " (its stack in linear memory may be full: link it with a larger one, `-C link-arg=-zstack-size=…`)",
            );
        }
        Ok(())
    }
}

/// A function that was running when the guest failed.
struct Frame {
    name: String,
    /// The offset in the component, if the machine code has an address map.
    place: Option<usize>,
}

/// The functions on the guest's stack, the innermost first.
pub(crate) struct Backtrace(Vec<Frame>);

impl Backtrace {
    /// The backtrace of a guest that was not running.
    pub(crate) fn none() -> Self {
        Self(Vec::new())
    }

    /// The backtrace of an error; empty if the guest was not running.
    pub(crate) fn from_error(error: &wasmtime::Error) -> Self {
        let frames = error
            .downcast_ref::<WasmBacktrace>()
            .map_or(&[][..], WasmBacktrace::frames);
        let frame = |frame: &wasmtime::FrameInfo| Frame {
            name: frame
                .func_name()
                .map_or_else(|| format!("function {}", frame.func_index()), name),
            // For a module in a component, wasmtime counts from the start of the component.
            place: frame.module_offset(),
        };
        Self(frames.iter().map(frame).collect())
    }

    /// One line for each function, with file and line if `lines` has them.
    pub(crate) async fn in_words(self, lines: Option<&Arc<SourceLines>>) -> String {
        let Some(lines) = lines.cloned() else {
            return self.write(None);
        };
        // Blocking, because the file system may be slow.
        spawn_blocking(move || self.write(Some(&lines)))
            .await
            .unwrap_or_default()
    }

    fn write(&self, lines: Option<&SourceLines>) -> String {
        let mut text = String::new();
        for Frame { name, place } in &self.0 {
            // Writing to a string cannot fail.
            let _ = write!(text, "\n    at {name}");
            if let Some((path, line)) = lines.zip(*place).and_then(|(lines, place)| lines.find(place)) {
                let _ = write!(text, " ({}:{line})", one_line(path));
            }
        }
        text
    }
}

impl RequestContext {
    /// Logs and records why the component failed, and where.
    pub(crate) async fn failure(
        &self,
        error: impl Display,
        backtrace: Backtrace,
        lines: Option<&Arc<SourceLines>>,
    ) {
        let error = one_line(error);
        let (is_logged, is_recorded) = (self.log.admit(error.len()), self.traps.admit());
        if !is_logged && !is_recorded {
            return;
        }
        let backtrace = backtrace.in_words(lines).await;
        if is_recorded {
            self.record_trap(error.clone(), &backtrace);
        }
        if !is_logged {
            return;
        }
        self.log.charge(backtrace.len());
        let Self {
            component,
            version,
            request_id,
            ..
        } = self;
        let route = self.route.as_deref();
        // Last, because each function has a line of its own in the log for people.
        let backtrace = Some(backtrace).filter(|text| !text.is_empty()).map(display);
        tracing::error!(
            component,
            version,
            request_id,
            route,
            error,
            backtrace,
            "the component failed"
        );
    }
}

/// The demangled name of a function, cut if it is too long.
fn name(mangled: &str) -> String {
    let mut name = one_line(format_args!("{:#}", demangle(mangled)));
    if name.len() > MAX_NAME_BYTES {
        name.truncate(name.floor_char_boundary(MAX_NAME_BYTES));
        name.push('…');
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_as_in_the_source_and_on_one_line() {
        assert_eq!(
            name("_ZN4todo5tasks6create17h0123456789abcdefE"),
            "todo::tasks::create"
        );
        assert_eq!(name("_RNvCs1234_7mycrate3foo"), "mycrate::foo");
        assert_eq!(name("a\n    at b"), "a\\n    at b");
        assert_eq!(name(&"x".repeat(1000)).chars().count(), MAX_NAME_BYTES + 1);
    }
}
