//! From the bytes of a component to a version.

pub(crate) mod candidate;
pub(crate) mod compatibility;
pub(crate) mod compile;
pub(crate) mod compile_process;
mod exports;
pub(crate) mod link;
pub(crate) mod uncompiled;
pub(crate) mod wasm;
pub(crate) mod wit_type;
