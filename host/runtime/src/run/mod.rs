//! From a request to its response.

pub(crate) mod background;
pub(crate) mod backtrace;
pub(crate) mod component_calls;
pub(crate) mod guest_body;
pub(crate) mod guest_memory;
pub(crate) mod instance;
pub(crate) mod meter;
pub(crate) mod registry;
pub(crate) mod request_body;
pub(crate) mod resources;
pub(crate) mod state;
pub(crate) mod version;
