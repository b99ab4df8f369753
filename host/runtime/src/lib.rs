//! Loads, links and runs components.
//!
//! - `load`: the bytes of a component become a version
//! - `run`: a version serves a request in an instance of its own
//! - `capabilities`: the interfaces that a component is granted, a folder each
//! - `ambient`: the interfaces that every component has
//! - `request`: the request that an instance serves, and the host's log lines about the request
//! - `engine`: wasmtime, configured in one function
//! - `source_lines`: the source lines behind machine code, which `load` writes and `run` reads
//! - `spec`, `route_pattern`, `limits`, `settings`: a component as the manifest describes it
//! - `metrics`: the numbers of a component
//! - `principal`: the caller of a request
//!
//! `load` uses `run`, and both use `capabilities` and `ambient`; these two know `request` and the manifest's types
//! only. Nothing uses a module above.
//!
//! The crate knows no status code of the HTTP contract, no account and no token: the package `berth` does.

mod ambient;
mod capabilities;
mod engine;
#[cfg(test)]
mod fixtures;
#[cfg(test)]
mod layers;
mod limits;
mod load;
pub mod metrics;
mod principal;
mod request;
mod route_pattern;
mod run;
mod settings;
mod source_lines;
mod spec;

pub use ambient::outgoing_http::{
    AllowedDestination, Authorities, AuthoritiesError, DestinationError, Origin,
};
pub use capabilities::{Capability, UnknownCapability};
pub use engine::{Engine, EngineError, EngineSettings};
pub use limits::Limits;
pub use load::candidate::{Candidate, CandidateError};
pub use load::code_cache::CodeCache;
pub use load::compatibility::{CompatibilityError, Difference, Incompatibility, check_compatibility};
pub use load::compile::{Compiled, Compiler, digest};
pub use load::compile_error::{CompileError, Counted};
pub use load::compile_process::{COMPILE_ARGUMENT, CompilerProcess, compile_file};
pub use load::link_error::LinkError;
pub use load::uncompiled::Uncompiled;
pub use load::wasm::{IncomingWasm, Wasm};
pub use principal::Principal;
pub use request::RequestDetails;
pub use request::log_budget::{LogBudget, LogLimits};
pub use request::traps::{MAX_TRAP_BYTES, MAX_TRAPS, Trap, Traps};
pub use request::usage::{RequestUsage, Used};
pub use route_pattern::RoutePattern;
pub use run::guest_body::{GuestBody, GuestBodyError};
pub use run::guest_memory::GuestMemoryUse;
pub use run::handle_error::HandleError;
pub use run::registry::{Deployment, Registry, Route, RouteError};
pub use run::request_body::RequestBodyError;
pub use run::resources::Resources;
pub use run::version::{Authority, Use, Version};
pub use settings::Settings;
pub use spec::{Authentication, ComponentSpec, Probe};
