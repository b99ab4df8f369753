//! Compiles a component's bytes to machine code, with a cache on disk.
//!
//! A component is compiled once for each version of wasmtime and kind of processor, in a separate process. Its machine
//! code is stored in a directory that only the host writes to, under the SHA-256 of the wasm and the engine's
//! compatibility hash, and is mapped into memory at the next start. A read-only directory is searched first; an image
//! stores there the components that were compiled when the image was built.

use std::fs::File;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::Duration;
use std::{fs, io};

use sha2::{Digest, Sha256};
use tokio::sync::Mutex;
use tokio::task::spawn_blocking;
use wasmtime::component::Component;

use crate::engine::Engine;
use crate::load::compile_process::{CompilerProcess, Failure, compile_into};
use crate::load::uncompiled::{Counted, MAX_BYTES, Uncompiled};
use crate::load::wasm::{IncomingWasm, WasmFile};
use crate::source_lines::{self, SourceLines};

const MIB: u64 = 1024 * 1024;

/// Extension of unfinished files.
pub(crate) const PARTIAL: &str = "partial";

/// Minimum age of an unfinished file whose process must have ended.
const ABANDONED_AFTER: Duration = Duration::from_hours(1);

/// Maximum number of compiled components in the host's own cache. A developer who saves all day produces as
/// many.
const MAX_CACHED_FILES: usize = 500;

/// Why a component could not be compiled.
#[derive(Debug, thiserror::Error)]
pub enum CompileError {
    /// The file is larger than a component may be.
    #[error("it is {0} bytes large, more than the {MAX_BYTES} that the host compiles")]
    TooLarge(usize),
    /// The file is machine code, which cannot be verified against its wasm.
    #[error("it is machine code precompiled by wasmtime; give the component's wasm, the host compiles it")]
    Precompiled,
    /// A core module.
    #[error(
        "it is a core WebAssembly module, not a component; build it for wasm32-wasip2, or wrap it by \
         `wasm-tools component new`"
    )]
    CoreModule,
    /// A native program, which a build without a target produces.
    #[error("it is a program for a machine, not WebAssembly; build it with `--target wasm32-wasip2`")]
    Program,
    /// The file is not WebAssembly.
    #[error("it is not WebAssembly")]
    NotWebAssembly,
    /// The component needs WASI 0.3, which requires another engine.
    #[error(
        "it uses `{0}` of WASI 0.3, which this version of Berth does not run yet; export \
         `wasi:http/incoming-handler@0.2` instead"
    )]
    NeedsWasi03(String),
    /// The component exceeds a limit of the host.
    #[error(
        "it has {found} {kind}, and the host compiles no more than {most}; split it into several components, or leave out \
         what it does not use"
    )]
    TooMuch {
        /// The counted kind.
        kind: Counted,
        /// The number found.
        found: u64,
        /// The limit.
        most: u64,
    },
    /// The component is malformed, or wasmtime refused it.
    #[error("it is not a valid component: {0}")]
    Invalid(String),
    /// The compilation timed out.
    #[error(
        "it takes more than {} seconds to compile; split it into several components, or leave out what it does not use",
        .0.as_secs()
    )]
    TooSlow(Duration),
    /// The compilation exceeded its memory limit.
    #[error(
        "it takes more than {} MiB of memory to compile; set BERTH_COMPILE_MEMORY to more, if there is more, or compile it \
         ahead into BERTH_CODE_CACHE by `berth check` on a larger machine",
        .0 / MIB
    )]
    TooMuchMemory(u64),
    /// Another process killed the compiling process.
    #[error(
        "the process that compiled it was killed, by the system if memory ran out; push it again, and give the host more \
         memory than {} MiB for compiling (BERTH_COMPILE_MEMORY) if that happens again",
        .0 / MIB
    )]
    Killed(u64),
    /// The compiling process failed in any other way, which is a bug of the compiler.
    #[error("the process that compiled it failed ({status}): {reason}")]
    Crashed {
        /// The exit status.
        status: ExitStatus,
        /// The output of the process.
        reason: String,
    },
    /// The compiling process could not be started, or waited for.
    #[error("the process that compiles cannot be run: {0}")]
    Process(io::Error),
    /// The cache cannot be used.
    #[error("the code cache `{}` cannot be used: {error}", path.display())]
    Cache {
        /// The file or directory.
        path: PathBuf,
        /// The operating system's error.
        error: io::Error,
    },
}

/// The directories of machine code. Only the host and its installer may write to them, because the host runs the code
/// in them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CodeCache {
    /// The read-only directory of components compiled in advance. It is searched first.
    pub ahead: Option<PathBuf>,
    /// The directory of components that this host compiles. It is created when it is needed.
    pub own: PathBuf,
}

/// Compiles components, one at a time and outside of the threads that serve requests.
pub struct Compiler {
    engine: Engine,
    cache: CodeCache,
    process: Option<CompilerProcess>,
    compatibility: u64,
    one_at_a_time: Mutex<()>,
}

/// Machine code of a component, ready to be linked.
pub struct Compiled {
    pub(crate) component: Component,
    pub(crate) lines: Option<Arc<SourceLines>>,
    pub(crate) digest: Arc<str>,
    /// The engine that runs the code. It shares resources between the instances of all components.
    pub(crate) engine: Engine,
    /// Whether the code came from the cache.
    pub was_cached: bool,
}

/// The SHA-256 of a component's bytes, in lower-case hexadecimal.
#[must_use]
pub fn digest(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    Sha256::digest(bytes)
        .iter()
        .fold(String::with_capacity(64), |mut text, byte| {
            // Writing to a string cannot fail.
            let _ = write!(text, "{byte:02x}");
            text
        })
}

impl Compiler {
    /// A compiler with the cache `cache`. It compiles in a separate `process`, or, for tests, in this one.
    #[must_use]
    pub fn new(engine: Engine, cache: CodeCache, process: Option<CompilerProcess>) -> Self {
        let compatibility = compatibility(engine.wasmtime());
        Self {
            engine,
            cache,
            process,
            compatibility,
            one_at_a_time: Mutex::default(),
        }
    }

    /// Compiles a component, or takes its machine code from the cache. `digest` is the [`digest`] of the
    /// component's bytes.
    pub async fn compile(&self, component: &Uncompiled, digest: &str) -> Result<Compiled, CompileError> {
        // The wait for the previous compilation does not count towards the time limit.
        let _turn = self.one_at_a_time.lock().await;
        if let Some(compiled) = self.recall(digest).await {
            return Ok(compiled);
        }
        let path = self.cache.own.join(self.file(digest));
        let place = path.clone();
        let unusable = |error| CompileError::Cache {
            path: place.clone(),
            error,
        };
        let partial = Partial::beside(&path).map_err(unusable)?;
        match &self.process {
            Some(process) => {
                let wasm = self.file_of(component).await.map_err(unusable)?;
                process
                    .compile(wasm.path(), partial.output().map_err(unusable)?)
                    .await?;
            }
            None => partial.fill(&component.bytes)?,
        }
        partial.finish(&path).map_err(unusable)?;
        let engine = self.engine.wasmtime().clone();
        let loaded = spawn_blocking(move || load(&engine, &path)).await;
        let loaded = loaded.map_err(io::Error::from).map_err(CompileError::Process)?;
        let loaded = loaded.map_err(|error| CompileError::Invalid(format!("{error:#}")))?;
        Ok(self.compiled(loaded, digest, false))
    }

    /// Creates a file for a component that is being uploaded.
    ///
    /// # Errors
    ///
    /// If no file can be created in the cache's own directory.
    pub fn incoming(&self) -> io::Result<IncomingWasm> {
        IncomingWasm::new(&self.cache.own)
    }

    /// A file with the component's bytes.
    async fn file_of(&self, component: &Uncompiled) -> io::Result<Arc<WasmFile>> {
        let (wasm, directory) = (component.bytes.clone(), self.cache.own.clone());
        spawn_blocking(move || wasm.file(&directory)).await?
    }

    /// Loads a component from the cache, by the [`digest`] of its bytes.
    pub async fn recall(&self, digest: &str) -> Option<Compiled> {
        let file = self.file(digest);
        let ahead = self.cache.ahead.as_ref().map(|directory| directory.join(&file));
        let (engine, own) = (self.engine.wasmtime().clone(), self.cache.own.join(&file));
        let kept = spawn_blocking(move || {
            ahead
                .and_then(|path| cached(&engine, &path))
                .or_else(|| cached(&engine, &own))
        });
        let loaded = kept.await.ok().flatten()?;
        Some(self.compiled(loaded, digest, true))
    }

    fn compiled(&self, (component, lines): Loaded, digest: &str, was_cached: bool) -> Compiled {
        Compiled {
            component,
            lines,
            digest: Arc::from(digest),
            engine: self.engine.clone(),
            was_cached,
        }
    }

    fn file(&self, digest: &str) -> String {
        format!("{digest}-{:016x}.cwasm", self.compatibility)
    }
}

/// A hash that machine code must share to be exchanged.
pub(crate) fn compatibility(engine: &wasmtime::Engine) -> u64 {
    let mut hasher = DefaultHasher::new();
    engine.precompile_compatibility_hash().hash(&mut hasher);
    source_lines::MARK.hash(&mut hasher);
    hasher.finish()
}

/// Machine code, and its source lines if the component has them.
type Loaded = (Component, Option<Arc<SourceLines>>);

fn cached(engine: &wasmtime::Engine, path: &Path) -> Option<Loaded> {
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
fn load(engine: &wasmtime::Engine, path: &Path) -> wasmtime::Result<Loaded> {
    // SAFETY: only the host's user and its installer can write to the file's directory, and `Compiler::compile` wrote
    // the file.
    let component = unsafe { Component::deserialize_file(engine, path) }?;
    Ok((component, SourceLines::open(path)?.map(Arc::new)))
}

/// An unfinished file in the directory of its target. It is renamed when it is complete, so that a host that starts or
/// crashes meanwhile sees a complete file or none. On drop, the file is removed.
struct Partial(PathBuf);

impl Partial {
    fn beside(path: &Path) -> io::Result<Self> {
        path.parent().map_or(Ok(()), create_private)?;
        Ok(Self(
            path.with_extension(format!("{}.{PARTIAL}", std::process::id())),
        ))
    }

    /// Creates the file, empty and open for writing.
    fn output(&self) -> io::Result<File> {
        File::create(&self.0)
    }

    /// Compiles into the file, in this process.
    fn fill(&self, bytes: &[u8]) -> Result<(), CompileError> {
        let unusable = |error| CompileError::Cache {
            path: self.0.clone(),
            error,
        };
        compile_into(bytes, &mut self.output().map_err(unusable)?).map_err(|failure| match failure {
            Failure::Invalid(error) => CompileError::Invalid(format!("{error:#}")),
            Failure::Io(error) => unusable(error),
        })
    }

    fn finish(self, path: &Path) -> io::Result<()> {
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

pub(crate) fn create_private(directory: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(directory)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

    use super::*;
    use crate::engine::EngineSettings;

    const EMPTY_COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0";

    #[tokio::test]
    async fn what_was_compiled_ahead_needs_no_place_to_write() {
        let engine = Engine::new(EngineSettings {
            instances: 1,
            guest_memory: u64::MAX,
        })
        .unwrap();
        let image = tempfile::tempdir().unwrap();
        let compile = async |cache| {
            let component = Uncompiled::read(EMPTY_COMPONENT.to_vec().into()).unwrap();
            Compiler::new(engine.clone(), cache, None)
                .compile(&component, &digest(EMPTY_COMPONENT))
                .await
        };
        let read_only = |ahead| CodeCache {
            ahead,
            own: "/dev/null/cache".into(),
        };

        assert!(matches!(
            compile(read_only(None)).await,
            Err(CompileError::Cache { .. })
        ));
        compile(CodeCache {
            ahead: None,
            own: image.path().join("cache"),
        })
        .await
        .unwrap();
        compile(read_only(Some(image.path().join("cache"))))
            .await
            .unwrap();
    }

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
