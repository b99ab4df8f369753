//! Everything Berth does with PostgreSQL as such: reaching it, sharing its connections, laying out schemas.
//!
//! - [`pool`]: connections that are shared by requests
//! - [`connect`]: one connection, with patience for a server that is starting

pub mod connect;
pub mod pool;
pub mod private;
mod sql;
pub mod url;

pub use pool::{Connection, Pool, PoolError, PoolSettings};
