//! The capabilities of components. Each has a folder, named like its manifest entry and its WIT package. The order
//! in each is: description, bindings, context, host functions.

pub(crate) mod cohere;
pub(crate) mod config;
pub(crate) mod identity;
pub(crate) mod logging;
pub(crate) mod postgres;
