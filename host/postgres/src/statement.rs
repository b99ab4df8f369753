//! Statements that are prepared, and those that a connection keeps.

use std::sync::Arc;

use hashlink::LruCache;
use postgres_types::{Oid, Type};

use crate::parameters::Parameters;

/// Statements that a connection keeps prepared, in its own memory and in the server's.
const MAX_KEPT: usize = 100;

/// A prepared statement of one connection.
#[derive(Debug)]
pub struct Prepared {
    pub(crate) name: String,
    /// The text and the types of the parameters of a statement without a name.
    pub(crate) unnamed: Option<(String, Vec<Oid>)>,
    /// How many parameters the statement has.
    pub parameters: usize,
    /// The columns of its result; empty for a statement without a result.
    pub columns: Vec<Column>,
}

/// A query whose result does not matter.
#[derive(Clone, Debug)]
pub struct Query {
    /// The text.
    pub sql: &'static str,
    /// The identifiers of the parameters' types.
    pub types: &'static [Oid],
    /// The values of the parameters.
    pub parameters: Parameters,
}

/// The queries and commands that are sent together with a statement.
#[derive(Clone, Copy, Debug, Default)]
pub struct Around<'a> {
    /// Runs before the statement, in the same transaction.
    pub before: Option<&'a Query>,
    /// Runs after the statement, in a transaction of its own unless the session is in one.
    pub after: Option<&'a str>,
}

/// A column of a result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// Its type.
    pub ty: Type,
}

/// The statements that a connection keeps, by their texts.
pub(crate) struct Kept(LruCache<Box<str>, Arc<Prepared>>);

impl Kept {
    pub(crate) fn new() -> Self {
        Self(LruCache::new(MAX_KEPT))
    }

    pub(crate) fn get(&mut self, sql: &str) -> Option<Arc<Prepared>> {
        self.0.get(sql).cloned()
    }

    /// Keeps a statement. Returns the one that has to go for it.
    pub(crate) fn insert(&mut self, sql: &str, prepared: Arc<Prepared>) -> Option<Arc<Prepared>> {
        let evicted = if self.0.len() == MAX_KEPT {
            self.0.remove_lru()
        } else {
            None
        };
        self.0.insert(sql.into(), prepared);
        evicted.map(|(_, prepared)| prepared)
    }

    /// Forgets all of them, and returns them.
    pub(crate) fn take(&mut self) -> Vec<Arc<Prepared>> {
        self.0.drain().map(|(_, prepared)| prepared).collect()
    }
}
