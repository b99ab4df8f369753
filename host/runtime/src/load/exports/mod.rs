//! Exports that the host calls while it loads a component.

pub(super) mod migrations;
pub(super) mod openapi;
