//! Static files, by raw requests and by an HTTP client.
//!
//! - `paths`: the paths that lead to a file, and those that must not
//! - `representations`: tags, dates, ranges and compressed forms
//! - `manifest`: what `[files.NAME]` may say, and what `berth check` says about it
//! - `changes`: a directory that changes while the host serves it

mod changes;
mod manifest;
mod paths;
mod representations;

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::support::app::AppBuilder;
use crate::support::{App, Component};

/// A directory of files.
struct Site(TempDir);

impl Site {
    /// A directory with files of this content.
    fn new(files: &[(&str, &str)]) -> Self {
        let site = Self(tempfile::tempdir().unwrap());
        fs::create_dir(site.directory()).unwrap();
        for (path, content) in files {
            site.write(path, content);
        }
        site
    }

    /// The directory that is served. Files beside it are out of it.
    fn directory(&self) -> PathBuf {
        self.0.path().join("public")
    }

    /// Writes a file, relative to the directory.
    fn write(&self, path: &str, content: impl AsRef<[u8]>) {
        let path = self.directory().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    /// A host that serves the directory by a table with these lines, and nothing else.
    fn saying(&self, lines: &str) -> AppBuilder {
        self.beside([], lines)
    }

    /// A host that serves the directory at every path.
    fn everywhere(&self) -> AppBuilder {
        self.saying("routes = [\"/{*rest}\"]")
    }

    /// A host that serves the directory beside components.
    fn beside(&self, components: impl IntoIterator<Item = Component>, lines: &str) -> AppBuilder {
        App::serving(components).preceded_by(&table(&self.directory(), lines))
    }
}

/// The table of the files of a directory.
fn table(directory: &Path, lines: &str) -> String {
    let directory = directory.to_str().unwrap();
    format!("[files.site]\ndirectory = {directory:?}\n{lines}\n")
}
