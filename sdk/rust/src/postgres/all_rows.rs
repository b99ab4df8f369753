//! Statements with the rows of all users: `berth:postgres-all-rows/client`, granted by
//! `capabilities = ["postgres", "postgres-all-rows"]` to a component whose manifest entry has `rows`.
//!
//! Every other statement of such a component sees the rows of the caller. The functions here are for work that is not for
//! one user: a count over all users, a clean-up, an operator's route. Call them as `all_rows::…`, so that a review finds
//! every statement that reaches the rows of other users:
//!
//! ```
//! use berth_sdk::postgres::{self, Statement, all_rows};
//!
//! fn count_of_all_users() -> Result<i64, postgres::Error> {
//!     all_rows::fetch_one(&Statement::new("SELECT count(*) FROM notes"))
//! }
//! ```
//!
//! A component that calls none of these functions does not import the interface, and needs no grant. The statements run
//! on connections of their own, of which a component has two.

use serde::de::DeserializeOwned;

use super::rows::{self, read_all};
use super::{Error, JsonRows, Rows, Statement, Transaction};
use crate::host;

/// Runs a statement with the rows of all users, and returns how many rows the statement affected.
///
/// ```
/// # use berth_sdk::postgres::{self, Statement, all_rows};
/// fn clean_up() -> Result<u64, postgres::Error> {
///     all_rows::execute(&Statement::new("DELETE FROM notes WHERE written_at < now() - interval '1 year'"))
/// }
/// ```
pub fn execute(statement: &Statement) -> Result<u64, Error> {
    host::all_rows::execute(statement.text(), statement.params())
}

/// Runs a statement with the rows of all users, and returns all rows of the result: see [`Statement::fetch_all`].
///
/// ```
/// # use berth_sdk::postgres::{self, Statement, all_rows};
/// fn notes_of_each_user() -> Result<Vec<(String, i64)>, postgres::Error> {
///     all_rows::fetch_all(&Statement::new("SELECT owner, count(*) FROM notes GROUP BY owner"))
/// }
/// ```
pub fn fetch_all<T: DeserializeOwned>(statement: &Statement) -> Result<Vec<T>, Error> {
    read_all(query(statement)?)
}

/// Runs a statement with the rows of all users, and returns the first row of the result; `None` if there is no row.
///
/// ```
/// # use berth_sdk::postgres::{self, Statement, all_rows};
/// fn owner_of(id: i64) -> Result<Option<String>, postgres::Error> {
///     all_rows::fetch_optional(&Statement::new("SELECT owner FROM notes WHERE id = ").value(id))
/// }
/// ```
pub fn fetch_optional<T: DeserializeOwned>(statement: &Statement) -> Result<Option<T>, Error> {
    rows::read_first(query(statement)?)
}

/// Runs a statement with the rows of all users, and returns the first row of the result. A statement without a row is a
/// bug: use [`fetch_optional`] where a row may be absent.
///
/// ```
/// # use berth_sdk::postgres::{self, Statement, all_rows};
/// fn users() -> Result<i64, postgres::Error> {
///     all_rows::fetch_one(&Statement::new("SELECT count(DISTINCT owner) FROM notes"))
/// }
/// ```
pub fn fetch_one<T: DeserializeOwned>(statement: &Statement) -> Result<T, Error> {
    fetch_optional(statement)?.ok_or_else(rows::no_row)
}

/// Runs a statement with the rows of all users, and returns its rows as values without a Rust type.
///
/// ```
/// # use berth_sdk::postgres::{self, Statement, all_rows};
/// fn width() -> Result<usize, postgres::Error> {
///     Ok(all_rows::query(&Statement::new("SELECT * FROM notes LIMIT 0"))?.columns.len())
/// }
/// ```
pub fn query(statement: &Statement) -> Result<Rows, Error> {
    host::all_rows::query(statement.text(), statement.params())
}

/// Runs a statement with the rows of all users, and returns its rows as a JSON array of objects.
///
/// ```
/// # use berth_sdk::postgres::{self, Statement, all_rows};
/// fn latest() -> Result<Vec<u8>, postgres::Error> {
///     Ok(all_rows::query_json(&Statement::new("SELECT id, owner, text FROM notes ORDER BY id DESC LIMIT 50"))?.body)
/// }
/// ```
pub fn query_json(statement: &Statement) -> Result<JsonRows, Error> {
    host::all_rows::query_json(statement.text(), statement.params())
}

/// Begins a transaction whose statements see the rows of all users. A request can have two open at once.
///
/// ```
/// # use berth_sdk::postgres::{self, Error, Statement, all_rows};
/// fn clear() -> Result<(), Error> {
///     let transaction = all_rows::begin()?;
///     transaction.execute(&Statement::new("DELETE FROM notes"))?;
///     transaction.commit()
/// }
/// ```
pub fn begin() -> Result<Transaction, Error> {
    host::all_rows::begin().map(Transaction)
}

/// Runs `work` in a transaction whose statements see the rows of all users. The transaction is committed if `work`
/// succeeds, and rolled back if it fails.
///
/// ```
/// # use berth_sdk::postgres::{self, Statement, all_rows};
/// fn give(from: &str, to: &str) -> Result<u64, postgres::Error> {
///     all_rows::transaction(|transaction| {
///         let update = Statement::new("UPDATE notes SET owner = ").value(to).and(" WHERE owner = ").value(from);
///         transaction.execute(&update)
///     })
/// }
/// ```
pub fn transaction<T, E: From<Error>>(work: impl FnOnce(&Transaction) -> Result<T, E>) -> Result<T, E> {
    begin()?.run(work)
}
