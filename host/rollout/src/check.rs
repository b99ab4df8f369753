//! `berth check`: makes those checks of a swap that need no database, for every component of a manifest.

use std::sync::Arc;

use berth_runtime::{
    Candidate, CandidateError, CodeCache, Compiler, CompilerProcess, ComponentSpec, Engine, EngineSettings,
    Wasm, check_compatibility, digest,
};

use crate::components::Components;
use crate::entrances::{ApplyManifestError, read_files};
use crate::report::{Failure, Step};
use crate::stages::read;

/// A component that passed the checks.
pub struct Checked {
    /// Its name.
    pub component: String,
    /// The SHA-256 of its bytes, in lower-case hexadecimal.
    pub digest: String,
}

/// Compiles the components of a manifest by `process`, or takes them from `cache`, links each against its grants, and
/// checks that components which call each other are compatible.
pub async fn check(
    components: &Components,
    cache: &CodeCache,
    process: CompilerProcess,
) -> Result<Vec<Checked>, ApplyManifestError> {
    let engine = Engine::new(EngineSettings {
        instances: components.instances(),
        guest_memory: u64::MAX,
    })?;
    let compiler = Compiler::new(engine, cache.clone(), Some(process));
    let files = read_files(components).await?;
    let mut candidates = Vec::with_capacity(files.len());
    for component in components.iter() {
        let Some(bytes) = files.get(&component.name) else {
            continue;
        };
        let candidate = candidate(&compiler, component, bytes).await;
        candidates.push(candidate.map_err(|failure| refused(&component.name, failure))?);
    }
    check_compatibility(&candidates, [])
        .map_err(|error| refused(&error.importer, Failure::lasting(Step::Imports, &error)))?;
    let checked = |candidate: &Candidate| Checked {
        component: candidate.spec().name.clone(),
        digest: candidate.digest().to_owned(),
    };
    Ok(candidates.iter().map(checked).collect())
}

async fn candidate(
    compiler: &Compiler,
    component: &Arc<ComponentSpec>,
    bytes: &Wasm,
) -> Result<Candidate, Failure> {
    let uncompiled = read(bytes.clone()).await?;
    uncompiled.check(component).map_err(CandidateError::from)?;
    let code = compiler
        .compile(&uncompiled, &digest(bytes))
        .await
        .map_err(|error| Failure::from(&error))?;
    let mut candidate = Candidate::link(&code, Arc::clone(component))?;
    candidate.ask().await?;
    Ok(candidate)
}

fn refused(component: &str, failure: Failure) -> ApplyManifestError {
    ApplyManifestError::Refused {
        component: component.to_owned(),
        failure,
    }
}
