//! A PostgreSQL client for statements that are not trusted.
//!
//! The statements of a component are hostile until proven otherwise, and so are their results: one row, one error message or
//! one notice can be as long as PostgreSQL allows, a gigabyte. A driver that reads each message whole before it hands the
//! message on cannot be limited. This client reads the length of each message first, and the length of each field of a row
//! before the field; what is longer than its limit is never read.
//!
//! The messages and the authentication are those of `postgres-protocol`; this crate adds the connection:
//!
//! - [`target`]: a server's address, and the role to connect as
//! - `stream`, `tls`: a socket, encrypted or not
//! - `startup`: from a socket to a session that is ready
//! - `input`: bytes from the server, one message after the other
//! - [`connection`]: a session, and the statements that run on it
//! - [`rows`]: receivers of results
//! - `messages`: the messages that are read whole
//! - `cancel`: cancelling a statement
//! - `answer`: the response to one statement
//! - [`parameters`]: values on their way to the server
//! - [`statement`], `types`: statements that are prepared, and the types of their columns
//! - [`error`]: the ways in which a statement fails, and PostgreSQL's own error messages
//!
//! `ARCHITECTURE.md` lists the clients that were measured before this client was written, and the reasons for
//! it.
//!
//! Source of the format: <https://www.postgresql.org/docs/current/protocol.html>.

mod answer;
mod cancel;
pub mod connection;
pub mod error;
mod input;
mod messages;
pub mod parameters;
pub mod rows;
mod startup;
pub mod statement;
mod stream;
pub mod target;
mod tls;
mod types;

pub use cancel::CancelKey;
pub use connection::{Connection, Status};
pub use error::{Error, ServerMessage};
pub use parameters::Parameters;
pub use postgres_types::{Kind, Type};
pub use rows::{Ignored, Rows, TextRows};
pub use statement::{Around, Column, Prepared, Query};
pub use target::{Address, Target, TlsMode};
