//! The description of a component, as the table `[components.NAME]` of the manifest has it. The reader of the manifest
//! makes the only value for each component; its versions, the swap and the routes share this value.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::str::FromStr;

use berth_database::RowRules;
use http::Method;
use serde::Deserialize;

use crate::ambient::outgoing_http::{AllowedDestination, Authorities};
use crate::capabilities::Capability;
use crate::limits::Limits;
use crate::route_pattern::RoutePattern;
use crate::settings::Settings;

/// A component, as the manifest describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ComponentSpec {
    /// A lower-case letter, then letters, digits and dashes; at most 31 characters. Also names its schema and role in
    /// the database.
    pub name: String,
    /// The file, which existed when the manifest was read.
    pub source: PathBuf,
    /// The component's path patterns. No two components share a pattern.
    pub routes: Vec<RoutePattern>,
    /// The granted capabilities.
    pub capabilities: BTreeSet<Capability>,
    /// The owners of rows in the component's tables. None if every request sees all rows.
    pub rows: Option<RowRules>,
    /// The limits of a request.
    pub limits: Limits,
    /// The requests that a new version must answer before it goes live.
    pub probes: Vec<Probe>,
    /// The values of `wasi:config/store`.
    pub config: Settings,
    /// The component's environment variables.
    pub environment: Settings,
    /// How requests without a token are handled.
    pub authentication: Authentication,
    /// The destinations that the component may send requests to.
    pub outgoing: Vec<AllowedDestination>,
    /// The certificate authorities that outgoing requests trust beside the public ones.
    pub outgoing_authorities: Authorities,
    /// The component that provides each import, by interface: `shop:orders/orders`, with or without a version.
    pub imports: BTreeMap<String, String>,
}

/// How requests without a token are handled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Authentication {
    /// The host answers 401, and the component does not see the request.
    #[default]
    Required,
    /// The component sees the request and decides.
    Optional,
    /// The component authenticates by itself. The host ignores tokens, and passes `Authorization` on unless it has the
    /// host's own token.
    None,
}

/// A request without a body that changes nothing: `GET /orders/count`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probe {
    /// GET or HEAD.
    pub method: Method,
    /// The path, with its query if it has one.
    pub path: String,
}

impl ComponentSpec {
    /// A component without grants, routes, probes and settings, with the default limits.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            source: PathBuf::new(),
            routes: Vec::new(),
            capabilities: BTreeSet::new(),
            rows: None,
            limits: Limits::default(),
            probes: Vec::new(),
            config: Settings::default(),
            environment: Settings::default(),
            authentication: Authentication::default(),
            outgoing: Vec::new(),
            outgoing_authorities: Authorities::default(),
            imports: BTreeMap::new(),
        }
    }

    /// Whether the component is granted a capability.
    #[must_use]
    pub fn has(&self, capability: Capability) -> bool {
        self.capabilities.contains(&capability)
    }

    /// The component that answers an import.
    pub(crate) fn callee(&self, import: &str) -> Option<&str> {
        let assigned = self
            .imports
            .get(import)
            .or_else(|| self.imports.get(without_version(import)));
        assigned.map(String::as_str)
    }
}

impl FromStr for Probe {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (method, path) = match text.split_once(' ') {
            Some(("GET", path)) => (Method::GET, path),
            Some(("HEAD", path)) => (Method::HEAD, path),
            _ => (Method::GET, ""),
        };
        if path.starts_with('/') {
            Ok(Self {
                method,
                path: path.to_owned(),
            })
        } else {
            Err(format!(
                "{text:?} is not a probe: write \"GET /path\" or \"HEAD /path\""
            ))
        }
    }
}

/// `shop:orders/orders@0.1.0` → `shop:orders/orders`
pub(crate) fn without_version(interface: &str) -> &str {
    interface.split_once('@').map_or(interface, |(name, _)| name)
}
