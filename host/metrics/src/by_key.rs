//! One value for each name. The set of names must be bounded by its user: by the manifest, never by a request.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The values. A caller that records often keeps the value of its name, and looks it up once.
pub struct ByKey<K, V>(Mutex<BTreeMap<K, Arc<V>>>);

impl<K: Ord + Clone, V: Default> ByKey<K, V> {
    /// The value of `key`, which is made if it is missing.
    pub fn get<Q>(&self, key: &Q) -> Arc<V>
    where
        K: std::borrow::Borrow<Q>,
        Q: Ord + ToOwned<Owned = K> + ?Sized,
    {
        let mut values = self.locked();
        match values.get(key) {
            Some(value) => Arc::clone(value),
            None => Arc::clone(values.entry(key.to_owned()).or_default()),
        }
    }

    /// All values, by key.
    pub fn all(&self) -> Vec<(K, Arc<V>)> {
        let values = self.locked();
        values
            .iter()
            .map(|(key, value)| (key.clone(), Arc::clone(value)))
            .collect()
    }

    /// Removes the values of keys that are not kept.
    pub fn retain(&self, mut is_kept: impl FnMut(&K) -> bool) {
        self.locked().retain(|key, _| is_kept(key));
    }

    fn locked(&self) -> MutexGuard<'_, BTreeMap<K, Arc<V>>> {
        // Each change is one insertion or removal, so a panic elsewhere leaves the map consistent.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K, V> Default for ByKey<K, V> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K, V> fmt::Debug for ByKey<K, V> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("ByKey")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Counter;

    #[test]
    fn a_key_has_one_value_until_it_is_removed() {
        let counters: ByKey<String, Counter> = ByKey::default();
        counters.get("one").increment();
        counters.get("one").increment();
        counters.get("two").increment();
        let counts = || -> Vec<_> {
            let all = counters.all().into_iter();
            all.map(|(key, counter)| (key, counter.get())).collect()
        };
        assert_eq!(counts(), [("one".to_owned(), 2), ("two".to_owned(), 1)]);
        counters.retain(|key| key == "two");
        assert_eq!(counts(), [("two".to_owned(), 1)]);
    }
}
