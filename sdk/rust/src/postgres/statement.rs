//! SQL with its parameters.

use serde::de::DeserializeOwned;

use super::rows::{self, read_all};
use super::{Error, JsonRows, Rows, Value, elements};
use crate::host;

/// A statement and its parameters, built part by part.
///
/// ```
/// use berth_sdk::postgres::Statement;
///
/// let delete = Statement::new("DELETE FROM notes WHERE owner = ").value("ann").and(" AND id = ").value(7_i64);
/// assert_eq!(delete.text(), "DELETE FROM notes WHERE owner = $1 AND id = $2");
/// ```
///
/// A statement runs on a connection of its own, outside of any transaction;
/// [`Transaction`](super::Transaction) runs statements together.
#[derive(Debug, Clone)]
#[must_use = "a statement does nothing until it is run"]
pub struct Statement {
    text: String,
    params: Vec<Value>,
}

impl Statement {
    /// Begins a statement with `text`, which is SQL and must not contain a client's input: pass that to
    /// [`Statement::value`].
    ///
    /// ```
    /// # use berth_sdk::postgres::Statement;
    /// assert_eq!(Statement::new("SELECT now()").text(), "SELECT now()");
    /// ```
    pub fn new(text: &str) -> Self {
        Self {
            text: text.to_owned(),
            params: Vec::new(),
        }
    }

    /// Appends SQL.
    ///
    /// ```
    /// # use berth_sdk::postgres::Statement;
    /// assert_eq!(Statement::new("SELECT 1").and(" LIMIT 1").text(), "SELECT 1 LIMIT 1");
    /// ```
    pub fn and(mut self, text: &str) -> Self {
        self.text.push_str(text);
        self
    }

    /// Appends a parameter. Its PostgreSQL type follows from its Rust type; append a cast (`::numeric`) where another
    /// is wanted.
    ///
    /// ```
    /// # use berth_sdk::postgres::Statement;
    /// let statement = Statement::new("SELECT ").value("12.50").and("::numeric, ").value(None::<i64>);
    /// assert_eq!(statement.text(), "SELECT $1::numeric, $2");
    /// ```
    pub fn value(mut self, value: impl Into<Value>) -> Self {
        self.params.push(value.into());
        self.text.push('$');
        self.text.push_str(&self.params.len().to_string());
        self
    }

    /// The statement's SQL.
    ///
    /// ```
    /// # use berth_sdk::postgres::Statement;
    /// assert_eq!(Statement::new("SELECT ").value(7_i64).text(), "SELECT $1");
    /// ```
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The statement's parameters.
    ///
    /// ```
    /// # use berth_sdk::postgres::{Statement, Value};
    /// assert!(matches!(Statement::new("SELECT ").value(7_i64).params(), [Value::Int8(7)]));
    /// ```
    #[must_use]
    pub fn params(&self) -> &[Value] {
        &self.params
    }

    /// Runs the statement, and returns how many rows it affected.
    ///
    /// ```
    /// # use berth_sdk::postgres::{self, Statement};
    /// fn clear(owner: &str) -> Result<u64, postgres::Error> {
    ///     Statement::new("DELETE FROM notes WHERE owner = ").value(owner).execute()
    /// }
    /// ```
    pub fn execute(&self) -> Result<u64, Error> {
        host::execute(&self.text, &self.params)
    }

    /// Runs the statement, and returns all its rows.
    ///
    /// ```
    /// # use berth_sdk::postgres::{self, Statement};
    /// fn notes(owner: &str) -> Result<Vec<(i64, String)>, postgres::Error> {
    ///     Statement::new("SELECT id, text FROM notes WHERE owner = ").value(owner).fetch_all()
    /// }
    /// ```
    pub fn fetch_all<T: DeserializeOwned>(&self) -> Result<Vec<T>, Error> {
        read_all(self.query()?)
    }

    /// Runs the statement, and returns its first row; `None` if there is no row.
    ///
    /// ```
    /// # use berth_sdk::postgres::Statement;
    /// # use berth_sdk::Error;
    /// fn text(id: i64) -> Result<String, Error> {
    ///     let text = Statement::new("SELECT text FROM notes WHERE id = ").value(id).fetch_optional()?;
    ///     text.ok_or_else(|| Error::refused(404, "Note not found"))
    /// }
    /// ```
    pub fn fetch_optional<T: DeserializeOwned>(&self) -> Result<Option<T>, Error> {
        rows::read_first(self.query()?)
    }

    /// Runs the statement, and returns its first row. A statement without a row is a bug: use
    /// [`Statement::fetch_optional`] where a row may be absent.
    ///
    /// ```
    /// # use berth_sdk::postgres::{self, Statement};
    /// fn count() -> Result<i64, postgres::Error> {
    ///     Statement::new("SELECT count(*) FROM notes").fetch_one()
    /// }
    /// ```
    pub fn fetch_one<T: DeserializeOwned>(&self) -> Result<T, Error> {
        self.fetch_optional()?.ok_or_else(rows::no_row)
    }

    /// Runs the statement, and returns its rows as values without a Rust type.
    ///
    /// ```
    /// # use berth_sdk::postgres::{self, Statement};
    /// fn columns(table: &Statement) -> Result<Vec<String>, postgres::Error> {
    ///     Ok(table.query()?.columns.into_iter().map(|column| column.name).collect())
    /// }
    /// ```
    pub fn query(&self) -> Result<Rows, Error> {
        host::query(&self.text, &self.params)
    }

    /// Runs the statement, and returns its rows as a JSON array of objects.
    ///
    /// ```
    /// # use berth_sdk::postgres::Statement;
    /// # use berth_sdk::{Error, Principal, Request, Response};
    /// fn list(caller: &Principal, _: &Request) -> Result<Response, Error> {
    ///     let notes = Statement::new("SELECT id, text FROM notes WHERE owner = ").value(&caller.subject);
    ///     Ok(Response::json_text(200, notes.query_json()?.body))
    /// }
    /// ```
    pub fn query_json(&self) -> Result<JsonRows, Error> {
        host::query_json(&self.text, &self.params)
    }

    /// Runs the statement, and returns its only row as a JSON object; `None` if there is no row.
    ///
    /// ```
    /// # use berth_sdk::postgres::Statement;
    /// # use berth_sdk::{Error, Response};
    /// fn read(id: i64) -> Result<Response, Error> {
    ///     let note = Statement::new("SELECT id, text FROM notes WHERE id = ").value(id).query_json_row()?;
    ///     Ok(Response::json_text(200, note.ok_or_else(|| Error::refused(404, "Note not found"))?))
    /// }
    /// ```
    pub fn query_json_row(&self) -> Result<Option<Vec<u8>>, Error> {
        let rows = self.query_json()?;
        Ok((rows.count > 0).then(|| elements(rows.body)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_null() {
        let statement = Statement::new("SELECT ")
            .value(None::<String>)
            .and(", ")
            .value(Some("x"));
        assert_eq!(statement.text(), "SELECT $1, $2");
        assert!(matches!(statement.params(), [Value::Null, Value::Text(text)] if text == "x"));
    }
}
