//! The host's use of PostgreSQL: connecting, pooling connections, laying out schemas.
//!
//! - [`url`]: `DATABASE_URL`, in every dialect
//! - [`server`]: a database's address, and any pooler in front of it
//! - [`private`]: a server of the host's own, if no URL is given
//! - [`connect`]: opening one connection, with retries while a server is starting
//! - [`trouble`]: why a server cannot be used
//! - [`pool`]: the host's own connections, which requests share
//! - [`session_pool`]: the sessions of one component, reset for every request
//! - [`lease`]: a session that is leased to one request, and its reset
//! - [`backends`]: the server's processes behind the sessions, and how they are ended
//! - [`pooled_transaction`]: transactions on the sessions of a pooler
//! - [`migrations`]: bringing a schema's tables up to date
//! - [`migrating`]: migrations that have run and can still be rolled back
//! - [`host_tables`]: the host's own schema
//! - [`isolation`]: a schema and a login role for each component
//! - `storage`: statements on the host's own tables, and their errors
//! - [`lock`], [`listen`]: several hosts on one database
//!
//! The crate knows no HTTP, knows components only by name, and reads no configuration: callers pass settings.

pub mod backends;
pub mod connect;
mod hash;
pub mod host_tables;
pub mod isolation;
pub mod lease;
pub mod listen;
pub mod lock;
pub mod migrating;
pub mod migrations;
pub mod pool;
pub mod pooled_transaction;
pub mod private;
pub mod server;
pub mod session_pool;
mod sql;
mod storage;
pub mod trouble;
pub mod url;

pub use backends::Backends;
pub use isolation::{ComponentDatabase, Isolation, IsolationError, component_database};
pub use lease::{Lease, TransactionScope};
pub use listen::Listener;
pub use lock::SwapLock;
pub use migrating::Migrating;
pub use migrations::{Applied, Migration, MigrationError, migrate};
pub use pool::{Connection, Pool, PoolError, PoolSettings};
pub use pooled_transaction::End;
pub use private::{PrivateError, PrivatePostgres, PrivateSettings};
pub use server::{Server, Sessions};
pub use session_pool::{Repair, SessionError, SessionPool};
pub use storage::{StorageError, with_connection};
pub use trouble::Trouble;
