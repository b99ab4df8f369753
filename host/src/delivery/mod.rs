//! Versions of components: how they come, and how one takes the place of another.
//!
//! - [`report`]: what a swap did, as operators see it

pub mod report;
