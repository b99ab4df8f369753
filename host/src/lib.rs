//! To come.

pub mod error;
