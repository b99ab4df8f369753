//! Static files: the directories of the manifest's `[files.NAME]`, and files that are parts of this program.
//!
//! A directory is read as one [`FileSet`], which a request loads once and which is replaced whole. A path of a request
//! is a key of the set and never a path of the file system, so no request leads out of the directory.
//!
//! - `spec`: the settings of a directory
//! - `listing`: the files of a directory, and which of them are left out
//! - `set`: the files as they are served, read while nothing changes
//! - `content`: the bytes of one file, in memory or streamed
//! - `tables`: the routes, and the set behind each
//! - `watch`: a directory that changes becomes the next set
//! - `preconditions`, `range`, `accept`: the headers of a request that choose among responses
//! - `response`: the response for a file

mod accept;
mod content;
mod listing;
mod preconditions;
mod range;
mod response;
mod set;
mod spec;
mod tables;
mod watch;

pub(crate) use accept::prefers_html;
pub use listing::{LeftOut, Listing, ListingError};
pub(crate) use response::answer;
pub use set::{FileSet, FileSetError};
pub use spec::FilesSpec;
pub use tables::{FilesAt, FilesError, FilesTables};
pub(crate) use watch::follow;
