//! Compiles a component's bytes to machine code, with a cache on disk.
//!
//! A component is compiled once for each version of wasmtime and kind of processor, in a separate process. Its machine
//! code is stored in a directory that only the host writes to, under the SHA-256 of the wasm and the engine's
//! compatibility hash, and is mapped into memory at the next start. A read-only directory is searched first; an image
//! stores there the components that were compiled when the image was built.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::sync::Arc;

use sha2::{Digest, Sha256};
use tokio::sync::Mutex;
use tokio::task::spawn_blocking;
use wasmtime::component::Component;

use super::code_cache::{CodeCache, Loaded, Partial, cached, load};
use super::compile_error::CompileError;
use super::compile_process::CompilerProcess;
use super::document_section;
use super::uncompiled::Uncompiled;
use super::wasm::{IncomingWasm, WasmFile};
use crate::engine::Engine;
use crate::run::guest_memory::GuestMemoryUse;
use crate::source_lines::{self, SourceLines};

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
    /// The OpenAPI document of its custom section.
    pub(crate) document: Option<Arc<[u8]>>,
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

    /// The memory of all instances of the engine.
    #[must_use]
    pub fn guest_memory(&self) -> GuestMemoryUse {
        self.engine.memory().in_use()
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

    fn compiled(&self, loaded: Loaded, digest: &str, was_cached: bool) -> Compiled {
        Compiled {
            component: loaded.component,
            lines: loaded.lines,
            document: loaded.document,
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
    (source_lines::MARK, document_section::MARK).hash(&mut hasher);
    hasher.finish()
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
    fn what_one_engine_compiles_every_other_takes() {
        let compiling = compatibility(&Engine::for_compiling(false).unwrap());
        for instances in [1, 16, 500] {
            let engine = Engine::new(EngineSettings {
                instances,
                guest_memory: u64::MAX,
            })
            .unwrap();
            assert_eq!(compatibility(engine.wasmtime()), compiling, "{instances}");
        }
    }
}
