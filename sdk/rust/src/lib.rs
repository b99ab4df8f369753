#![doc = include_str!("../README.md")]
//!
//! # Where to find what
//!
//! - [`Routes`], [`Route`]: from a method and a path to a handler; 404, 405, 401 and 403
//! - [`request`] and [`response`]: the argument and the result of a handler
//! - [`contract`]: rules for the fields of requests, which tell a client everything that is wrong at once
//! - [`error`]: every way in which a request can fail, and the response to each
//! - [`postgres`]: statements, rows of your own types, transactions; [`migrations!`]
//! - [`outgoing`]: requests to other servers
//! - [`identity`], [`config`], [`log`], [`cohere`]: the other interfaces of the host
//! - [`calls`]: functions of other components, and functions for other components
//! - [`events`] and [`pages`]: a response that is sent event by event, or read page by page
#![cfg_attr(
    feature = "openapi",
    doc = "- [`openapi`]: the OpenAPI document of the routes"
)]
#![cfg_attr(feature = "testing", doc = "- [`testing`]: tests of handlers on this machine")]
//! - [`bindings`]: the bindings of the WIT packages, for everything that this crate does not cover

#![warn(missing_docs)]

mod answer;
pub mod bindings;
pub mod calls;
pub mod cohere;
pub mod config;
pub mod error;
pub mod events;
mod export;
mod host;
pub mod identity;
pub mod log;
mod migrations;
#[cfg(all(feature = "openapi", not(target_arch = "wasm32")))]
pub mod openapi;
pub mod outgoing;
pub mod pages;
pub mod postgres;
pub mod request;
pub mod response;
mod routes;
#[cfg(all(feature = "testing", not(target_arch = "wasm32")))]
pub mod testing;

pub use berth_contract as contract;
pub use error::Error;
pub use events::Events;
pub use identity::Principal;
pub use migrations::Migration;
pub use pages::Pages;
pub use request::Request;
pub use response::{Response, Unfinished, Writer};
pub use routes::{Handler, Method, PublicHandler, Route, Routes};

#[doc(hidden)]
pub use host::serve;
#[doc(hidden)]
pub use include_dir;
#[doc(hidden)]
pub use migrations::migrations_of;
#[doc(hidden)]
pub use wit_bindgen;
