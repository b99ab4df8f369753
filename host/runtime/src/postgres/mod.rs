//! The statements of `berth:postgres/client`. The host functions themselves are in `capabilities/postgres.rs`.
//!
//! - `statement`: one checked statement with its parameters; its possible effects on a session
//! - `session`: one connection and the statements that run on it; when it may go back to the pool
//! - `transaction`: a session between `BEGIN` and its end
//! - `kind`: which PostgreSQL types cross, and as what
//! - `parameters`, `wire`, `numeric`: values to and from PostgreSQL's binary format
//! - `field`: one field of a row
//! - `rows`, `json`, `calendar`: a result as typed values, or as JSON
//! - `error`: every way in which it fails

mod calendar;
mod error;
mod field;
mod json;
mod kind;
mod numeric;
mod parameters;
mod rows;
mod session;
mod statement;
#[cfg(test)]
mod tests;
mod transaction;
mod wire;

pub(crate) use error::Error;
pub(crate) use json::JsonRows;
pub(crate) use rows::TypedRows;
pub(crate) use session::{Affected, Collect, NoticeHandler, Session};
pub(crate) use statement::Statement;
pub(crate) use transaction::MAX_OPEN;
#[expect(unreachable_pub, reason = "the generated bindings re-export it")]
pub use transaction::Transaction;

/// The limits of one result, from the component's manifest entry.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Caps {
    /// Rows.
    pub(crate) rows: u32,
    /// Bytes, of a result and of a statement's parameters. What counts, the WIT says at
    /// `error.too-many-bytes`.
    pub(crate) bytes: u64,
}

/// The bytes that a field, a parameter or an array's element counts for, beside those of a text or byte
/// string: what the canonical ABI lays out for one `value`. So rows of nothing but NULLs have a limit too.
const FIELD: usize = 24;
