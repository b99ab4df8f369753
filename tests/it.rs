//! Every end-to-end test: the real `berth`, a real socket, a real PostgreSQL. One module for each thing that a user sees.
//!
//! `support` starts hosts and talks to them; `fixtures` are components that misbehave on purpose. `cargo xtask test`
//! builds both.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops at the first surprise"
)]

mod support;

// For REST clients.
mod auth;
mod chat;
mod connections;
mod cors;
mod docs;
mod documents;
mod edge;
mod files;
mod health;
mod request_bodies;
mod targets;
mod tasks;

// For people.
mod pages;

// For component developers.
mod capabilities;
mod components;
mod data;
mod examples;
mod getting_started;
mod isolation;
mod outgoing;
mod responses;
mod root;
mod shares;
mod streaming;
mod swap;

// For operators.
mod command_line;
mod console;
mod kubernetes;
mod lifecycle;
mod log;
mod logs;
mod manifest;
mod metrics;
mod postgres;
mod traces;

// For engineers of the host.
mod sources;
