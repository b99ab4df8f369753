//! The helpers of the tests.
//!
//! - `admin`: a fake admin API that answers as a test says
//! - `app`: a running host, and how to start one
//! - `bouncer`: a pooler in front of a database
//! - `browser`: Chromium, and what a person does with a page
//! - `certificates`: a certificate authority, and its certificates
//! - `collector`: an OpenTelemetry collector
//! - `components`: manifests of fixtures
//! - `cluster`: one PostgreSQL for the whole run, a database for each host
//! - `operator`: the admin API, with the operators' token
//! - `process`: a running program, and its log
//! - `http`: requests and responses
//! - `patience`: waiting until a condition holds
//! - `postgres`: a PostgreSQL of one test's own, which it may stop
//! - `raw`: bytes on a socket, for requests that no HTTP client would send
//! - `tokens`: valid and invalid tokens
//! - `upstream`: a server for components' outgoing requests
//! - `user`: requests with a token
//! - `versions`: any number of versions of one component

pub(crate) mod admin;
pub(crate) mod app;
pub(crate) mod bouncer;
pub(crate) mod browser;
pub(crate) mod certificates;
pub(crate) mod cluster;
pub(crate) mod collector;
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
pub(crate) use browser::{Browser, Page};
pub(crate) use components::Component;
pub(crate) use http::{Answer, Send};
pub(crate) use user::User;
