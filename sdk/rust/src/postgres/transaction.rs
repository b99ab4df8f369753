//! Statements that happen together or not at all.

use serde::de::DeserializeOwned;

use super::rows::{self, read_all};
use super::{Error, JsonRows, Rows, Statement};
use crate::host;

/// A transaction, on a connection of its own. Dropped without [`Transaction::commit`], it is rolled back; so it is if the
/// request traps or times out.
///
/// ```
/// use berth_sdk::postgres::{self, Statement};
///
/// fn move_notes(from: &str, to: &str) -> Result<u64, postgres::Error> {
///     let transaction = postgres::begin()?;
///     let update = Statement::new("UPDATE notes SET owner = ").value(to).and(" WHERE owner = ").value(from);
///     let moved = transaction.execute(&update)?;
///     transaction.execute(&Statement::new("DELETE FROM owners WHERE name = ").value(from))?;
///     transaction.commit()?;
///     Ok(moved)
/// }
/// ```
#[derive(Debug)]
pub struct Transaction(pub(super) host::Transaction);

/// Begins a transaction. A request can have two open at once.
///
/// ```
/// # use berth_sdk::postgres::{self, Error, Statement};
/// fn clear() -> Result<(), Error> {
///     let transaction = postgres::begin()?;
///     transaction.execute(&Statement::new("DELETE FROM notes"))?;
///     transaction.commit()
/// }
/// ```
pub fn begin() -> Result<Transaction, Error> {
    host::begin().map(Transaction)
}

/// Runs `work` in a transaction, which is committed if `work` succeeds, and rolled back if it fails.
///
/// ```
/// use berth_sdk::Error;
/// use berth_sdk::postgres::{self, Statement};
///
/// fn take(item: i64, count: i32) -> Result<(), Error> {
///     postgres::transaction(|transaction| {
///         let take = Statement::new("UPDATE items SET count = count - ").value(count).and(" WHERE id = ");
///         let left: i32 = transaction.fetch_one(&take.value(item).and(" RETURNING count"))?;
///         if left < 0 {
///             return Err(Error::refused(409, "There are not so many"));
///         }
///         Ok(())
///     })
/// }
/// ```
pub fn transaction<T, E: From<Error>>(work: impl FnOnce(&Transaction) -> Result<T, E>) -> Result<T, E> {
    begin()?.run(work)
}

impl Transaction {
    /// Runs `work`, and commits if `work` succeeds.
    pub(super) fn run<T, E: From<Error>>(self, work: impl FnOnce(&Self) -> Result<T, E>) -> Result<T, E> {
        let done = work(&self)?;
        self.commit()?;
        Ok(done)
    }

    /// Runs a statement, and returns how many rows it affected.
    ///
    /// ```
    /// # use berth_sdk::postgres::{Error, Statement, Transaction};
    /// fn clear(transaction: &Transaction) -> Result<u64, Error> {
    ///     transaction.execute(&Statement::new("DELETE FROM notes"))
    /// }
    /// ```
    pub fn execute(&self, statement: &Statement) -> Result<u64, Error> {
        self.0.execute(statement.text(), statement.params())
    }

    /// Runs a statement, and returns all its rows: see [`Statement::fetch_all`].
    ///
    /// ```
    /// # use berth_sdk::postgres::{Error, Statement, Transaction};
    /// fn texts(transaction: &Transaction) -> Result<Vec<String>, Error> {
    ///     transaction.fetch_all(&Statement::new("SELECT text FROM notes FOR UPDATE"))
    /// }
    /// ```
    pub fn fetch_all<T: DeserializeOwned>(&self, statement: &Statement) -> Result<Vec<T>, Error> {
        read_all(self.query(statement)?)
    }

    /// Runs a statement, and returns its first row; `None` if there is no row.
    ///
    /// ```
    /// # use berth_sdk::postgres::{Error, Statement, Transaction};
    /// fn first(transaction: &Transaction) -> Result<Option<String>, Error> {
    ///     transaction.fetch_optional(&Statement::new("SELECT text FROM notes ORDER BY id LIMIT 1"))
    /// }
    /// ```
    pub fn fetch_optional<T: DeserializeOwned>(&self, statement: &Statement) -> Result<Option<T>, Error> {
        rows::read_first(self.query(statement)?)
    }

    /// Runs a statement, and returns its first row. A statement without a row is a bug.
    ///
    /// ```
    /// # use berth_sdk::postgres::{Error, Statement, Transaction};
    /// fn count(transaction: &Transaction) -> Result<i64, Error> {
    ///     transaction.fetch_one(&Statement::new("SELECT count(*) FROM notes"))
    /// }
    /// ```
    pub fn fetch_one<T: DeserializeOwned>(&self, statement: &Statement) -> Result<T, Error> {
        self.fetch_optional(statement)?.ok_or_else(rows::no_row)
    }

    /// Runs a statement, and returns its rows as values without a Rust type.
    ///
    /// ```
    /// # use berth_sdk::postgres::{Error, Statement, Transaction};
    /// fn width(transaction: &Transaction) -> Result<usize, Error> {
    ///     Ok(transaction.query(&Statement::new("SELECT * FROM notes LIMIT 0"))?.columns.len())
    /// }
    /// ```
    pub fn query(&self, statement: &Statement) -> Result<Rows, Error> {
        self.0.query(statement.text(), statement.params())
    }

    /// Runs a statement, and returns its rows as a JSON array of objects.
    ///
    /// ```
    /// # use berth_sdk::postgres::{Error, Statement, Transaction};
    /// fn notes(transaction: &Transaction) -> Result<Vec<u8>, Error> {
    ///     Ok(transaction.query_json(&Statement::new("SELECT id, text FROM notes"))?.body)
    /// }
    /// ```
    pub fn query_json(&self, statement: &Statement) -> Result<JsonRows, Error> {
        self.0.query_json(statement.text(), statement.params())
    }

    /// Commits the transaction. An error means that it was rolled back; after [`Error::Away`] its outcome is unknown.
    ///
    /// ```
    /// # use berth_sdk::postgres::{Error, Statement, Transaction};
    /// fn finish(transaction: Transaction) -> Result<(), Error> {
    ///     transaction.execute(&Statement::new("UPDATE counters SET count = count + 1"))?;
    ///     transaction.commit()
    /// }
    /// ```
    pub fn commit(self) -> Result<(), Error> {
        self.0.commit()
    }

    /// Rolls the transaction back.
    ///
    /// ```
    /// # use berth_sdk::postgres::{self, Statement};
    /// fn try_out(statement: &Statement) -> Result<u64, postgres::Error> {
    ///     let transaction = postgres::begin()?;
    ///     let affected = transaction.execute(statement)?;
    ///     transaction.rollback()?;
    ///     Ok(affected)
    /// }
    /// ```
    pub fn rollback(self) -> Result<(), Error> {
        self.0.rollback()
    }
}
