//! A component as the manifest describes it.

use std::collections::{BTreeMap, BTreeSet};

use crate::ambient::outgoing_http::{AllowedDestination, Authorities};
use crate::capabilities::Capability;
use crate::limits::Limits;
use crate::settings::Settings;

/// A component's entry in the manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ComponentSpec {
    /// The component's name: `[a-z][a-z0-9-]*`.
    pub name: String,
    /// The granted capabilities.
    pub capabilities: BTreeSet<Capability>,
    /// The limits of a request.
    pub limits: Limits,
    /// The values of `wasi:config/store`.
    pub config: Settings,
    /// The component's environment variables.
    pub environment: Settings,
    /// The destinations of outgoing requests.
    pub outgoing: Vec<AllowedDestination>,
    /// The authorities that the component trusts besides the public ones.
    pub outgoing_authorities: Authorities,
    /// The callee of each import: interfaces, with or without a version, to names of components.
    pub imports: BTreeMap<String, String>,
    /// Path patterns, as axum writes them.
    pub routes: Vec<String>,
    /// Whether the host turns away requests without a token, before an instance is made.
    pub authentication_required: bool,
    /// Whether the component authenticates requests by itself, so that the host looks for no token, and `Authorization`
    /// reaches the component.
    pub authenticates_itself: bool,
}

impl ComponentSpec {
    /// The component that answers an import.
    pub(crate) fn callee(&self, import: &str) -> Option<&str> {
        let assigned = self
            .imports
            .get(import)
            .or_else(|| self.imports.get(without_version(import)));
        assigned.map(String::as_str)
    }
}

/// `shop:orders/orders@0.1.0` → `shop:orders/orders`
pub(crate) fn without_version(interface: &str) -> &str {
    interface.split_once('@').map_or(interface, |(name, _)| name)
}
