//! `wasi:logging/logging`: a component's lines in the host's log, each with the component, its version and the
//! request that it was written for.

use wasmtime::component::{HasSelf, Linker};

use self::bindings::wasi::logging::logging::{self, Level};
use crate::instance::RequestContext;
use crate::state::State;

mod bindings {
    wasmtime::component::bindgen!({
        path: "../../wit/deps/logging",
        inline: "package berth:host; world logging { import wasi:logging/logging@0.1.0-draft; }",
        world: "berth:host/logging",
    });
}

/// Bytes of one line, after which it is cut.
const MAX_LINE: usize = 8 * 1024;

/// Links the capability.
pub(crate) fn add_to_linker(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    logging::add_to_linker::<_, HasSelf<State>>(linker, |state| state)
}

impl logging::Host for State {
    fn log(&mut self, level: Level, context: String, message: String) {
        write(&self.request, level, &context, &message);
    }
}

/// Writes one line of a component.
pub(crate) fn write(request: &RequestContext, level: Level, context: &str, message: &str) {
    // tracing wants its levels at compile time.
    macro_rules! line {
        ($level:ident) => {
            tracing::$level!(
                target: "component",
                component = request.component,
                version = request.version,
                request_id = request.request_id,
                context = escape(context),
                "{}",
                escape(message)
            )
        };
    }
    match level {
        Level::Trace => line!(trace),
        Level::Debug => line!(debug),
        Level::Info => line!(info),
        Level::Warn => line!(warn),
        Level::Error | Level::Critical => line!(error),
    }
}

/// Control characters as escapes, so that no component can end a line, forge the next or colour a terminal; and no
/// more than [`MAX_LINE`] bytes.
fn escape(text: &str) -> String {
    let mut line = String::with_capacity(text.len().min(MAX_LINE));
    for character in text.chars() {
        if line.len() >= MAX_LINE {
            line.push('…');
            break;
        }
        if character.is_control() {
            line.extend(character.escape_default());
        } else {
            line.push(character);
        }
    }
    line
}

pub(crate) use self::bindings::wasi::logging::logging::Level as LogLevel;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_stays_one_line() {
        assert_eq!(escape("a\r\n\u{1b}[31mb\u{9b}c"), r"a\r\n\u{1b}[31mb\u{9b}c");
        assert_eq!(escape("grün ✓"), "grün ✓");
    }

    #[test]
    fn a_line_is_cut_at_its_limit() {
        assert_eq!(escape(&"x".repeat(MAX_LINE)).len(), MAX_LINE);
        assert_eq!(escape(&"x".repeat(MAX_LINE + 1)), "x".repeat(MAX_LINE) + "…");
    }
}
