//! Rows that belong to a user: PostgreSQL itself shows a request the rows of its caller, whatever SQL the component
//! sends.
//!
//! - `claim`: the caller of a statement, with a code that only the host can make
//! - `access`: the connections of a component whose rows have owners
//! - `roles`: the roles of a component whose tables have owners
//! - `catalogue`: the tables after a migration, and everything that would undo the protection
//! - `protection`: the policies and privileges of the tables
//!
//! `docs/security.md` has the promise and its limits. The functions that the policies call are in
//! `sql/user_rows.sql`.

mod access;
mod catalogue;
mod claim;
mod protection;
mod roles;

use std::collections::BTreeSet;

pub use self::access::RowAccess;
pub(crate) use self::claim::{Claim, REFUSED_CLAIM, new_lease};
pub use self::claim::{ClaimKey, ClaimKeyError};
pub use self::protection::ProtectionError;
pub(crate) use self::roles::{REQUEST, RowRoles, prepare_roles};

/// The owners of rows in a component's tables: the table `rows` of its manifest entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowRules {
    /// The column with the subject of the caller to whom a row belongs.
    pub owner: String,
    /// The tables that all callers share.
    pub shared: BTreeSet<String>,
    /// Whether requests may make temporary tables.
    pub temporary_tables: bool,
}
