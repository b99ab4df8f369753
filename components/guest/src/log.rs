//! Messages for the operator, who reads them with the component's name, its version and the request's id.

#[cfg(target_arch = "wasm32")]
use crate::bindings::http::wasi::logging::logging::{Level, log};

/// Something worth knowing, about nothing in particular that is wrong.
pub fn info(context: &str, message: &str) {
    write(Severity::Info, context, message);
}

/// Something is wrong, and was coped with.
pub fn warn(context: &str, message: &str) {
    write(Severity::Warn, context, message);
}

/// A request failed, and not by its caller's fault.
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

/// In a component's native tests there is no host: standard error takes its place.
#[cfg(not(target_arch = "wasm32"))]
fn write(severity: Severity, context: &str, message: &str) {
    eprintln!("{severity:?} {context}: {message}");
}
