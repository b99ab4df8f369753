//! The choice between a component's file and the database.

/// Which version a host runs when a component's file and the live version in the database differ, and the file is not
/// new.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precedence {
    /// The file runs, because the host is a developer's.
    File,
    /// The live version in the database runs, because it may have been pushed after the file was installed.
    Database,
}
