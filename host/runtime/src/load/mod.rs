//! The bytes of a component become a version, or an error says why not.
//!
//! In the order in which a component passes the modules:
//!
//! - `wasm`: the bytes, in memory or in a mapped file of a `private_directory`
//! - `uncompiled`: bytes → a component within the host's limits, whose imports and exports are known by name
//! - `compile`: bytes → machine code, through `code_cache`, a directory on disk
//! - `compile_process`: the compiling process; `compile_error`: why there is no machine code
//! - `link`: machine code, grants and callees → a pre-instance; `link_error`: why not
//! - `callees`: imports that other components serve
//! - `candidate`: a linked component, with all that its `exports` say: its OpenAPI document and its migrations
//! - `without_request`: calls of these exports
//! - `compatibility`: checks that components that call each other agree, by means of `wit_type`

mod callees;
pub(crate) mod candidate;
pub(crate) mod code_cache;
pub(crate) mod compatibility;
pub(crate) mod compile;
pub(crate) mod compile_error;
pub(crate) mod compile_process;
mod exports;
mod link;
pub(crate) mod link_error;
mod private_directory;
pub(crate) mod uncompiled;
pub(crate) mod wasm;
mod wit_type;
mod without_request;
