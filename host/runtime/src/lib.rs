//! Loads, links and runs components.
//!
//! The modules, in the order in which a component passes them:
//!
//! - `component_spec`, `route_pattern`: a component, as the manifest describes it
//! - [`engine`](Engine): wasmtime, configured in one function
//! - `wasm`: the bytes of a component, in memory or in a mapped file
//! - `uncompiled`: bytes → a component within the host's limits, or an error
//! - `compile`: a component's bytes → machine code, through the code cache on disk
//! - `compile_process`: the compiling process
//! - `link`: a compiled component, its grants and its imports → a pre-instance, or an error
//! - `candidate`: a linked component, with its OpenAPI document and its migrations
//! - `component_calls`: imports that other components serve, and the calls between them
//! - `compatibility`: checks that the interfaces of components that call each other match, by means of `wit_type`
//! - `resources`: the resources for a component's grants, which all its versions share
//! - `version`: one linked version of a component, ready to make instances
//! - `registry`: the routes of the live versions, in one value that is replaced whole
//! - `instance`: one request in one instance, from its head to the last byte of its response
//! - `backtrace`: where and why a guest has failed, with source lines from `source_lines`
//! - `log_budget`, `incident`: a component's log limit, and the host's lines about the component
//! - `refused_statement`: the statement that explains why a request failed
//! - `guest_memory`: the memory budget of all instances, and each component's share
//! - `background`: threads for guests with long computations
//! - `capabilities`: the capabilities, a file each
//! - `postgres`: the statements of the capability of that name
//!
//! The crate knows no status code of the HTTP contract, no account and no token: the package `berth` does.

mod background;
mod backtrace;
mod candidate;
mod capabilities;
mod capability;
mod compatibility;
mod compile;
mod compile_process;
mod component_calls;
mod component_spec;
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
mod route_pattern;
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
pub use component_spec::{Authentication, ComponentSpec, Probe};
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
pub use route_pattern::RoutePattern;
pub use settings::Settings;
pub use uncompiled::{Counted, Uncompiled};
pub use version::Version;
pub use wasm::{IncomingWasm, Wasm};
