//! Test fixtures: components made from WIT and a core module in text, and a host that loads them.

#![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

use std::num::NonZeroU32;
use std::path::Path;
use std::sync::Arc;

use tempfile::TempDir;
use wit_component::{ComponentEncoder, StringEncoding, dummy_module, embed_component_metadata};
use wit_parser::{LiftLowerAbi, ManglingAndAbi, Resolve, WorldId};

use crate::{
    Candidate, CandidateError, CodeCache, Compiler, ComponentSpec, Deployment, Engine, EngineSettings,
    Registry, Resources, Uncompiled, Version, digest,
};

/// A component of the world `world` in `wit`, which may use the packages of the project's own wit/.
pub(crate) fn component(wit: &str, world: &str, module: &str) -> Vec<u8> {
    let (resolve, world) = resolve(wit, world);
    encode(wat::parse_str(module).unwrap(), &resolve, world)
}

/// A component of the world `world` in `wit` whose every function traps.
pub(crate) fn dummy(wit: &str, world: &str) -> Vec<u8> {
    let (resolve, world) = resolve(wit, world);
    let module = dummy_module(&resolve, world, ManglingAndAbi::Legacy(LiftLowerAbi::Sync));
    encode(module, &resolve, world)
}

/// The packages of the project's own wit/.
pub(crate) fn wit() -> Resolve {
    let mut resolve = Resolve::default();
    resolve
        .push_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../wit"))
        .unwrap();
    resolve
}

fn resolve(wit: &str, world: &str) -> (Resolve, WorldId) {
    let mut resolve = self::wit();
    let package = resolve.push_str("fixture.wit", wit).unwrap();
    let world = resolve.select_world(&[package], Some(world)).unwrap();
    (resolve, world)
}

fn encode(mut module: Vec<u8>, resolve: &Resolve, world: WorldId) -> Vec<u8> {
    embed_component_metadata(&mut module, resolve, world, StringEncoding::UTF8).unwrap();
    ComponentEncoder::default()
        .module(&module)
        .unwrap()
        .encode()
        .unwrap()
}

/// The manifest entry of a component without grants, except for `imports`.
pub(crate) fn spec(name: &str, imports: &[(&str, &str)]) -> ComponentSpec {
    ComponentSpec {
        imports: imports
            .iter()
            .map(|(import, name)| ((*import).to_owned(), (*name).to_owned()))
            .collect(),
        ..ComponentSpec::new(name)
    }
}

/// An engine, and an initially empty registry.
pub(crate) struct Host {
    pub(crate) registry: Arc<Registry>,
    compiler: Compiler,
    _cache: TempDir,
}

impl Host {
    pub(crate) fn new() -> Self {
        let engine = Engine::new(EngineSettings {
            instances: 16,
            guest_memory: u64::MAX,
        })
        .unwrap();
        let directory = tempfile::tempdir().unwrap();
        let cache = CodeCache {
            ahead: None,
            own: directory.path().join("cache"),
        };
        let compiler = Compiler::new(engine, cache, None);
        Self {
            registry: Arc::default(),
            compiler,
            _cache: directory,
        }
    }

    pub(crate) async fn verify(
        &self,
        spec: ComponentSpec,
        component: &[u8],
    ) -> Result<Candidate, CandidateError> {
        let uncompiled = Uncompiled::read(component.to_vec().into()).unwrap();
        uncompiled.check(&spec)?;
        let compiled = self
            .compiler
            .compile(&uncompiled, &digest(component))
            .await
            .unwrap();
        let mut candidate = Candidate::link(&compiled, Arc::new(spec))?;
        candidate.ask().await?;
        Ok(candidate)
    }

    /// Makes these components live, and returns the first.
    pub(crate) async fn deploy(&self, components: Vec<(ComponentSpec, Vec<u8>)>) -> Arc<Version> {
        let mut versions = Vec::new();
        for (spec, component) in components {
            let candidate = self.verify(spec, &component).await.unwrap();
            let resources = Resources::new(candidate.spec(), None, None, None, None);
            versions.push(Arc::new(candidate.version(NonZeroU32::new(1), resources)));
        }
        let first = Arc::clone(&versions[0]);
        self.registry.publish(Deployment::new(versions).unwrap());
        first
    }
}
