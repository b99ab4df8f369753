//! The directories of the manifest: their routes, and the set that each serves at the moment.

use std::sync::Arc;

use arc_swap::ArcSwap;
use berth_runtime::RoutePattern;
use percent_encoding::percent_decode_str;

use super::set::{FileSet, FileSetError, StaticFile};
use super::spec::FilesSpec;

/// All directories. Their routes are fixed at the start.
#[derive(Default)]
pub struct FilesTables {
    tables: Vec<Arc<FilesTable>>,
    /// The index of a table, and the pattern of the route.
    routes: matchit::Router<(usize, RoutePattern)>,
}

/// One directory.
pub(super) struct FilesTable {
    pub(super) spec: FilesSpec,
    current: ArcSwap<FileSet>,
}

/// The directory that answers a request's path, as it is for this request.
pub struct FilesAt {
    table: Arc<FilesTable>,
    set: Arc<FileSet>,
    pattern: RoutePattern,
    /// The path relative to the directory; none if no file can have it.
    path: Option<String>,
}

/// A directory that cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum FilesError {
    /// The directory cannot be read.
    #[error("the directory of [files.{name}] cannot be served: {error}")]
    Directory {
        /// The name of the table.
        name: String,
        /// The cause.
        error: FileSetError,
    },
    /// Two routes have one shape, which the manifest's check should have found.
    #[error("a route of [files.{name}] cannot be used: {error}")]
    Route {
        /// The name of the table.
        name: String,
        /// The cause.
        error: matchit::InsertError,
    },
}

impl FilesTables {
    /// Reads the directory of each spec. Blocks: call this before requests are served.
    pub fn read(specs: &[FilesSpec]) -> Result<Self, FilesError> {
        let mut all = Self::default();
        for spec in specs {
            let named = |error| FilesError::Directory {
                name: spec.name.clone(),
                error,
            };
            let set = FileSet::read(spec).map_err(named)?;
            for left_out in set.left_out() {
                tracing::warn!(files = spec.name, "{left_out}");
            }
            all.add(spec.clone(), set)?;
        }
        Ok(all)
    }

    /// Adds a set, with the routes of `spec`.
    pub(crate) fn add(&mut self, spec: FilesSpec, set: FileSet) -> Result<(), FilesError> {
        let index = self.tables.len();
        for pattern in &spec.routes {
            for path in pattern.paths() {
                let inserted = self.routes.insert(path, (index, pattern.clone()));
                inserted.map_err(|error| FilesError::Route {
                    name: spec.name.clone(),
                    error,
                })?;
            }
        }
        self.tables.push(Arc::new(FilesTable {
            spec,
            current: ArcSwap::from_pointee(set),
        }));
        Ok(())
    }

    /// The directory whose route matches `path`, a request's path as it was sent.
    #[must_use]
    pub fn find(&self, path: &str) -> Option<FilesAt> {
        if self.tables.is_empty() {
            return None;
        }
        let (index, pattern) = self.routes.at(path).ok()?.value;
        let table = Arc::clone(self.tables.get(*index)?);
        Some(FilesAt {
            set: table.current.load_full(),
            path: decoded(below(pattern, path)),
            pattern: pattern.clone(),
            table,
        })
    }

    /// The directories.
    pub(super) fn tables(&self) -> &[Arc<FilesTable>] {
        &self.tables
    }
}

impl FilesTable {
    /// The set that new requests get.
    pub(super) fn current(&self) -> Arc<FileSet> {
        self.current.load_full()
    }

    /// Makes `set` the current one, at once and for new requests only.
    pub(super) fn publish(&self, set: FileSet) {
        self.current.store(Arc::new(set));
    }
}

impl FilesAt {
    /// The route.
    #[must_use]
    pub fn pattern(&self) -> &RoutePattern {
        &self.pattern
    }

    /// The settings of the directory.
    #[must_use]
    pub fn spec(&self) -> &FilesSpec {
        &self.table.spec
    }

    /// Whether the directory has a file for the path.
    #[must_use]
    pub fn has_file(&self) -> bool {
        self.file().is_some()
    }

    pub(super) fn file(&self) -> Option<&StaticFile> {
        self.set.find(self.path.as_deref()?)
    }

    /// The file that answers pages that do not exist, if the manifest names one.
    pub(super) fn fallback(&self) -> Option<&StaticFile> {
        self.set.find(self.table.spec.fallback.as_deref()?)
    }
}

/// The part of a path that names the file: what `{*rest}` stands for, or the last segment of a literal route.
fn below<'a>(pattern: &RoutePattern, path: &'a str) -> &'a str {
    let prefix = pattern.as_str().rsplit_once('/').map_or("", |(prefix, _)| prefix);
    let rest = path.get(prefix.len()..).unwrap_or_default();
    rest.strip_prefix('/').unwrap_or(rest)
}

/// The path without percent-encoding. None for a path that no file can have: with empty segments, `.` or `..`, or with a
/// slash, a backslash or a control character that is encoded.
fn decoded(path: &str) -> Option<String> {
    if path.is_empty() {
        return Some(String::new());
    }
    let segment = |segment| {
        let segment = percent_decode_str(segment).decode_utf8().ok()?;
        let is_name = !matches!(&*segment, "" | "." | "..")
            && !segment.contains(|c: char| matches!(c, '/' | '\\') || c.is_control());
        is_name.then(|| segment.into_owned())
    };
    let segments: Option<Vec<_>> = path.split('/').map(segment).collect();
    segments.map(|segments| segments.join("/"))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

    use super::*;

    #[test]
    fn a_route_names_its_file_by_what_follows_its_last_literal_slash() {
        let below = |pattern: &str, path| below(&pattern.parse().unwrap(), path);
        assert_eq!(below("/", "/"), "");
        assert_eq!(below("/{*rest}", "/"), "");
        assert_eq!(below("/{*rest}", "/a/b.js"), "a/b.js");
        assert_eq!(below("/assets/{*rest}", "/assets"), "");
        assert_eq!(below("/assets/{*rest}", "/assets/a/b.js"), "a/b.js");
        assert_eq!(below("/login", "/login"), "login");
        assert_eq!(below("/deep/robots.txt", "/deep/robots.txt"), "robots.txt");
    }

    #[test]
    fn a_path_is_decoded_once_and_never_leads_up() {
        assert_eq!(decoded("").as_deref(), Some(""));
        assert_eq!(decoded("a%20b/c.js").as_deref(), Some("a b/c.js"));
        assert_eq!(decoded("%C3%BC").as_deref(), Some("ü"));
        assert_eq!(decoded("%252e%252e").as_deref(), Some("%2e%2e"));
        for path in [
            "..", "a/../b", "%2e%2e/b", "%2E%2e", ".", "a/./b", "a//b", "/a", "a/", "a%2Fb", "a%5Cb", "a\\b",
            "a%00", "%0a", "%ff",
        ] {
            assert_eq!(decoded(path), None, "{path}");
        }
    }
}
