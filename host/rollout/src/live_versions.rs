//! The versions that answer requests on this host. A swap replaces them, and the binary's routes and probes read them.

use std::num::NonZeroU32;
use std::sync::Arc;

use arc_swap::ArcSwap;
use berth_runtime::{Deployment, Registry, Version};

use crate::components::Components;
use crate::status::Statuses;

/// The live versions of this host, the status of each component, and the manifest's components that they belong to.
pub struct LiveVersions {
    registry: Arc<Registry>,
    statuses: Arc<Statuses>,
    /// None before the first swap.
    components: ArcSwap<Components>,
}

impl LiveVersions {
    /// A host that is about to have these components. None of them is live.
    #[must_use]
    pub fn new(components: &Components) -> Self {
        Self {
            registry: Arc::default(),
            statuses: Arc::new(Statuses::new(components.iter().map(|one| one.name.clone()))),
            components: ArcSwap::default(),
        }
    }

    /// The routes of the live versions.
    #[must_use]
    pub fn registry(&self) -> &Arc<Registry> {
        &self.registry
    }

    /// The status of each component on this host.
    #[must_use]
    pub fn statuses(&self) -> &Arc<Statuses> {
        &self.statuses
    }

    /// The components of the manifest that the live versions belong to.
    #[must_use]
    pub fn components(&self) -> Components {
        Components::clone(&self.components.load())
    }

    /// Whether the first swap is over.
    pub(crate) fn is_complete(&self) -> bool {
        self.registry.current().is_complete()
    }

    /// The live version of a component.
    pub(crate) fn version(&self, component: &str) -> Option<Arc<Version>> {
        self.registry.current().version(component)
    }

    /// The number of a component's live version.
    pub(crate) fn number(&self, component: &str) -> Option<NonZeroU32> {
        self.version(component)?.number()
    }

    /// The live versions of those of `components` that have one.
    pub(crate) fn versions_of(&self, components: &Components) -> Vec<Arc<Version>> {
        let current = self.registry.current();
        components
            .iter()
            .filter_map(|component| current.version(&component.name))
            .collect()
    }

    /// Lets new requests see `deployment`, whose versions belong to `components`.
    pub(crate) fn publish(&self, deployment: Deployment, components: Components) {
        let versions = deployment.versions().iter();
        let numbers: Vec<_> = versions
            .map(|(name, version)| (name.clone(), version.number()))
            .collect();
        self.registry.publish(deployment);
        self.components.store(Arc::new(components));
        self.statuses.set_live(numbers);
    }
}
