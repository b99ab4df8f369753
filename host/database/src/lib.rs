//! Everything Berth does with PostgreSQL as such: reaching it, sharing its connections, laying out schemas.
//!
//! - [`url`]: `DATABASE_URL`, in every dialect
//! - [`server`]: where a database is, and what is in between
//! - [`private`]: a server of the host's own, where no URL is given
//! - [`connect`]: one connection, with patience for a server that is starting
//! - [`trouble`]: why a server cannot be used
//! - [`pool`]: the host's own connections, which requests share
//! - [`session_pool`]: the sessions of one component, each as new for every request
//! - [`lease`]: a session that a request has for itself, and its reset
//! - [`backends`]: the server's processes behind those, and how they end
//! - [`pooled_transaction`]: transactions on the sessions of a pooler
//! - [`migrations`]: bringing a schema's tables up to date
//! - [`migrating`]: the same, while it can still be taken back
//! - [`host_tables`]: the host's own schema
//! - [`isolation`]: a schema and a login role for each component
//! - [`lock`], [`listen`]: several hosts on one database
//!
//! It knows no HTTP, no components beyond their names, and reads no configuration: all that comes in as settings.

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
pub use trouble::Trouble;
