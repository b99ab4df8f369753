//! Settings of a component from the manifest: keys and values.

use std::collections::BTreeMap;
use std::fmt;

/// Values by their keys. A value may be a secret of the component's, so `Debug` shows the keys alone.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Settings(pub BTreeMap<String, String>);

impl fmt::Debug for Settings {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_set().entries(self.0.keys()).finish()
    }
}
