//! Bytes → compiled component, through a cache on disk.
//!
//! A component is compiled once for each version of wasmtime and kind of processor: its machine code is kept in a
//! directory that only the host writes, under the SHA-256 of the wasm and the engine's compatibility hash, and
//! mapped into memory at the next start. Before that, in a directory that is only read, where an image brings what was
//! compiled when it was built.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use std::{fs, io};

use sha2::{Digest, Sha256};
use tokio::sync::Mutex;
use wasmparser::{ComponentExternalKind, Parser, Payload};
use wasmtime::component::Component;

use crate::engine::Engine;

/// The largest component that is compiled, in bytes. Compilation is not hardened against hostile input.
const MAX_BYTES: usize = 64 * 1024 * 1024;

/// The longest that a compilation may take.
const MAX_TIME: Duration = Duration::from_mins(2);

/// How many compiled components the host's own cache keeps. A developer who saves all day makes as many.
const MOST_KEPT: usize = 500;

/// Why bytes did not become a component.
#[derive(Debug, thiserror::Error)]
pub enum CompileError {
    /// The file is larger than a component may be.
    #[error("it is {0} bytes large, more than the {MAX_BYTES} that the host compiles")]
    TooLarge(usize),
    /// Machine code: nothing says that it is what its wasm would compile to.
    #[error("it is machine code precompiled by wasmtime; give the component's wasm, the host compiles it")]
    Precompiled,
    /// A core module.
    #[error(
        "it is a core WebAssembly module, not a component; build it for wasm32-wasip2, or wrap it by \
         `wasm-tools component new`"
    )]
    CoreModule,
    /// No WebAssembly at all.
    #[error("it is not WebAssembly")]
    NotWebAssembly,
    /// It speaks WASI 0.3, whose components need another engine.
    #[error(
        "it uses `{0}` of WASI 0.3, which this version of Berth does not run yet; export \
         `wasi:http/incoming-handler@0.2` instead"
    )]
    NeedsWasi03(String),
    /// wasmtime refused it.
    #[error("it is not a valid component: {0:#}")]
    Invalid(wasmtime::Error),
    /// It took too long.
    #[error("it takes more than {} seconds to compile", MAX_TIME.as_secs())]
    TooSlow,
    /// The cache cannot be used.
    #[error("the code cache `{}` cannot be used: {error}", path.display())]
    Cache {
        /// The file or directory.
        path: PathBuf,
        /// What the operating system says.
        error: io::Error,
    },
}

/// Where machine code is kept. Nobody but the host, and whoever installs it, may write to either directory: what lies
/// there is run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CodeCache {
    /// What was compiled ahead. Looked into first and never written to.
    pub ahead: Option<PathBuf>,
    /// What is compiled here. It is made when there is something to keep.
    pub own: PathBuf,
}

/// Compiles components, one at a time and off the threads that serve requests.
pub struct Compiler {
    engine: Engine,
    cache: CodeCache,
    compatibility: u64,
    one_at_a_time: Arc<Mutex<()>>,
}

/// Machine code of a component, ready to be linked.
pub struct Compiled {
    pub(crate) component: Component,
    pub(crate) digest: Arc<str>,
    /// Runs it, and has what its instances share with those of every other component.
    pub(crate) engine: Engine,
    /// Whether it was compiled before, and taken from the cache.
    pub was_cached: bool,
}

/// The SHA-256 of a component's bytes, in lower-case hexadecimal.
#[must_use]
pub fn digest(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    Sha256::digest(bytes).iter().fold(String::with_capacity(64), |mut text, byte| {
        // Writing to a string does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

impl Compiler {
    /// A compiler that keeps in `cache` what it compiles.
    #[must_use]
    pub fn new(engine: Engine, cache: CodeCache) -> Self {
        let mut hasher = DefaultHasher::new();
        engine.wasmtime().precompile_compatibility_hash().hash(&mut hasher);
        Self { engine, cache, compatibility: hasher.finish(), one_at_a_time: Arc::default() }
    }

    /// Compiles `bytes`, whose [`digest`] is `digest`, or takes the machine code from the cache.
    pub async fn compile(&self, bytes: Arc<[u8]>, digest: &str) -> Result<Compiled, CompileError> {
        check(&bytes)?;
        let (engine, own) = (self.engine.wasmtime().clone(), self.cache.own.join(self.file(digest)));
        // Waiting for the one before is not counted: each has the whole time for itself.
        let turn = Arc::clone(&self.one_at_a_time).lock_owned().await;
        if let Some(compiled) = self.recall(digest).await {
            return Ok(compiled);
        }
        let work = tokio::task::spawn_blocking(move || {
            // Held until the work ends, which it does even when nobody waits for it any longer.
            let _turn = turn;
            compile_into(&engine, &bytes, &own)
        });
        let component = match tokio::time::timeout(MAX_TIME, work).await {
            Ok(Ok(result)) => result?,
            Ok(Err(panic)) => return Err(CompileError::Invalid(wasmtime::Error::msg(panic.to_string()))),
            Err(_) => return Err(CompileError::TooSlow),
        };
        Ok(self.compiled(component, digest, false))
    }

    /// What has been compiled before, by the [`digest`] of its bytes.
    pub async fn recall(&self, digest: &str) -> Option<Compiled> {
        let file = self.file(digest);
        let ahead = self.cache.ahead.as_ref().map(|directory| directory.join(&file));
        let (engine, own) = (self.engine.wasmtime().clone(), self.cache.own.join(&file));
        let kept = tokio::task::spawn_blocking(move || {
            ahead.and_then(|path| cached(&engine, &path)).or_else(|| cached(&engine, &own))
        });
        let component = kept.await.ok().flatten()?;
        Some(self.compiled(component, digest, true))
    }

    fn compiled(&self, component: Component, digest: &str, was_cached: bool) -> Compiled {
        Compiled { component, digest: Arc::from(digest), engine: self.engine.clone(), was_cached }
    }

    fn file(&self, digest: &str) -> String {
        format!("{digest}-{:016x}.cwasm", self.compatibility)
    }
}

/// Whether the bytes are worth compiling: refuses by name what people push by mistake.
pub fn check(bytes: &[u8]) -> Result<(), CompileError> {
    if bytes.len() > MAX_BYTES {
        return Err(CompileError::TooLarge(bytes.len()));
    }
    if wasmtime::Engine::detect_precompiled(bytes).is_some() {
        return Err(CompileError::Precompiled);
    }
    if Parser::is_core_wasm(bytes) {
        return Err(CompileError::CoreModule);
    }
    if !Parser::is_component(bytes) {
        return Err(CompileError::NotWebAssembly);
    }
    match wasi_03(bytes) {
        Some(interface) => Err(CompileError::NeedsWasi03(interface)),
        None => Ok(()),
    }
}

/// The first interface of WASI 0.3 that the component itself exports or imports. wasmtime says of such a component
/// no more than that it needs a feature. A malformed component has none: wasmtime says what is wrong with it.
fn wasi_03(bytes: &[u8]) -> Option<String> {
    let is_03 = |name: &str| name.starts_with("wasi:") && name.contains("@0.3.");
    let mut depth = 0_usize;
    for payload in Parser::new(0).parse_all(bytes) {
        match payload.ok()? {
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::ComponentExportSection(exports) if depth == 0 => {
                for export in exports {
                    let export = export.ok()?;
                    if export.kind == ComponentExternalKind::Instance && is_03(export.name.name) {
                        return Some(export.name.name.to_owned());
                    }
                }
            }
            Payload::ComponentImportSection(imports) if depth == 0 => {
                for import in imports {
                    let name = import.ok()?.name.name;
                    if is_03(name) {
                        return Some(name.to_owned());
                    }
                }
            }
            _ => {}
        }
    }
    None
}

fn cached(engine: &wasmtime::Engine, path: &Path) -> Option<Component> {
    if !path.exists() {
        return None;
    }
    load(engine, path)
        .inspect_err(|error| {
            tracing::warn!(path = %path.display(), "compiling again, the cached code is not usable: {error:#}");
        })
        .ok()
}

#[expect(unsafe_code, reason = "loading machine code is unsafe unless it is wasmtime's own output")]
fn load(engine: &wasmtime::Engine, path: &Path) -> wasmtime::Result<Component> {
    // SAFETY: the file is in a directory that only the host's user, or who installed it, can write to, and was written by
    // `compile_into`.
    unsafe { Component::deserialize_file(engine, path) }
}

fn compile_into(engine: &wasmtime::Engine, bytes: &[u8], path: &Path) -> Result<Component, CompileError> {
    let code = engine.precompile_component(bytes).map_err(CompileError::Invalid)?;
    write_whole(path, &code).map_err(|error| CompileError::Cache { path: path.to_owned(), error })?;
    path.parent().map_or(Ok(()), forget_oldest).unwrap_or_else(|error| {
        tracing::warn!(path = %path.display(), %error, "old machine code cannot be removed from the cache");
    });
    load(engine, path).map_err(CompileError::Invalid)
}

/// Removes what was compiled longest ago. What is in use stays in memory until nobody uses it.
fn forget_oldest(directory: &Path) -> io::Result<()> {
    let mut kept = Vec::new();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        // Another host may be quicker to remove it.
        if let Ok(compiled) = fs::metadata(&path).and_then(|file| file.modified()) {
            kept.push((compiled, path));
        }
    }
    kept.sort_unstable();
    let surplus = kept.len().saturating_sub(MOST_KEPT);
    kept.drain(..surplus).try_for_each(|(_, path)| match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    })
}

/// Written beside and renamed over, so that a host that starts or dies meanwhile sees all of a file or none of it.
fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    path.parent().map_or(Ok(()), create_private)?;
    let partial = path.with_extension(format!("{}.partial", std::process::id()));
    fs::write(&partial, bytes)?;
    fs::rename(&partial, path)
}

fn create_private(directory: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(directory)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

    use super::*;
    use crate::engine::EngineSettings;

    const EMPTY_COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0";

    #[tokio::test]
    async fn what_was_compiled_ahead_needs_no_place_to_write() {
        let engine = Engine::new(EngineSettings { instances: 1, guest_memory: u64::MAX }).unwrap();
        let image = tempfile::tempdir().unwrap();
        let compile = async |cache| {
            Compiler::new(engine.clone(), cache)
                .compile(EMPTY_COMPONENT.into(), &digest(EMPTY_COMPONENT))
                .await
        };
        let read_only = |ahead| CodeCache { ahead, own: "/dev/null/cache".into() };

        assert!(matches!(compile(read_only(None)).await, Err(CompileError::Cache { .. })));
        compile(CodeCache { ahead: None, own: image.path().join("cache") }).await.unwrap();
        compile(read_only(Some(image.path().join("cache")))).await.unwrap();
    }

    #[test]
    fn what_was_compiled_longest_ago_makes_room() {
        let cache = tempfile::tempdir().unwrap();
        let file = |number: usize| cache.path().join(number.to_string());
        for number in 0..MOST_KEPT + 2 {
            let age = Duration::from_secs(u64::try_from(MOST_KEPT + 2 - number).unwrap());
            let written = std::time::SystemTime::now() - age;
            fs::File::create(file(number)).unwrap().set_modified(written).unwrap();
        }
        forget_oldest(cache.path()).unwrap();
        assert_eq!([0, 1, 2].map(|number| file(number).exists()), [false, false, true]);
        assert_eq!(fs::read_dir(cache.path()).unwrap().count(), MOST_KEPT);
    }

    #[test]
    fn what_is_not_a_component_is_refused_by_name() {
        assert!(matches!(check(b"hello"), Err(CompileError::NotWebAssembly)));
        assert!(matches!(check(b"\0asm\x01\0\0\0"), Err(CompileError::CoreModule)));
        assert!(matches!(check(b""), Err(CompileError::NotWebAssembly)));
        assert!(check(EMPTY_COMPONENT).is_ok(), "an empty component is one, though a useless one");
    }
}
