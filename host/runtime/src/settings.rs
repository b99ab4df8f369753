//! Settings of a component from the manifest: keys and values.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// Values by their keys. A value may be a secret of the component's, so `Debug` shows the keys alone. Clones share the
/// values.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Settings(Arc<BTreeMap<String, String>>);

impl Settings {
    /// The value of a key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(String::as_str)
    }

    /// All keys with their values, sorted by key.
    pub fn entries(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(key, value)| (key.as_str(), value.as_str()))
    }
}

impl FromIterator<(String, String)> for Settings {
    fn from_iter<I: IntoIterator<Item = (String, String)>>(settings: I) -> Self {
        Self(Arc::new(settings.into_iter().collect()))
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_set().entries(self.0.keys()).finish()
    }
}
