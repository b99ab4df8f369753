//! The directories of machine code, and files of machine code that are written whole or not at all.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use wasmtime::component::Component;

use super::compile_error::CompileError;
use super::compile_process::{Failure, compile_into};
use super::private_directory::{PARTIAL, create_private};
use crate::source_lines::SourceLines;

/// Minimum age of an unfinished file whose process must have ended.
const ABANDONED_AFTER: Duration = Duration::from_hours(1);

/// Maximum number of compiled components in the host's own cache. A developer who saves all day produces as
/// many.
const MAX_CACHED_FILES: usize = 500;

/// The directories of machine code. Only the host and its installer may write to them, because the host runs the code
/// in them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CodeCache {
    /// The read-only directory of components compiled in advance. It is searched first.
    pub ahead: Option<PathBuf>,
    /// The directory of components that this host compiles. It is created when it is needed.
    pub own: PathBuf,
}

/// Machine code, and its source lines if the component has them.
pub(super) type Loaded = (Component, Option<Arc<SourceLines>>);

/// The machine code in a file, if the file exists and is usable.
pub(super) fn cached(engine: &wasmtime::Engine, path: &Path) -> Option<Loaded> {
    if !path.exists() {
        return None;
    }
    load(engine, path)
        .inspect_err(|error| {
            tracing::warn!(path = %path.display(), "compiling again, the cached code is not usable: {error:#}");
        })
        .ok()
}

#[expect(
    unsafe_code,
    reason = "loading machine code is unsafe unless it is wasmtime's own output"
)]
/// Loads the machine code in a file.
pub(super) fn load(engine: &wasmtime::Engine, path: &Path) -> wasmtime::Result<Loaded> {
    // SAFETY: only the host's user and its installer can write to the file's directory, and `Compiler::compile` wrote
    // the file.
    let component = unsafe { Component::deserialize_file(engine, path) }?;
    Ok((component, SourceLines::open(path)?.map(Arc::new)))
}

/// An unfinished file in the directory of its target. It is renamed when it is complete, so that a host that starts or
/// crashes meanwhile sees a complete file or none. On drop, the file is removed.
pub(super) struct Partial(PathBuf);

impl Partial {
    pub(super) fn beside(path: &Path) -> io::Result<Self> {
        path.parent().map_or(Ok(()), create_private)?;
        Ok(Self(
            path.with_extension(format!("{}.{PARTIAL}", std::process::id())),
        ))
    }

    /// Creates the file, empty and open for writing.
    pub(super) fn output(&self) -> io::Result<File> {
        File::create(&self.0)
    }

    /// Compiles into the file, in this process.
    pub(super) fn fill(&self, bytes: &[u8]) -> Result<(), CompileError> {
        let unusable = |error| CompileError::Cache {
            path: self.0.clone(),
            error,
        };
        compile_into(bytes, &mut self.output().map_err(unusable)?).map_err(|failure| match failure {
            Failure::Invalid(error) => CompileError::Invalid(format!("{error:#}")),
            Failure::Io(error) => unusable(error),
        })
    }

    pub(super) fn finish(self, path: &Path) -> io::Result<()> {
        fs::rename(&self.0, path)?;
        path.parent().map_or(Ok(()), forget_oldest).unwrap_or_else(|error| {
            tracing::warn!(path = %path.display(), %error, "old machine code cannot be removed from the cache");
        });
        Ok(())
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        // A finished file was renamed, so there is nothing to remove.
        let _ = fs::remove_file(&self.0);
    }
}

/// Removes the oldest compiled components, and the unfinished files of killed hosts. Components in use stay in memory
/// until their last use ends.
fn forget_oldest(directory: &Path) -> io::Result<()> {
    let mut kept = Vec::new();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        // Another host may have removed the file.
        let Ok(written) = fs::metadata(&path).and_then(|file| file.modified()) else {
            continue;
        };
        let is_partial = path.extension().is_some_and(|extension| extension == PARTIAL);
        if is_partial && written.elapsed().is_ok_and(|age| age > ABANDONED_AFTER) {
            let _ = fs::remove_file(path);
        } else {
            kept.push((written, path));
        }
    }
    kept.sort_unstable();
    let surplus = kept.len().saturating_sub(MAX_CACHED_FILES);
    kept.drain(..surplus)
        .try_for_each(|(_, path)| match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

    use super::*;

    #[test]
    fn what_was_compiled_longest_ago_makes_room() {
        let cache = tempfile::tempdir().unwrap();
        let file = |number: usize| cache.path().join(number.to_string());
        for number in 0..MAX_CACHED_FILES + 2 {
            let age = Duration::from_secs(u64::try_from(MAX_CACHED_FILES + 2 - number).unwrap());
            let written = std::time::SystemTime::now() - age;
            fs::File::create(file(number))
                .unwrap()
                .set_modified(written)
                .unwrap();
        }
        forget_oldest(cache.path()).unwrap();
        assert_eq!(
            [0, 1, 2].map(|number| file(number).exists()),
            [false, false, true]
        );
        assert_eq!(fs::read_dir(cache.path()).unwrap().count(), MAX_CACHED_FILES);
    }

    #[test]
    fn what_a_killed_host_left_half_written_is_removed() {
        let cache = tempfile::tempdir().unwrap();
        let file = |name: &str, age: Duration| {
            let path = cache.path().join(name);
            fs::File::create(&path)
                .unwrap()
                .set_modified(std::time::SystemTime::now() - age)
                .unwrap();
            path
        };
        let abandoned = file("a.1.partial", 2 * ABANDONED_AFTER);
        let under_way = file("b.2.partial", Duration::ZERO);
        let whole = file("c.cwasm", 2 * ABANDONED_AFTER);
        forget_oldest(cache.path()).unwrap();
        assert_eq!(
            [abandoned, under_way, whole].map(|path| path.exists()),
            [false, true, true]
        );
    }
}
