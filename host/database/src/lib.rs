//! The host's use of PostgreSQL: connecting, pooling connections, laying out schemas.
//!
//! - [`url`]: `DATABASE_URL`, in every dialect
//! - [`server`]: a database's address, and any pooler in front of it
//! - [`connect`]: opening one connection, with retries while a server is starting
//! - [`trouble`]: why a server cannot be used
//! - [`pool`]: the host's own connections, which requests share
//! - [`pool_settings`]: the settings of both kinds of pools
//! - [`session_pool`]: the sessions of one component, reset for every request
//! - [`session`]: a session of one request, whatever its kind
//! - [`session_error`]: why a session does not run a statement
//! - `lease`: the three kinds of sessions, and how each is left clean
//! - `pooled_session`: opens the sessions of a pool
//! - [`backends`]: the server's processes behind the sessions, and how they are ended
//! - `pooled_transaction`: transactions on the sessions of a pooler
//! - [`migrations`]: bringing a schema's tables up to date
//! - [`migrating`]: migrations that have run and can still be rolled back
//! - [`host_tables`]: the host's own schema
//! - [`isolation`]: a schema and a login role for each component
//! - [`rows`]: rows that belong to the caller of a request
//! - `storage`: statements on the host's own tables, and their errors
//! - [`metrics`]: the numbers of a pool
//! - [`lock`], [`listen`]: several hosts on one database
//!
//! The crate knows no HTTP, knows components only by name, and reads no configuration: callers pass settings.

pub mod backends;
pub mod connect;
mod hash;
pub mod host_tables;
pub mod isolation;
mod lease;
pub mod listen;
pub mod lock;
pub mod metrics;
pub mod migrating;
pub mod migrations;
pub mod pool;
pub mod pool_settings;
mod pooled_session;
mod pooled_transaction;
pub mod rows;
pub mod server;
pub mod session;
pub mod session_error;
pub mod session_pool;
mod sql;
mod storage;
pub mod trouble;
pub mod url;

pub use backends::Backends;
pub use isolation::{ComponentDatabase, Isolation, IsolationError, RowOwnership, component_database};
pub use listen::Listener;
pub use lock::SwapLock;
pub use metrics::{PoolMetrics, PoolStatus};
pub use migrating::Migrating;
pub use migrations::{Applied, Migration, MigrationError, migrate};
pub use pool::{Connection, Pool, PoolError};
pub use pool_settings::PoolSettings;
pub use pooled_session::Repair;
pub use rows::{ClaimKey, ClaimKeyError, RowAccess, RowRules};
pub use server::{Server, Sessions};
pub use session::{Collect, Effect, NoticeHandler, Session, Statement, StatementError, Transaction};
pub use session_error::SessionError;
pub use session_pool::SessionPool;
pub use storage::{StorageError, with_connection};
pub use trouble::Trouble;
