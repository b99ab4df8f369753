//! What Berth's components are written with: routes, fields, JSON, errors and PostgreSQL, over plain bindings.
//!
//! A component is a table of routes, and perhaps migrations and an OpenAPI document:
//!
//! ```
//! use berth_guest::{Error, Principal, Request, Response, Route};
//!
//! const ROUTES: &[Route] = &[Route::at("/hello/{name}").get(hello)];
//!
//! fn hello(caller: &Principal, request: &Request) -> Result<Response, Error> {
//!     let name = request.parameter("name").unwrap_or_default();
//!     Ok(Response::json(200, format!(r#"{{"hello":"{name}","from":"{}"}}"#, caller.subject)))
//! }
//!
//! berth_guest::component! { routes: ROUTES }
//! # fn main() {}
//! ```
//!
//! An instance serves one request and is gone, so nothing here is prepared for a second one: the table is a
//! constant, and a request costs no more calls into the host than it has use for.
//!
//! - [`routes`]: from a method and a path to a handler; 404 and 405;
//! - [`request`] and [`response`]: what a handler gets and gives;
//! - [`events`] and [`pages`]: a response that is told event by event, or read page by page;
//! - [`error`]: every way a request can fail, as the contract words it;
//! - [`postgres`], [`cohere`], [`log`]: the host's capabilities;
//! - [`bindings`]: what `wit-bindgen` makes of the WIT packages, for what is not covered here.

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
