//! Berth: a serverless-style host for WebAssembly components.
//!
//! - [`cli`]: the command line
//! - [`config`]: the operator's settings, from the environment and `berth.toml`
//! - [`logging`], `escape`: the log, and the escaping of text in it
//! - [`serve`]: starts a host from its configuration, and stops it
//! - [`database`]: the database of `DATABASE_URL`, or a private one
//! - [`server`], `connections`, `drain_body`, [`shutdown`]: the socket, how many there may be, what is left on it, and when to
//!   stop
//! - [`app`], `in_flight`: the state that requests share
//! - `prober`: the requests that a version must answer before it goes live
//! - `request_record`: facts about a request for its access line
//! - [`routes`]: all routes, and the layers that a request passes before it is routed
//! - [`client`]: the client of a request, behind proxies
//! - `cross_site`: requests by pages of other sites
//! - [`auth`]: accounts, passwords, tokens, and the identity of callers
//! - [`admin`]: the admin API
//! - [`files`]: directories of static files
//! - [`error`]: the failures of a request

pub mod admin;
pub mod app;
pub mod auth;
pub mod cli;
pub mod client;
pub mod config;
mod connections;
mod cross_site;
pub mod database;
mod drain_body;
pub mod error;
mod escape;
pub mod files;
mod in_flight;
pub mod logging;
pub mod metrics;
mod prober;
mod request_record;
pub mod routes;
pub mod serve;
pub mod server;
pub mod shutdown;
