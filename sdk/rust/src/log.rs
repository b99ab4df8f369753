//! Lines in the host's log, which adds the component's name, its version and the request's id.

#[cfg(target_arch = "wasm32")]
use crate::bindings::http::wasi::logging::logging::{Level, log};

/// Logs an event that is no failure.
pub fn info(context: &str, message: &str) {
    write(Severity::Info, context, message);
}

/// Logs a failure from which the component recovered.
pub fn warn(context: &str, message: &str) {
    write(Severity::Warn, context, message);
}

/// Logs a failed request that is not the caller's fault.
pub fn error(context: &str, message: &str) {
    write(Severity::Error, context, message);
}

#[derive(Debug, Clone, Copy)]
enum Severity {
    Info,
    Warn,
    Error,
}

#[cfg(target_arch = "wasm32")]
fn write(severity: Severity, context: &str, message: &str) {
    let level = match severity {
        Severity::Info => Level::Info,
        Severity::Warn => Level::Warn,
        Severity::Error => Level::Error,
    };
    log(level, context, message);
}

/// A component's native tests have no host, so they write to standard error.
#[cfg(not(target_arch = "wasm32"))]
fn write(severity: Severity, context: &str, message: &str) {
    eprintln!("{severity:?} {context}: {message}");
}
