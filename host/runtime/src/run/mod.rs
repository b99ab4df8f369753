//! A request in an instance of its own, from its head to the last byte of its response.
//!
//! - `version`: a linked version of a component, which makes a store for each instance
//! - `resources`: the resources that all versions of a component share
//! - `registry`: the routes of the live versions, in one value that is replaced whole
//! - `state`: the data of a store
//! - `instance`: one request in one instance; `handle_error`: why there is no response
//! - `request_body`, `guest_body`: the bodies, streamed in both directions
//! - `component_calls`: calls from one component to another
//! - `meter`: an instance's use of processor time and memory
//! - `overdrawn`: the limit that ended an instance
//! - `guest_memory`: the memory budget of all instances, and each component's share
//! - `background`: threads for guests with long computations
//! - `backtrace`: where and why a guest has failed

pub(crate) mod background;
pub(crate) mod backtrace;
pub(crate) mod component_calls;
pub(crate) mod guest_body;
pub(crate) mod guest_memory;
pub(crate) mod handle_error;
pub(crate) mod instance;
pub(crate) mod meter;
pub(crate) mod overdrawn;
pub(crate) mod registry;
pub(crate) mod request_body;
pub(crate) mod resources;
pub(crate) mod state;
pub(crate) mod version;
