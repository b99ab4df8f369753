//! The routes that the host serves itself.

pub mod auth;
