//! The interfaces of every component, without a grant.

pub(crate) mod outgoing_http;
pub(crate) mod stdio;
