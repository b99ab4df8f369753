//! The library for Berth's components: routes, fields, JSON, errors and PostgreSQL, over plain bindings.
//!
//! A component is a table of routes, with optional migrations and an optional OpenAPI document:
//!
//! ```
//! use berth_sdk::{Error, Principal, Request, Response, Route};
//!
//! const ROUTES: &[Route] = &[Route::at("/hello/{name}").get(hello)];
//!
//! fn hello(caller: &Principal, request: &Request) -> Result<Response, Error> {
//!     let name = request.parameter("name").unwrap_or_default();
//!     Ok(Response::json(200, format!(r#"{{"hello":"{name}","from":"{}"}}"#, caller.subject)))
//! }
//!
//! berth_sdk::component! { routes: ROUTES }
//! # fn main() {}
//! ```
//!
//! An instance serves one request only, so nothing here is prepared for a second request: the table is a constant, and
//! a request makes no more calls to the host than it needs.
//!
//! - [`routes`]: from a method and a path to a handler; 404 and 405;
//! - [`request`] and [`response`]: the argument and the result of a handler;
//! - [`events`] and [`pages`]: a response that is sent event by event, or read page by page;
//! - [`error`]: every way in which a request can fail, with the contract's sentences;
//! - [`postgres`], [`cohere`], [`log`]: the host's capabilities;
//! - [`bindings`]: the bindings of the WIT packages, for everything that this crate does not cover.

pub mod bindings;
pub mod cohere;
pub mod error;
pub mod events;
mod export;
pub mod log;
pub mod pages;
pub mod postgres;
pub mod request;
pub mod response;
pub mod routes;
mod serve;

pub use berth_contract as contract;
pub use bindings::http::berth::identity::caller::Principal;
pub use error::Error;
pub use events::Events;
pub use export::Migration;
pub use pages::Pages;
pub use request::Request;
pub use response::{Response, Unfinished, Writer};
pub use routes::{Handler, Method, Route};
#[doc(hidden)]
pub use serve::serve;
