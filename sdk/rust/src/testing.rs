//! Tests of handlers on this machine, without WebAssembly: a [`Host`] that a test sets up answers in the place of the
//! real host. Only with the feature `testing`, which belongs to the dev-dependencies:
//!
//! ```toml
//! [dev-dependencies]
//! berth-sdk = { version = "0.1", features = ["testing"] }
//! ```
//!
//! ```
//! use berth_sdk::testing::{Call, Host};
//! use berth_sdk::{Error, Principal, Request, Response, Route, Routes};
//!
//! const ROUTES: Routes = Routes::new(&[Route::at("/me").get(me)]);
//!
//! fn me(caller: &Principal, _: &Request) -> Result<Response, Error> {
//!     Ok(Response::text(200, &caller.subject))
//! }
//!
//! let host = Host::new();
//! assert_eq!(host.call(&ROUTES, Call::get("/me")).status(), 401);
//! assert_eq!(host.with_user("ann").call(&ROUTES, Call::get("/me")).text(), "ann");
//! ```
//!
//! With the feature `testing-postgres`, SQL runs in a real PostgreSQL: see `Database`.
#![expect(clippy::panic, reason = "a test fails by panicking")]

mod call;
pub mod cohere;
#[cfg(feature = "testing-postgres")]
mod database;
mod host;
pub(crate) mod interfaces;
#[cfg(not(feature = "testing-postgres"))]
mod no_postgres;
#[cfg(feature = "testing-postgres")]
mod postgres;
#[cfg(feature = "testing-postgres")]
mod server;

pub use call::{Answer, Call};
#[cfg(feature = "testing-postgres")]
pub use database::Database;
pub use host::{Host, Line};
