//! Loads, links and runs components.
//!
//! In the order in which a component meets them:
//!
//! - [`engine`](Engine): wasmtime, configured in one function
//! - `wasm`: the bytes of a component, in memory or in a file that is mapped
//! - `uncompiled`: bytes → a component that is worth compiling, or a refusal that says why not
//! - `compile`: a component's bytes → machine code, through the code cache on disk
//! - `compile_process`: the process that compiles
//! - `link`: a compiled component, its grants and the world it imports → a pre-instance, or a refusal that says why
//! - `candidate`: a component that is linked, and what it brings: an OpenAPI document, migrations
//! - `component_calls`: imports that another component answers, and the calls between the two
//! - `compatibility`: checks that the interfaces of components that call each other match, in the words of `wit_type`
//! - `resources`: what is behind its grants, which all its versions share
//! - `version`: one linked version of a component, ready to make instances
//! - `registry`: which version answers which route, in one value that is replaced whole
//! - `instance`: one request in one instance, from its head to the last byte of its response
//! - `backtrace`: where and why a guest has failed, with the lines that `source_lines` has of its code
//! - `log_budget`, `incident`: how much of the log a component may fill, and the host's lines about it
//! - `refused_statement`: the statement that explains why a request failed
//! - `guest_memory`: the memory that all instances may hold, and each component's share of it
//! - `background`: where guests go on that compute for long
//! - `capabilities`: what can be granted, a file each
//! - `postgres`: what a statement of the capability of that name goes through
//!
//! Nothing here knows a status code of the HTTP contract, an account or a token: the package `berth` does.

mod background;
mod backtrace;
mod candidate;
mod capabilities;
mod capability;
mod compatibility;
mod compile;
mod compile_process;
mod component_calls;
mod engine;
#[cfg(test)]
mod fixtures;
mod guest_body;
mod guest_memory;
mod incident;
mod instance;
mod limits;
mod link;
mod log_budget;
mod meter;
mod postgres;
mod principal;
mod refused_statement;
mod registry;
mod request_body;
mod resources;
mod settings;
mod source_lines;
mod state;
mod uncompiled;
mod version;
mod wasm;
mod wit_type;

pub use candidate::{Authority, Candidate, CandidateError};
pub use capabilities::outgoing_http::{
    AllowedDestination, Authorities, AuthoritiesError, DestinationError, Origin,
};
pub use capability::{Capability, UnknownCapability};
pub use compatibility::{CompatibilityError, Difference, Incompatibility, check_compatibility};
pub use compile::{CodeCache, CompileError, Compiled, Compiler, digest};
pub use compile_process::{COMPILE_ARGUMENT, CompilerProcess, compile_file};
pub use engine::{Engine, EngineError, EngineSettings};
pub use guest_body::{GuestBody, GuestBodyError};
pub use instance::{HandleError, RequestContext};
pub use limits::Limits;
pub use link::LinkError;
pub use log_budget::{LogBudget, LogLimits};
pub use principal::Principal;
pub use refused_statement::LastRefusal;
pub use registry::{Deployment, Registry, RouteError};
pub use request_body::RequestBodyError;
pub use resources::Resources;
pub use settings::Settings;
pub use uncompiled::{Counted, Uncompiled};
pub use version::{ComponentSpec, Version};
pub use wasm::{IncomingWasm, Wasm};
