//! PostgreSQL, through the host: `berth:postgres/client`, statements that are built from parts, and values for their
//! parameters.

use berth_contract::Timestamp;

pub use crate::bindings::http::berth::postgres::client::{
    ArrayValue, Column, DatabaseError, Error, JsonRows, Rows, Transaction, Value, begin, execute, query,
    query_json,
};

/// A statement and its parameters, built part by part.
///
/// ```
/// use berth_sdk::postgres::Statement;
///
/// let done = Statement::new("DELETE FROM tasks WHERE user_id = ").value("ann").and(" AND id = ").value(7);
/// assert_eq!(done.text(), "DELETE FROM tasks WHERE user_id = $1 AND id = $2");
/// ```
#[derive(Debug, Clone)]
#[must_use = "a statement does nothing until it is run"]
pub struct Statement {
    text: String,
    params: Vec<Value>,
}

impl Statement {
    /// Begins a statement with `text`, which is SQL and must not contain a client's input: pass that to
    /// [`Statement::value`].
    pub fn new(text: &str) -> Self {
        Self {
            text: text.to_owned(),
            params: Vec::new(),
        }
    }

    /// Appends SQL.
    pub fn and(mut self, text: &str) -> Self {
        self.text.push_str(text);
        self
    }

    /// Appends a parameter.
    pub fn value(mut self, value: impl Into<Value>) -> Self {
        self.params.push(value.into());
        self.text.push('$');
        self.text.push_str(&self.params.len().to_string());
        self
    }

    /// The statement's SQL.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The statement's parameters.
    #[must_use]
    pub fn params(&self) -> &[Value] {
        &self.params
    }

    /// Runs the statement, and returns how many rows it affected.
    pub fn execute(&self) -> Result<u64, Error> {
        execute(&self.text, &self.params)
    }

    /// Runs the statement, and returns its rows.
    pub fn query(&self) -> Result<Rows, Error> {
        query(&self.text, &self.params)
    }

    /// Runs the statement, and returns its rows as a JSON array of objects.
    pub fn query_json(&self) -> Result<JsonRows, Error> {
        query_json(&self.text, &self.params)
    }

    /// Runs the statement, and returns its only row as a JSON object; `None` if there is no row.
    pub fn query_json_row(&self) -> Result<Option<Vec<u8>>, Error> {
        let rows = self.query_json()?;
        Ok((rows.count > 0).then(|| elements(rows.body)))
    }
}

/// A sentence about `error` for the log. It omits PostgreSQL's detail, which quotes data.
#[must_use]
pub fn describe(error: &Error) -> String {
    match error {
        Error::Database(refusal) => format!("PostgreSQL refused: {} {}", refusal.sqlstate, refusal.message),
        Error::Timeout => "the statement took longer than the host allows".to_owned(),
        Error::TooManyRows(limit) => format!("the result has more than {limit} rows: use LIMIT"),
        Error::TooManyBytes(limit) => format!("the result or the parameters have more than {limit} bytes"),
        Error::Unsupported(reason) => reason.clone(),
        Error::PoolExhausted => "every connection was busy".to_owned(),
        Error::Away => "the database cannot be reached".to_owned(),
    }
}

/// Whether PostgreSQL is out of a resource (class 53: a full disk, no memory, too many connections) or an operator has
/// stopped it (57P). Such a failure ends by itself, so the client can try again.
#[must_use]
pub fn is_temporary(refusal: &DatabaseError) -> bool {
    ["53", "57P"]
        .iter()
        .any(|class| refusal.sqlstate.starts_with(class))
}

/// The text between the brackets of a JSON array.
#[must_use]
pub fn elements(mut array: Vec<u8>) -> Vec<u8> {
    array.pop();
    array.drain(..1.min(array.len()));
    array
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Boolean(value)
    }
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Int8(value)
    }
}

impl From<String> for Value {
    fn from(value: String) -> Self {
        Self::Text(value)
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::Text(value.to_owned())
    }
}

impl From<Vec<String>> for Value {
    fn from(values: Vec<String>) -> Self {
        Self::Array(ArrayValue::Text(values.into_iter().map(Some).collect()))
    }
}

impl From<Timestamp> for Value {
    fn from(value: Timestamp) -> Self {
        Self::Timestamptz(value.microseconds())
    }
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_elements_of_an_array_stand_between_its_brackets() {
        assert_eq!(elements(b"[]".to_vec()), b"");
        assert_eq!(elements(br#"[{"id":1}]"#.to_vec()), br#"{"id":1}"#);
    }

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
