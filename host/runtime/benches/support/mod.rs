//! Shared by the benches: the fixtures, which `cargo xtask test` and `cargo xtask bench` build, and a host for them.

use std::fs;
use std::path::Path;

use anyhow::Context;
use berth_runtime::{CodeCache, Compiler, Engine, EngineSettings, Wasm};

/// The bytes of a component, by its path from the project's root.
pub(crate) fn component(path: &str) -> anyhow::Result<Wasm> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path);
    let bytes =
        fs::read(&file).with_context(|| format!("{path} is not built: run `cargo xtask bench` first"))?;
    Ok(bytes.into())
}

/// A compiler with a code cache in `folder`.
pub(crate) fn compiler(folder: &Path) -> anyhow::Result<Compiler> {
    let engine = Engine::new(EngineSettings {
        instances: 64,
        guest_memory: u64::MAX,
    })?;
    Ok(Compiler::new(
        engine,
        CodeCache {
            ahead: None,
            own: folder.to_owned(),
        },
        None,
    ))
}
