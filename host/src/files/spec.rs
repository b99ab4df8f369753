//! The settings of one directory of files.

use std::path::PathBuf;

use berth_runtime::RoutePattern;
use http::HeaderMap;

/// One `[files.NAME]` of the manifest, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilesSpec {
    /// The name of the table.
    pub name: String,
    /// The directory, which may be a link.
    pub directory: PathBuf,
    /// The routes: literal paths, and literal paths with `/{*rest}` behind.
    pub routes: Vec<RoutePattern>,
    /// The file that answers pages that do not exist, relative to the directory.
    pub fallback: Option<String>,
    /// Files that never change under their name, and directories of such files, relative to the directory. The path of a
    /// directory ends in a slash.
    pub immutable: Vec<String>,
    /// Headers of every response with a file.
    pub headers: HeaderMap,
    /// Whether the host answers 401 to a request without a valid token.
    pub needs_login: bool,
}

impl FilesSpec {
    /// Whether the file at `path`, relative to the directory, never changes under its name.
    #[must_use]
    pub fn is_immutable(&self, path: &str) -> bool {
        self.immutable.iter().any(|entry| {
            if entry.ends_with('/') {
                path.starts_with(entry.as_str())
            } else {
                path == entry
            }
        })
    }
}
