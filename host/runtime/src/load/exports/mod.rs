//! The exports that the host calls while it loads a component.

pub(super) mod migrations;
pub(super) mod openapi;

/// The packages of these exports.
#[cfg(test)]
pub(super) const PACKAGES: [&str; 2] = ["berth:migrations", "berth:openapi"];
