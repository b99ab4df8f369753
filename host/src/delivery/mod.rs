//! Versions of components: how they come, and how one takes the place of another.
//!
//! - [`report`]: what a swap did, as operators see it
//! - [`watch`]: files that are watched, and what is in them after each change

pub mod report;
pub mod watch;
