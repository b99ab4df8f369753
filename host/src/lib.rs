//! Berth: a serverless-style host for WebAssembly components.
//!
//! - [`cli`]: the command line
//! - [`config`]: what an operator decides, from the environment and `berth.toml`
//! - [`logging`], `escape`: the log, and the escaping of text in it
//! - [`serve`]: from a configuration to a host that listens, and back
//! - [`database`]: the database that the host was given, or a private one
//! - [`delivery`]: versions of components, and swapping one for another
//! - [`server`], `connections`, `drain_body`, [`shutdown`]: the socket, how many there may be, what is left on it, and when to
//!   stop
//! - [`app`]: what requests share
//! - [`routes`]: every route, and what happens to a request before it is routed
//! - [`client`]: whose request it is, behind which proxies
//! - [`auth`]: accounts, passwords, tokens, and who a request is made for
//! - [`admin`]: what operators are served
//! - [`error`]: every way a request can fail, and `storage`: statements on the host's own tables

pub mod admin;
pub mod app;
pub mod auth;
pub mod cli;
pub mod client;
pub mod config;
mod connections;
pub mod database;
pub mod delivery;
mod drain_body;
pub mod error;
mod escape;
pub mod logging;
pub mod routes;
pub mod serve;
pub mod server;
pub mod shutdown;
mod storage;
