//! The components of a manifest.

use std::sync::Arc;

use berth_runtime::ComponentSpec;

/// The components of a manifest, in alphabetical order. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Components(Arc<[Arc<ComponentSpec>]>);

impl Components {
    /// All components.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<ComponentSpec>> {
        self.0.iter()
    }

    /// The component with this name.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<&Arc<ComponentSpec>> {
        self.iter().find(|component| component.name == name)
    }

    /// How many instances the components may need at once: twice what requests may have, because a version on trial has
    /// its own instances, and instances with changed limits finish beside the new ones.
    pub(crate) fn instances(&self) -> u32 {
        let sum: usize = self.iter().map(|component| component.limits.concurrency).sum();
        u32::try_from(sum.saturating_mul(2)).unwrap_or(u32::MAX).max(8)
    }
}

impl From<Vec<Arc<ComponentSpec>>> for Components {
    fn from(components: Vec<Arc<ComponentSpec>>) -> Self {
        Self(components.into())
    }
}
