//! The capabilities that a component can be granted: a folder for each, and a row of the table below.
//!
//! Every folder has the same parts, in this order: the bindings of its WIT package; its `Context`, which is made for
//! each request; its `View`, which has the host functions and borrows the context and the table of resources; and
//! `add_to_linker`. No folder knows another folder, except that `postgres_all_rows` is `postgres` with other sessions; and
//! none knows the data of a store.
//!
//! Whatever needs the list of the capabilities reads the table: the words of the manifest, the linker, the contexts of a
//! request, and the messages that refuse an import. A new capability is a package in `wit/deps`, a folder, and a row.

mod capability;
mod cohere;
mod config;
mod identity;
mod logging;
mod postgres;
mod postgres_all_rows;
mod scope;
mod table;

use wasmtime::component::{Linker, ResourceTable};

pub use self::capability::UnknownCapability;
pub(crate) use self::capability::package;
pub(crate) use self::scope::{Scope, Services};
use self::table::{Row, capabilities};

capabilities! {
    /// Cohere's models, with the host's key.
    Cohere {
        word: "cohere",
        interfaces: ["berth:cohere/chat@0.1.0"],
        folder: cohere,
    }
    /// The manifest's `config` table.
    Config {
        word: "config",
        interfaces: ["wasi:config/store@0.2.0-rc.1"],
        folder: config,
    }
    /// The request's principal.
    Identity {
        word: "identity",
        interfaces: ["berth:identity/caller@0.1.0"],
        folder: identity,
    }
    /// Lines in the host's log.
    Logging {
        word: "logging",
        interfaces: ["wasi:logging/logging@0.1.0-draft"],
        folder: logging,
    }
    /// A schema of its own in the host's database.
    Postgres {
        word: "postgres",
        interfaces: ["berth:postgres/client@0.1.0"],
        folder: postgres,
    }
    /// The rows of all users, in a schema whose rows have owners.
    PostgresAllRows {
        word: "postgres-all-rows",
        interfaces: ["berth:postgres-all-rows/client@0.1.0"],
        folder: postgres_all_rows,
    }
}

/// The data of a store, as far as the host functions of capabilities need the data.
pub(crate) trait CapabilitiesView: Send + 'static {
    /// The contexts of the request, and the table of the guest's resources.
    fn capabilities(&mut self) -> (&mut Contexts, &mut ResourceTable);
}

#[cfg(test)]
mod tests;
