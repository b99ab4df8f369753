//! The files of a directory, found without reading them, and the entries that are left out.
//!
//! Names that begin with a dot are left out silently. A link to a file inside of the directory counts as that file, as
//! in a Kubernetes volume; a link that leads out, a link to a directory, and anything that is no regular file are left
//! out with a reason.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// The most files of a directory, those below it included.
const MAX_FILES: usize = 10_000;

/// The most levels of directories.
const MAX_DEPTH: usize = 16;

/// The largest file.
const MAX_FILE_BYTES: u64 = 1024 * 1024 * 1024;

/// Files up to this size are kept in memory. Larger files stay open and are streamed.
pub(super) const MAX_FILE_IN_MEMORY_BYTES: u64 = 256 * 1024;

/// The most bytes of a directory's files in memory.
const MAX_MEMORY_BYTES: u64 = 32 * 1024 * 1024;

/// The most files of a directory that stay open, because the operating system bounds open files.
const MAX_OPEN_FILES: usize = 256;

/// The files of a directory, by their path relative to the directory, with `/` between names.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Listing {
    pub(super) files: BTreeMap<String, Found>,
    /// The entries that are not served, in the order of their paths.
    pub left_out: Vec<LeftOut>,
}

/// A file that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Found {
    /// The path without links.
    pub(super) path: PathBuf,
    pub(super) stamp: Stamp,
}

/// Metadata that differs as soon as a file does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    device: u64,
    inode: u64,
    pub(super) length: u64,
    /// Seconds and nanoseconds since 1970.
    pub(super) modified: (i64, i64),
    changed: (i64, i64),
}

/// An entry that is not served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftOut {
    /// The path relative to the directory; bytes that are no UTF-8 are replaced.
    pub path: String,
    /// Why the entry is not served.
    pub reason: &'static str,
}

/// A directory that cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum ListingError {
    /// There is no directory at the path.
    #[error("there is no directory {}: make it, or correct the path", .0.display())]
    NoDirectory(PathBuf),
    /// The operating system refuses to read a directory or a file.
    #[error("{} cannot be read ({error}): let the host's user read it", path.display())]
    Unreadable {
        /// The path.
        path: PathBuf,
        /// The operating system's error.
        error: io::Error,
    },
    /// The directory has too many files.
    #[error("the directory has more than {MAX_FILES} files: serve fewer")]
    TooManyFiles,
    /// The directory has too many levels.
    #[error("{} is more than {MAX_DEPTH} levels deep: move it up", .0.display())]
    TooDeep(PathBuf),
    /// A file is too large.
    #[error("{} is larger than 1 GiB: serve it from elsewhere", .0.display())]
    FileTooLarge(PathBuf),
    /// The files that are kept in memory are too large together.
    #[error("the files of at most 256 KiB have more than 32 MiB together: serve fewer")]
    TooMuchMemory,
    /// Too many files are too large to be kept in memory.
    #[error("more than {MAX_OPEN_FILES} files are larger than 256 KiB: serve fewer")]
    TooManyLargeFiles,
}

impl Listing {
    /// Lists the files at and below `directory`.
    pub fn read(directory: &Path) -> Result<Self, ListingError> {
        let no_directory = || ListingError::NoDirectory(directory.to_owned());
        let root = fs::canonicalize(directory).map_err(|_| no_directory())?;
        if !root.is_dir() {
            return Err(no_directory());
        }
        let mut listing = Self::default();
        listing.add_directory(&root, &root, "", 0)?;
        listing.left_out.sort_by(|one, other| one.path.cmp(&other.path));
        listing.check_sizes()?;
        Ok(listing)
    }

    /// Whether there is a file at `path`, relative to the directory.
    #[must_use]
    pub fn has(&self, path: &str) -> bool {
        self.files.contains_key(path)
    }

    /// The number of files.
    #[must_use]
    pub fn count(&self) -> usize {
        self.files.len()
    }

    /// The size of all files together, in bytes.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.files.values().map(|found| found.stamp.length).sum()
    }

    fn add_directory(
        &mut self,
        root: &Path,
        directory: &Path,
        prefix: &str,
        depth: usize,
    ) -> Result<(), ListingError> {
        if depth > MAX_DEPTH {
            return Err(ListingError::TooDeep(directory.to_owned()));
        }
        let unreadable = |error| unreadable(directory, error);
        for entry in fs::read_dir(directory).map_err(unreadable)? {
            let entry = entry.map_err(unreadable)?;
            let name = entry.file_name();
            if name.as_encoded_bytes().starts_with(b".") {
                continue;
            }
            let Some(name) = name.to_str().filter(|name| !name.contains('\\')) else {
                let path = format!("{prefix}{}", name.to_string_lossy());
                self.leave_out(path, "no address can have its name");
                continue;
            };
            self.add_entry(root, &entry.path(), format!("{prefix}{name}"), depth)?;
        }
        Ok(())
    }

    fn add_entry(&mut self, root: &Path, path: &Path, key: String, depth: usize) -> Result<(), ListingError> {
        // An entry that is gone by now is no part of the listing.
        let Ok(metadata) = fs::symlink_metadata(path) else {
            return Ok(());
        };
        if metadata.is_dir() {
            return self.add_directory(root, path, &format!("{key}/"), depth + 1);
        }
        if !metadata.is_symlink() {
            return self.add_file(path.to_owned(), key, &metadata);
        }
        let Ok(target) = fs::canonicalize(path) else {
            self.leave_out(key, "the link leads nowhere");
            return Ok(());
        };
        if !target.starts_with(root) {
            self.leave_out(key, "the link leads out of the directory");
            return Ok(());
        }
        match fs::symlink_metadata(&target) {
            Ok(metadata) if metadata.is_dir() => {
                self.leave_out(key, "links to directories are not followed");
                Ok(())
            }
            Ok(metadata) => self.add_file(target, key, &metadata),
            Err(error) => Err(unreadable(&target, error)),
        }
    }

    fn add_file(&mut self, path: PathBuf, key: String, metadata: &Metadata) -> Result<(), ListingError> {
        if !metadata.is_file() {
            self.leave_out(key, "it is no regular file");
            return Ok(());
        }
        if metadata.len() > MAX_FILE_BYTES {
            return Err(ListingError::FileTooLarge(path));
        }
        let stamp = Stamp::of(metadata);
        self.files.insert(key, Found { path, stamp });
        if self.files.len() > MAX_FILES {
            return Err(ListingError::TooManyFiles);
        }
        Ok(())
    }

    fn leave_out(&mut self, path: String, reason: &'static str) {
        self.left_out.push(LeftOut { path, reason });
    }

    fn check_sizes(&self) -> Result<(), ListingError> {
        let lengths = || self.files.values().map(|found| found.stamp.length);
        let in_memory: u64 = lengths()
            .filter(|length| *length <= MAX_FILE_IN_MEMORY_BYTES)
            .sum();
        if in_memory > MAX_MEMORY_BYTES {
            return Err(ListingError::TooMuchMemory);
        }
        let open = lengths()
            .filter(|length| *length > MAX_FILE_IN_MEMORY_BYTES)
            .count();
        if open > MAX_OPEN_FILES {
            return Err(ListingError::TooManyLargeFiles);
        }
        Ok(())
    }
}

impl Stamp {
    pub(super) fn of(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            length: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }

    /// Whether the file has the content that it had at `other`. The time of the last change does not count, because it
    /// also changes when another file takes the name.
    pub(super) fn has_content_of(&self, other: &Self) -> bool {
        Self {
            changed: other.changed,
            ..*self
        } == *other
    }
}

impl fmt::Display for LeftOut {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} is not served: {}", self.path, self.reason)
    }
}

fn unreadable(path: &Path, error: io::Error) -> ListingError {
    ListingError::Unreadable {
        path: path.to_owned(),
        error,
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

    use std::os::unix::fs::symlink;
    use std::os::unix::net::UnixListener;

    use super::*;

    fn paths(listing: &Listing) -> Vec<&str> {
        listing.files.keys().map(String::as_str).collect()
    }

    #[test]
    fn files_below_are_listed_and_names_with_a_dot_are_not() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        fs::create_dir_all(root.join("a/b")).unwrap();
        fs::create_dir(root.join(".git")).unwrap();
        for name in [
            "index.html",
            "a/one.js",
            "a/b/two.js",
            ".env",
            ".git/config",
            "a/.hidden",
        ] {
            fs::write(root.join(name), name).unwrap();
        }
        let listing = Listing::read(root).unwrap();
        assert_eq!(paths(&listing), ["a/b/two.js", "a/one.js", "index.html"]);
        assert_eq!((listing.count(), listing.bytes()), (3, 28));
        assert_eq!(listing.left_out, []);
    }

    #[test]
    fn links_stay_inside_and_what_is_left_out_has_a_reason() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("root");
        fs::create_dir_all(root.join("..data")).unwrap();
        fs::create_dir(root.join("below")).unwrap();
        fs::write(root.join("..data/index.html"), "inside").unwrap();
        fs::write(folder.path().join("secret"), "outside").unwrap();
        symlink("..data/index.html", root.join("index.html")).unwrap();
        symlink("../secret", root.join("out")).unwrap();
        symlink("/etc/passwd", root.join("passwd")).unwrap();
        symlink("below", root.join("link")).unwrap();
        symlink("nothing", root.join("nowhere")).unwrap();
        let _socket = UnixListener::bind(root.join("socket")).unwrap();
        fs::write(root.join("back\\slash"), "").unwrap();
        let listing = Listing::read(&root).unwrap();
        assert_eq!(paths(&listing), ["index.html"]);
        let left_out: Vec<_> = listing.left_out.iter().map(ToString::to_string).collect();
        insta::assert_snapshot!(left_out.join("\n"), @r"
        back\slash is not served: no address can have its name
        link is not served: links to directories are not followed
        nowhere is not served: the link leads nowhere
        out is not served: the link leads out of the directory
        passwd is not served: the link leads out of the directory
        socket is not served: it is no regular file
        ");
    }

    #[test]
    fn the_directory_itself_may_be_a_link() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("v1")).unwrap();
        fs::write(folder.path().join("v1/index.html"), "").unwrap();
        symlink("v1", folder.path().join("current")).unwrap();
        let listing = Listing::read(&folder.path().join("current")).unwrap();
        assert_eq!(paths(&listing), ["index.html"]);
    }

    #[test]
    fn a_directory_that_cannot_be_served_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        let refusal = |path: &Path| Listing::read(path).err().unwrap();
        assert!(matches!(
            refusal(&root.join("nowhere")),
            ListingError::NoDirectory(_)
        ));
        fs::write(root.join("file"), "").unwrap();
        assert!(matches!(
            refusal(&root.join("file")),
            ListingError::NoDirectory(_)
        ));

        let deep = root.join("x/".repeat(MAX_DEPTH + 1));
        fs::create_dir_all(&deep).unwrap();
        assert!(matches!(refusal(root), ListingError::TooDeep(_)));
        fs::remove_dir_all(root.join("x")).unwrap();

        let huge = fs::File::create(root.join("huge")).unwrap();
        huge.set_len(MAX_FILE_BYTES + 1).unwrap();
        assert!(matches!(refusal(root), ListingError::FileTooLarge(_)));
        huge.set_len(MAX_FILE_BYTES).unwrap();
        assert!(Listing::read(root).is_ok());

        for number in 0..=MAX_MEMORY_BYTES / MAX_FILE_IN_MEMORY_BYTES {
            let file = fs::File::create(root.join(format!("small{number}"))).unwrap();
            file.set_len(MAX_FILE_IN_MEMORY_BYTES).unwrap();
        }
        assert!(matches!(refusal(root), ListingError::TooMuchMemory));
    }
}
