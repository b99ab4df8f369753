//! Directories that only the host's user can enter, with files that are written once.

use std::path::Path;
use std::{fs, io};

/// Extension of unfinished files.
pub(crate) const PARTIAL: &str = "partial";

/// Creates a directory, and the missing directories above it.
pub(crate) fn create_private(directory: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(directory)
}
