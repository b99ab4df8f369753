//! What a component can be given, a file each, under the word that the manifest and the WIT package have for it.
//! Each file reads from top to bottom: what it is, its bindings, its context, the host functions.

pub(crate) mod cohere;
pub(crate) mod config;
pub(crate) mod identity;
pub(crate) mod logging;
pub(crate) mod migrations;
pub(crate) mod openapi;
pub(crate) mod outgoing_http;
pub(crate) mod postgres;
pub(crate) mod stdio;
