//! The input from which each capability makes its context of a request.

use std::sync::Arc;

use berth_database::SessionPool;

use crate::limits::Limits;
use crate::request::RequestContext;
use crate::settings::Settings;

/// A request to a component, and everything that the host has for the component's grants.
pub(crate) struct Scope<'a> {
    pub(crate) request: &'a Arc<RequestContext>,
    pub(crate) limits: &'a Limits,
    /// The manifest's `config` table.
    pub(crate) config: &'a Settings,
    pub(crate) services: &'a Services,
}

/// The host's services behind the grants of one component; `None` without the grant. Clones share the services.
#[derive(Clone, Default)]
pub(crate) struct Services {
    /// The sessions of the component's own role.
    pub(crate) database: Option<SessionPool>,
    /// The sessions that see the rows of all users.
    pub(crate) all_rows: Option<SessionPool>,
    /// The client with the host's key.
    pub(crate) cohere: Option<berth_cohere::Client>,
}
