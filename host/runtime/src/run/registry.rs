//! The routes of the live versions: one value, read without a lock and replaced whole.

use std::collections::BTreeMap;
use std::sync::Arc;

use arc_swap::ArcSwap;

use super::version::Version;
use crate::metrics::RouteMetrics;
use crate::route_pattern::RoutePattern;

/// A route that cannot be added.
#[derive(Debug, thiserror::Error)]
#[error("the route `{pattern}` of the component `{component}` cannot be used: {reason}")]
pub struct RouteError {
    /// The pattern.
    pub pattern: String,
    /// The component of the pattern.
    pub component: String,
    /// The reason.
    pub reason: String,
}

/// A path pattern of the manifest, and the version that answers it.
#[derive(Clone)]
pub struct Route {
    /// The pattern, as it is in the manifest.
    pub pattern: RoutePattern,
    /// The version.
    pub version: Arc<Version>,
    /// The pattern's numbers.
    pub metrics: Arc<RouteMetrics>,
}

/// The live components and their routes. The default is the deployment of a host that is starting.
#[derive(Default)]
pub struct Deployment {
    versions: BTreeMap<String, Arc<Version>>,
    routes: matchit::Router<Route>,
    complete: bool,
}

impl Deployment {
    /// Makes the routes of `versions`.
    pub fn new(versions: impl IntoIterator<Item = Arc<Version>>) -> Result<Self, RouteError> {
        let mut deployment = Self {
            complete: true,
            ..Self::default()
        };
        for version in versions {
            for pattern in &version.spec.routes {
                deployment.insert(pattern, &version)?;
            }
            deployment.versions.insert(version.spec.name.clone(), version);
        }
        Ok(deployment)
    }

    /// The route of `path`. A literal segment beats a parameter.
    #[must_use]
    pub fn find(&self, path: &str) -> Option<&Route> {
        self.routes.at(path).ok().map(|found| found.value)
    }

    /// The live versions, by name.
    #[must_use]
    pub fn versions(&self) -> &BTreeMap<String, Arc<Version>> {
        &self.versions
    }

    /// The live version of a component.
    #[must_use]
    pub fn version(&self, component: &str) -> Option<Arc<Version>> {
        self.versions.get(component).cloned()
    }

    /// Whether the deployment is complete: false only until the first deployment.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.complete
    }

    fn insert(&mut self, pattern: &RoutePattern, version: &Arc<Version>) -> Result<(), RouteError> {
        let refuse = |reason: matchit::InsertError| RouteError {
            pattern: pattern.to_string(),
            component: version.spec.name.clone(),
            reason: reason.to_string(),
        };
        let route = Route {
            pattern: pattern.clone(),
            version: Arc::clone(version),
            metrics: version.resources.metrics.routes.get(pattern.as_str()),
        };
        // A component that owns the paths below a path owns the path.
        pattern
            .paths()
            .try_for_each(|path| self.routes.insert(path, route.clone()).map_err(refuse))
    }
}

/// The deployment that requests see.
#[derive(Default)]
pub struct Registry {
    current: ArcSwap<Deployment>,
}

impl Registry {
    /// A separate registry, for a deployment that is tried before requests see it.
    #[must_use]
    pub fn new(deployment: Deployment) -> Self {
        Self {
            current: ArcSwap::from_pointee(deployment),
        }
    }

    /// The current deployment. A request loads it once, and keeps it.
    #[must_use]
    pub fn current(&self) -> Arc<Deployment> {
        self.current.load_full()
    }

    /// Makes `deployment` the current one, at once and for new requests only.
    pub fn publish(&self, deployment: Deployment) {
        self.current.store(Arc::new(deployment));
    }
}

impl std::fmt::Debug for Registry {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_list()
            .entries(self.current.load().versions.values())
            .finish()
    }
}
