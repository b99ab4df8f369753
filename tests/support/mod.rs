//! What every test stands on.
//!
//! - `admin`: an admin API that answers what a test says
//! - `app`: a running host, and how to start one
//! - `bouncer`: a pooler in front of a database
//! - `certificates`: an authority, and what it vouches for
//! - `components`: manifests of fixtures
//! - `cluster`: one PostgreSQL for the whole run, a database for each host
//! - `operator`: somebody with the operators' token
//! - `process`: a program that is running, and what it logs
//! - `http`: requests and answers
//! - `patience`: waiting for what takes a moment
//! - `postgres`: a PostgreSQL of one test's own, which it may stop
//! - `raw`: bytes on a socket, for what no HTTP client would send
//! - `tokens`: tokens, good and bad
//! - `upstream`: a server that a component sends requests to
//! - `user`: somebody with a token
//! - `versions`: versions of one component, as many as a test likes

pub(crate) mod admin;
pub(crate) mod app;
pub(crate) mod bouncer;
pub(crate) mod certificates;
pub(crate) mod cluster;
pub(crate) mod components;
pub(crate) mod http;
pub(crate) mod operator;
pub(crate) mod patience;
pub(crate) mod postgres;
pub(crate) mod process;
pub(crate) mod raw;
pub(crate) mod tokens;
pub(crate) mod upstream;
pub(crate) mod user;
pub(crate) mod versions;

pub(crate) use app::App;
pub(crate) use components::Component;
pub(crate) use http::{Answer, Send};
pub(crate) use user::User;
