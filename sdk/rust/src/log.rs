//! Lines in the host's log: `wasi:logging/logging`, granted by `capabilities = ["logging"]`. The host adds the
//! component's name, its version and the request's id.
//!
//! `context` groups lines: the name of a route or of a part of the component.

use crate::host;

/// The severity of a line.
///
/// ```
/// use berth_sdk::log::{self, Level};
/// # use berth_sdk::testing::Host;
///
/// let host = Host::new();
/// host.run(|| log::warn("hooks", "the second target answered"));
/// assert_eq!(host.log()[0].level, Level::Warn);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// For somebody who searches for a fault.
    Debug,
    /// An event that is no failure.
    Info,
    /// A failure from which the component recovered.
    Warn,
    /// A failed request that is not the caller's fault.
    Error,
}

/// Logs a detail for somebody who searches for a fault. The host drops the line unless its log level is `debug`.
///
/// ```
/// berth_sdk::log::debug("notes", "the cache is cold");
/// ```
pub fn debug(context: &str, message: &str) {
    host::log(Level::Debug, context, message);
}

/// Logs an event that is no failure.
///
/// ```
/// berth_sdk::log::info("notes", "a note was shared");
/// ```
pub fn info(context: &str, message: &str) {
    host::log(Level::Info, context, message);
}

/// Logs a failure from which the component recovered.
///
/// ```
/// berth_sdk::log::warn("hooks", "the second target answered in place of the first");
/// ```
pub fn warn(context: &str, message: &str) {
    host::log(Level::Warn, context, message);
}

/// Logs a failed request that is not the caller's fault.
///
/// ```
/// berth_sdk::log::error("hooks", "no target answered");
/// ```
pub fn error(context: &str, message: &str) {
    host::log(Level::Error, context, message);
}
