//! Everything Berth does with PostgreSQL as such: reaching it, sharing its connections, laying out schemas.
//!
//! - [`url`]: `DATABASE_URL`, in every dialect
//! - [`private`]: a server of the host's own, where no URL is given
//! - [`connect`]: one connection, with patience for a server that is starting
//! - [`pool`]: connections that requests share
//! - [`migrations`]: bringing a schema's tables up to date
//! - [`host_tables`]: the host's own schema
//! - [`isolation`]: a schema and a login role for each component
//!
//! It knows no HTTP, no components beyond their names, and reads no configuration: all that comes in as settings.

pub mod connect;
mod hash;
pub mod host_tables;
pub mod isolation;
mod lock;
pub mod migrations;
pub mod pool;
pub mod private;
mod sql;
pub mod url;

pub use isolation::{ComponentDatabase, Isolation, IsolationError, component_database};
pub use migrations::{Migration, MigrationError, migrate};
pub use pool::{Connection, Pool, PoolError, PoolSettings};
pub use private::{PrivateError, PrivatePostgres, PrivateSettings};
