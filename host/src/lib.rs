//! Berth: a serverless-style host for WebAssembly components.
//!
//! - [`config`]: what an operator decides, from the environment and `berth.toml`
//! - [`auth`]: accounts, passwords, tokens, and who a request is made for
//! - [`deploy`]: from the manifest to components that are live
//! - [`error`]: every way a request can fail

pub mod auth;
pub mod config;
pub mod deploy;
pub mod error;
pub mod routes;
