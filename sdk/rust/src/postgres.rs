//! PostgreSQL: `berth:postgres/client`, granted by `capabilities = ["postgres"]`.
//!
//! A [`Statement`] is SQL and its parameters. Its rows come as values of a type that implements serde's `Deserialize`:
//!
//! ```
//! use berth_sdk::contract::Timestamp;
//! use berth_sdk::postgres::{self, Statement};
//!
//! #[derive(serde::Deserialize)]
//! struct Note {
//!     id: i64,
//!     text: String,
//!     due: Option<Timestamp>,
//!     tags: Vec<String>,
//! }
//!
//! fn notes(owner: &str) -> Result<Vec<Note>, postgres::Error> {
//!     Statement::new("SELECT id, text, due, tags FROM notes WHERE owner = ").value(owner).fetch_all()
//! }
//! ```
//!
//! - A struct is read by the names of the columns, a tuple by their order, and any other type from a single column.
//! - `NULL` is `None` of an `Option`. An array is a `Vec`, `jsonb` is any type, `bytea` a `Vec<u8>`.
//! - `timestamptz` is a [`Timestamp`](crate::contract::Timestamp). `timestamp`, `time` and `date` are integers:
//!   microseconds and days, as `berth:postgres` has them. `numeric` and `uuid` are a `String`.
//!
//! A handler that only passes rows on needs no type: [`Statement::query_json`] returns the JSON that the host makes of
//! them.
//!
//! If the manifest entry of the component has `rows`, statements see the rows of the caller; [`all_rows`] runs statements
//! with the rows of all users.

pub mod all_rows;
mod rows;
mod statement;
mod transaction;
mod value;

pub use crate::bindings::http::berth::postgres::client::{
    ArrayValue, Column, DatabaseError, Error, JsonRows, Rows, Value,
};
pub use statement::Statement;
pub use transaction::{Transaction, begin, transaction};

/// A sentence about `error` for the log. It omits PostgreSQL's detail, which quotes data.
///
/// ```
/// use berth_sdk::postgres::{Error, describe};
///
/// assert_eq!(describe(&Error::Away), "the database cannot be reached");
/// ```
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
///
/// ```
/// use berth_sdk::postgres::{DatabaseError, is_temporary};
///
/// let refusal = DatabaseError {
///     sqlstate: "53100".to_owned(),
///     message: "could not extend file: No space left on device".to_owned(),
///     detail: None,
///     constraint: None,
/// };
/// assert!(is_temporary(&refusal));
/// ```
#[must_use]
pub fn is_temporary(refusal: &DatabaseError) -> bool {
    ["53", "57P"]
        .iter()
        .any(|class| refusal.sqlstate.starts_with(class))
}

/// Whether a statement was refused because a row with the same key exists (`unique_violation`).
///
/// ```
/// use berth_sdk::Error;
/// use berth_sdk::postgres::{self, Statement};
///
/// fn add(name: &str) -> Result<u64, Error> {
///     let insert = Statement::new("INSERT INTO names VALUES (").value(name).and(")");
///     insert.execute().map_err(|error| match error {
///         error if postgres::is_duplicate(&error) => Error::refused(409, "The name is taken"),
///         error => error.into(),
///     })
/// }
/// ```
#[must_use]
pub fn is_duplicate(error: &Error) -> bool {
    matches!(error, Error::Database(refusal) if refusal.sqlstate == "23505")
}

/// The text between the brackets of a JSON array, such as that of [`JsonRows::body`](JsonRows).
///
/// ```
/// assert_eq!(berth_sdk::postgres::elements(b"[1,2]".to_vec()), b"1,2");
/// ```
#[must_use]
pub fn elements(mut array: Vec<u8>) -> Vec<u8> {
    array.pop();
    array.drain(..1.min(array.len()));
    array
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_elements_of_an_array_stand_between_its_brackets() {
        assert_eq!(elements(b"[]".to_vec()), b"");
        assert_eq!(elements(br#"[{"id":1}]"#.to_vec()), br#"{"id":1}"#);
    }
}
