//! The capabilities of components. Each has a file, named like its manifest entry and its WIT package. The order
//! in each file is: description, bindings, context, host functions.

pub(crate) mod cohere;
pub(crate) mod config;
pub(crate) mod identity;
pub(crate) mod logging;
pub(crate) mod migrations;
pub(crate) mod openapi;
pub(crate) mod outgoing_http;
pub(crate) mod postgres;
pub(crate) mod stdio;
