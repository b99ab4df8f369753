//! SQL without the feature `testing-postgres`: no database can be reached.

use crate::bindings::http::berth::postgres::client::{Error as PostgresError, JsonRows, Rows, Value};

pub(crate) fn query(_: &str, _: &[Value]) -> Result<Rows, PostgresError> {
    Err(PostgresError::Away)
}

pub(crate) fn query_json(_: &str, _: &[Value]) -> Result<JsonRows, PostgresError> {
    Err(PostgresError::Away)
}

pub(crate) fn execute(_: &str, _: &[Value]) -> Result<u64, PostgresError> {
    Err(PostgresError::Away)
}

pub(crate) fn begin() -> Result<Transaction, PostgresError> {
    Err(PostgresError::Away)
}

/// Statements with the rows of all users.
pub(crate) mod all_rows {
    pub(crate) use super::{begin, execute, query, query_json};
}

pub(super) fn run_migration(_: &str) -> Result<(), PostgresError> {
    Err(PostgresError::Away)
}

/// No transaction ever begins.
#[derive(Debug)]
pub(crate) enum Transaction {}

impl Transaction {
    pub(crate) fn query(&self, _: &str, _: &[Value]) -> Result<Rows, PostgresError> {
        match *self {}
    }

    pub(crate) fn query_json(&self, _: &str, _: &[Value]) -> Result<JsonRows, PostgresError> {
        match *self {}
    }

    pub(crate) fn execute(&self, _: &str, _: &[Value]) -> Result<u64, PostgresError> {
        match *self {}
    }

    pub(crate) fn commit(self) -> Result<(), PostgresError> {
        match self {}
    }

    pub(crate) fn rollback(self) -> Result<(), PostgresError> {
        match self {}
    }
}
