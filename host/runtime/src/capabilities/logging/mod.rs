//! `wasi:logging/logging`: a component's lines in the host's log, each with the component, its version and the
//! request.

use wasmtime::component::{HasSelf, Linker};

use self::bindings::wasi::logging::logging::{self, Level};
use crate::request::incident::{MAX_LINE, one_line};
use crate::run::instance::RequestContext;
use crate::run::state::State;

mod bindings {
    wasmtime::component::bindgen!({
        path: "../../wit/deps/logging",
        inline: "package berth:host; world logging { import wasi:logging/logging@0.1.0-draft; }",
        world: "berth:host/logging",
    });
}

/// Links the capability.
pub(crate) fn add_to_linker(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    logging::add_to_linker::<_, HasSelf<State>>(linker, |state| state)
}

impl logging::Host for State {
    fn log(&mut self, level: Level, context: String, message: String) {
        write(&self.request, level, &context, &message);
    }
}

/// Writes one line of a component, if the log budget allows it. A refused line costs almost nothing.
pub(crate) fn write(request: &RequestContext, level: Level, context: &str, message: &str) {
    // tracing needs the level at compile time.
    macro_rules! line {
        ($level:ident) => {
            if tracing::event_enabled!(target: "component", tracing::Level::$level)
                && let Some((context, message)) = admit(request, context, message)
            {
                let RequestContext { component, version, request_id, .. } = request;
                tracing::event!(
                    target: "component",
                    tracing::Level::$level,
                    component,
                    version,
                    request_id,
                    context,
                    "{message}"
                );
            }
        };
    }
    match level {
        Level::Trace => line!(TRACE),
        Level::Debug => line!(DEBUG),
        Level::Info => line!(INFO),
        Level::Warn => line!(WARN),
        Level::Error | Level::Critical => line!(ERROR),
    }
}

/// Both texts as they are logged, if the component's log budget allows them.
fn admit(request: &RequestContext, context: &str, message: &str) -> Option<(String, String)> {
    let bytes = context.len().min(MAX_LINE) + message.len().min(MAX_LINE);
    if !request.log.admit(bytes) {
        return None;
    }
    let (context, message) = (one_line(context), one_line(message));
    request
        .log
        .charge((context.len() + message.len()).saturating_sub(bytes));
    Some((context, message))
}

pub(crate) use self::bindings::wasi::logging::logging::Level as LogLevel;
